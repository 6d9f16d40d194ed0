import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { authorityHash, parseJoinToken } from '#base/join-token.ts';
import { createLogger } from '#base/logger.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import { generateEcKey } from '#base/x509/keys.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { openPki } from './pki.ts';
import { ServerCertificate, serverNames } from './server-certificate.ts';
import { signRequest } from './sign-request.ts';

const log = createLogger({ level: 'silent' });
let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skiff-pki-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

describe('openPki', () => {
  test('keeps everything over a second start, readable by the owner only', async () => {
    const first = await openPki({ dataDir });
    const second = await openPki({ dataDir });
    expect(second.clusterAuthority.cert).toBe(first.clusterAuthority.cert);
    expect(second.adminClient).toEqual(first.adminClient);
    expect(second.serviceAccountKey.keyId).toBe(first.serviceAccountKey.keyId);
    expect(second.joinToken).toBe(first.joinToken);
    expect((await stat(join(first.folder, 'ca.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'server', 'token'))).mode & 0o777).toBe(0o600);
  });

  test('a lost authority certificate is made from its key, so that what it signed stays good', async () => {
    const first = await openPki({ dataDir });
    await rm(join(first.folder, 'ca.crt'));
    const second = await openPki({ dataDir });
    expect(new X509Certificate(first.adminClient.cert).verify(second.clusterAuthority.publicKey)).toBe(true);
    expect(second.adminClient.cert).toBe(first.adminClient.cert);
  });

  test('a lost authority key is an error with the cure', async () => {
    const { folder } = await openPki({ dataDir });
    await rm(join(folder, 'ca.key'));
    await expect(openPki({ dataDir })).rejects.toThrow('ca.key is missing; restore it from a backup');
  });

  test('a damaged client certificate is issued again', async () => {
    const first = await openPki({ dataDir });
    await writeFile(join(first.folder, 'admin.crt'), 'oops');
    const second = await openPki({ dataDir });
    expect(new X509Certificate(second.adminClient.cert).verify(first.clusterAuthority.publicKey)).toBe(true);
  });

  test('a given token replaces the secret and still pins the authority', async () => {
    const { joinToken, joinSecret, clusterAuthority } = await openPki({ dataDir, token: 'my-secret' });
    expect(joinSecret).toBe('my-secret');
    expect(parseJoinToken(joinToken)).toEqual({
      authorityHash: authorityHash(clusterAuthority.cert),
      credential: 'node:my-secret',
    });
  });
});

test.each([
  {
    name: 'a long token',
    text: `K10${'a'.repeat(64)}::node:s3cret\n`,
    hash: 'a'.repeat(64),
    credential: 'node:s3cret',
  },
  {
    name: 'a long bootstrap token',
    text: `K10${'b'.repeat(64)}::abcdef.0123456789abcdef`,
    hash: 'b'.repeat(64),
    credential: 'abcdef.0123456789abcdef',
  },
  {
    name: 'a bootstrap token',
    text: 'abcdef.0123456789abcdef',
    hash: undefined,
    credential: 'abcdef.0123456789abcdef',
  },
])('parseJoinToken reads $name', ({ text, hash, credential }) => {
  expect(parseJoinToken(text)).toEqual({ authorityHash: hash, credential });
});

test.each(['', 'K10::', 'secret', `K10${'a'.repeat(10)}::node:x`])('parseJoinToken refuses %j', (text) => {
  expect(() => parseJoinToken(text)).toThrow('The token is malformed');
});

describe('ServerCertificate', () => {
  const namesWith = (...extra: string[]) =>
    serverNames({ serviceAddress: '10.43.0.1', clusterDomain: 'cluster.local', hostname: 'Box', extra });

  test('a client that trusts the authority connects by every name', async () => {
    const { clusterAuthority, folder } = await openPki({ dataDir });
    const certificate = new ServerCertificate({
      folder,
      authority: clusterAuthority,
      names: () => namesWith('fd00:0::1', 'x.example'),
      log,
    });
    await certificate.start();
    const server = createServer({ ...certificate.current });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      for (const servername of ['localhost', 'kubernetes.default.svc', 'box', 'x.example']) {
        const socket = await new Promise<TLSSocket>((resolve, reject) => {
          const client = connect({ port, host: '127.0.0.1', servername, ca: clusterAuthority.cert }, () =>
            resolve(client),
          );
          client.on('error', reject);
        });
        expect(socket.authorized).toBe(true);
        socket.destroy();
      }
      const parsed = new X509Certificate(certificate.current.cert);
      for (const address of ['127.0.0.1', '10.43.0.1', 'fd00::1']) expect(parsed.checkIP(address)).toBe(address);
    } finally {
      await certificate.stop();
      server.close();
    }
  });

  test('is issued again for a new name and before it ends, and tells its listeners', async () => {
    const { clusterAuthority, folder } = await openPki({ dataDir });
    let extra = ['a.example'];
    const certificate = new ServerCertificate({
      folder,
      authority: clusterAuthority,
      names: () => namesWith(...extra),
      log,
    });
    await certificate.start();
    const seen: string[] = [];
    certificate.onReload(({ cert }) => seen.push(cert));
    const first = certificate.current.cert;
    await certificate.check();
    expect(certificate.current.cert).toBe(first);
    extra = [];
    await certificate.check();
    expect(certificate.current.cert).toBe(first);
    extra = ['b.example'];
    await certificate.check();
    const second = certificate.current.cert;
    expect(second).not.toBe(first);
    await certificate.check(new Date(Date.now() + 300 * 86_400_000));
    expect(certificate.current.cert).not.toBe(second);
    expect(seen).toEqual([second, certificate.current.cert]);
    await certificate.stop();
  });
});

describe('signRequest', () => {
  test.each([
    { name: 'as long as asked', expirationSeconds: 3600, expectedMs: 3_600_000 },
    { name: 'at least ten minutes', expirationSeconds: 1, expectedMs: 600_000 },
    { name: 'at most the maximum', expirationSeconds: 10 ** 9, expectedMs: 86_400_000 },
    { name: 'the maximum by default', expirationSeconds: undefined, expectedMs: 86_400_000 },
  ])('$name', async ({ expirationSeconds, expectedMs }) => {
    const { clusterAuthority } = await openPki({ dataDir });
    const request = createSigningRequest({
      subject: { commonName: 'u', organizations: ['g'] },
      ...(await generateEcKey()),
    });
    const now = new Date('2030-05-05T00:00:00Z');
    const pem = signRequest(clusterAuthority, request, {
      usages: ['client auth'],
      expirationSeconds,
      maxLifetimeMs: 86_400_000,
      now,
    });
    const certificate = new X509Certificate(pem);
    expect(Date.parse(certificate.validTo) - now.getTime()).toBe(expectedMs);
    expect(certificate.subject).toBe('O=g\nCN=u');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(Date.parse(certificate.validFrom)).toBe(0);
  });

  test('refuses unknown usages', async () => {
    const { clusterAuthority } = await openPki({ dataDir });
    const request = createSigningRequest({
      subject: { commonName: 'u', organizations: [] },
      ...(await generateEcKey()),
    });
    expect(() => signRequest(clusterAuthority, request, { usages: ['flying'] })).toThrow('unknown key usage "flying"');
  });
});

test('writeKubeconfig writes once and keeps the mode asked for', async () => {
  const { clusterAuthority, adminClient } = await openPki({ dataDir });
  const path = join(dataDir, 'kubeconfig.yaml');
  const options = { server: 'https://127.0.0.1:6443', authorityCert: clusterAuthority.cert, client: adminClient };
  expect(await writeKubeconfig(path, options)).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await writeKubeconfig(path, { ...options, mode: 0o644 })).toBe(false);
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect(await readFile(path, 'utf8')).toContain('server: https://127.0.0.1:6443');
});
