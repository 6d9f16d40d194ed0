import { describe, expect, test } from 'vitest';
import { createSigningRequest, parseSigningRequest } from './csr.ts';
import { generateEcKey } from './keys.ts';

/** Made by another implementation: an RSA key, two organizations, every kind of name. */
const FOREIGN = `-----BEGIN CERTIFICATE REQUEST-----
MIICzjCCAbYCAQAwNzEMMAoGA1UECgwDZGV2MQwwCgYDVQQKDANvcHMxGTAXBgNV
BAMMEGphbmVAZXhhbXBsZS5jb20wggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK
AoIBAQC7wcDgg1TVwFsMa60m+vyFpMSjn6Io/83ObXwnXE4Yw8QiidKr6FXhOyKJ
/Up60NEnud7E1vREfvciCo4ZoOA1loMUfBCLTQrAtStK7fbpq+8Ll/jpMd0zwXIt
3iESNpF/gLUxMlPdzEK0Lm+A54CeNEoJc4JjZeqaYkZvT6slTdr9mTM94TsgHBC4
/hhnoGTy9B1zqc+DRqU1OIddUTlQPxH0P5uz4HknH6SyGAQmUx6uCK60JtG6h5kl
dQYPaVKsloj/RVjPCDqpsKrz3Q9+DA1kKWReiO0wB7M4suxuxoSR/nU/OCCEKpHs
Wckhbw7ue7kHTK9XG8tqZeBPymwbAgMBAAGgUjBQBgkqhkiG9w0BCQ4xQzBBMD8G
A1UdEQQ4MDaCCWEuZXhhbXBsZYcECgAAAYcQ/QAAAAAAAAAAAAAAAAAAAYYKc3Bp
ZmZlOi8veIEFYUBiLmMwDQYJKoZIhvcNAQELBQADggEBAH0ppPS/dakGTKmBF/Us
VSndWXj7Qx6Z2k1RUNfDVanD3YXzYEZLw0lmOdyd6pYX8mZmVv8p7Iomp4CAl8vq
pfo4nf/PEEGtSt8nPqs5vpJm7VOc6Va9XcA0TNr1g0T345Hfcf6fWhxsx/JpOr8Z
6tYo2E2BSinWOA0RNLZ/CTKqvPa7t46iCyh9mwiT5WeKCzIGA0C1CN5gdgMEp14o
OigxPaYkOEKB6r2mwxwGXTtrTf0Z5+k79w1dgKB7iG6fqLPG6OdWWTcZ2ldB+KLM
pIN9jObQk+YiAg8nEna8mSZgB1D/Fwvx+mH/tQPnTeBb4gyOdL9mhuAKlrzAGe/j
Uc8=
-----END CERTIFICATE REQUEST-----`;

describe('parseSigningRequest', () => {
  test('reads subject and names of a foreign request', () => {
    const { subject, names, publicKey } = parseSigningRequest(FOREIGN);
    expect(subject).toEqual({ commonName: 'jane@example.com', organizations: ['dev', 'ops'] });
    expect(names).toEqual({
      dnsNames: ['a.example'],
      ipAddresses: ['10.0.0.1', 'fd00::1'],
      emails: ['a@b.c'],
      uris: ['spiffe://x'],
    });
    expect(publicKey.asymmetricKeyType).toBe('rsa');
  });

  test('reads back what createSigningRequest wrote', async () => {
    const keys = await generateEcKey();
    const subject = { commonName: 'system:node:a', organizations: ['system:nodes'] };
    const names = { dnsNames: ['a'], ipAddresses: ['::1', '192.168.0.1'] };
    const parsed = parseSigningRequest(createSigningRequest({ subject, names, ...keys }));
    expect(parsed.subject).toEqual(subject);
    expect(parsed.names).toMatchObject(names);
    expect(parsed.publicKey.equals(keys.publicKey)).toBe(true);
  });

  test('refuses a request signed by another key', async () => {
    const [mine, other] = [await generateEcKey(), await generateEcKey()];
    const subject = { commonName: 'a', organizations: [] };
    const pem = createSigningRequest({ subject, publicKey: mine.publicKey, privateKey: other.privateKey });
    expect(() => parseSigningRequest(pem)).toThrow('not of its key');
  });

  test.each([
    { name: 'text', pem: 'hello', message: 'PEM block type must be CERTIFICATE REQUEST' },
    { name: 'a certificate', pem: FOREIGN.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), message: 'PEM block' },
    {
      name: 'garbage inside',
      pem: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      message: 'Cannot parse DER',
    },
  ])('refuses $name', ({ pem, message }) => {
    expect(() => parseSigningRequest(pem)).toThrow(message);
  });
});
