import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import {
  bitString,
  context,
  integer,
  oid,
  parseBitString,
  parseDer,
  parseSequence,
  sequence,
  time,
  toPem,
} from '#base/x509/der.ts';
import {
  type AlternativeNames,
  alternativeNames,
  authorityKeyId,
  basicConstraints,
  subjectKeyId,
  usageExtensions,
  version3,
} from '#base/x509/extensions.ts';
import { generateEcKey, privateKeyPem } from '#base/x509/keys.ts';
import { encodeSubject, type Subject } from '#base/x509/subject.ts';

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/**
 * Certificates are good from the beginning of computer time: a board without a clock, or with a slow one, must not
 * refuse what it was just given.
 */
const NOT_BEFORE = new Date(0);

/** No certificate is issued by a clock before this moment: it would have ended by the time the clock is set. */
const EARLIEST_NOW = Date.UTC(2026, 0, 1);

/** A certificate with its private key, both as PEM. */
export interface KeyCertificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority ready to sign. */
export interface Authority extends KeyCertificate {
  readonly subjectDer: Buffer;
  readonly keyId: Buffer;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly certificate: X509Certificate;
}

export interface CertificateRequest {
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  /** In the API's words: `digital signature`, `server auth` ... */
  readonly usages: readonly string[];
  readonly names?: AlternativeNames;
  readonly lifetimeMs: number;
  readonly now?: Date;
}

/** Makes a self-signed authority, with a fresh key unless one is given. */
export async function createAuthority(
  commonName: string,
  {
    lifetimeMs,
    now = new Date(),
    keys,
  }: { lifetimeMs: number; now?: Date; keys?: { publicKey: KeyObject; privateKey: KeyObject } },
): Promise<Authority> {
  const { publicKey, privateKey } = keys ?? (await generateEcKey());
  const subjectDer = encodeSubject({ commonName, organizations: [] });
  const keyId = keyIdOf(publicKey);
  const cert = assemble({
    issuerDer: subjectDer,
    signer: privateKey,
    subjectDer,
    publicKey,
    notAfter: endOfLife(now, lifetimeMs),
    extensions: [
      basicConstraints(true),
      ...usageExtensions(['digital signature', 'key encipherment', 'cert sign', 'crl sign']),
      subjectKeyId(keyId),
    ],
  });
  return authorityFrom({ cert, key: privateKeyPem(privateKey) });
}

/** Reads an authority back from its PEM texts. Throws when they are damaged or do not belong together. */
export function authorityFrom({ cert, key }: KeyCertificate): Authority {
  const certificate = new X509Certificate(cert);
  const privateKey = createPrivateKey(key);
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('The key does not belong to the certificate');
  const publicKey = createPublicKey(privateKey);
  return {
    cert,
    key,
    certificate,
    privateKey,
    publicKey,
    keyId: keyIdOf(publicKey),
    subjectDer: subjectOf(certificate),
  };
}

/** Issues a certificate that can sign nothing itself, as PEM. */
export function issueCertificate(
  authority: Pick<Authority, 'subjectDer' | 'keyId' | 'privateKey' | 'certificate'>,
  {
    subject,
    publicKey,
    usages,
    names = { dnsNames: [], ipAddresses: [] },
    lifetimeMs,
    now = new Date(),
  }: CertificateRequest,
): string {
  const authorityEnd = Date.parse(authority.certificate.validTo);
  return assemble({
    issuerDer: authority.subjectDer,
    signer: authority.privateKey,
    subjectDer: encodeSubject(subject),
    publicKey,
    notAfter: new Date(Math.min(endOfLife(now, lifetimeMs).getTime(), authorityEnd)),
    extensions: [
      ...usageExtensions(usages),
      basicConstraints(false),
      subjectKeyId(keyIdOf(publicKey)),
      authorityKeyId(authority.keyId),
      ...alternativeNames(names),
    ],
  });
}

/** Makes a key and a certificate for it. */
export async function issueKeyCertificate(
  authority: Authority,
  request: Omit<CertificateRequest, 'publicKey'>,
): Promise<KeyCertificate> {
  const { publicKey, privateKey } = await generateEcKey();
  return { cert: issueCertificate(authority, { ...request, publicKey }), key: privateKeyPem(privateKey) };
}

/** When a certificate ends, in milliseconds. */
export function expiresAtMs(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

interface Parts {
  readonly issuerDer: Buffer;
  readonly signer: KeyObject;
  readonly subjectDer: Buffer;
  readonly publicKey: KeyObject;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

function assemble({ issuerDer, signer, subjectDer, publicKey, notAfter, extensions }: Parts): string {
  if (signer.asymmetricKeyType !== 'ec') throw new Error('Cannot issue a certificate: the authority needs an EC key');
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const body = sequence(
    version3(),
    integer(serialNumber()),
    algorithm,
    issuerDer,
    sequence(time(NOT_BEFORE), time(notAfter)),
    subjectDer,
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions), { constructed: true }),
  );
  const signature = sign('sha256', body, signer);
  return toPem('CERTIFICATE', sequence(body, algorithm, bitString(signature)));
}

function serialNumber(): Buffer {
  const serial = randomBytes(16);
  // Positive and never shorter than asked for, so that serials of one authority do not collide.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function endOfLife(now: Date, lifetimeMs: number): Date {
  const start = Math.max(now.getTime(), EARLIEST_NOW);
  return new Date(Math.floor((start + lifetimeMs) / 1000) * 1000);
}

function keyIdOf(publicKey: KeyObject): Buffer {
  const info = parseSequence(parseDer(publicKey.export({ type: 'spki', format: 'der' })));
  return createHash('sha1').update(parseBitString(info[1])).digest();
}

/** The subject's exact bytes: an issuer name must repeat them to the bit. */
function subjectOf(certificate: X509Certificate): Buffer {
  const [body] = parseSequence(parseDer(certificate.raw));
  const fields = parseSequence(body);
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4];
  if (subject === undefined) throw new Error('Cannot read the certificate: no subject');
  return subject.raw;
}
