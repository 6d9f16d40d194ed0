import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeIdentity } from '#agent/identity/node-identity.ts';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { nodes, pods } from '#api/core/v1.ts';
import { isForbidden } from '#api/meta/errors.ts';
import { createLogger } from '#base/logger.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import { generateEcKey } from '#base/x509/keys.ts';
import { Client } from '#client/client.ts';
import { type Credentials, HttpsTransport } from '#client/https-transport.ts';
import { eventually } from '#test/support/eventually.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
let folder: string;
const transports: HttpsTransport[] = [];
beforeAll(async () => {
  cluster = await TestCluster.start();
  folder = await mkdtemp(join(tmpdir(), 'skiff-identity-'));
});
afterAll(async () => {
  for (const transport of transports) transport.close();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

function clientWith(credentials: Credentials): Client {
  const transport = new HttpsTransport({ server: cluster.url, credentials: () => credentials, userAgent: 'test' });
  transports.push(transport);
  return new Client(transport);
}

function identity(name: string, token: string | undefined = cluster.server.pki.joinToken): NodeIdentity {
  return new NodeIdentity({
    folder: join(folder, name),
    server: cluster.url,
    nodeName: name,
    token,
    names: { dnsNames: [name], ipAddresses: ['192.0.2.50'] },
    userAgent: 'test',
    log: createLogger({ level: 'silent' }),
  });
}

async function requestFor(
  commonName: string,
  { organizations = [] as string[], usages = ['client auth'], signerName = 'kubernetes.io/kube-apiserver-client' } = {},
): Promise<CertificateSigningRequest> {
  const keys = await generateEcKey();
  const pem = createSigningRequest({ ...keys, subject: { commonName, organizations } });
  return {
    metadata: { name: '', generateName: 'test-' },
    spec: { request: Buffer.from(pem).toString('base64'), signerName, usages },
  };
}

describe('a node', () => {
  test('joins with the token, gets certificates for its own key, and may act as itself only', async () => {
    const joining = identity('worker');
    await joining.start(AbortSignal.timeout(10_000));
    const { cert = '' } = joining.credentials();
    expect(new X509Certificate(cert).subject.split('\n').sort()).toEqual(['CN=system:node:worker', 'O=system:nodes']);
    expect(new X509Certificate(joining.serving.cert).subjectAltName).toBe('DNS:worker, IP Address:192.0.2.50');
    await joining.stop();
    const client = clientWith(joining.credentials());
    await client.create(nodes, { metadata: { name: 'worker' }, spec: {} });
    await client.list(pods, { fieldSelector: 'spec.nodeName=worker' });
    await expect(client.delete(nodes, { name: 'worker' })).rejects.toSatisfy(isForbidden);
    // It comes back without its token.
    const again = identity('worker', undefined);
    await again.start(AbortSignal.timeout(10_000));
    expect(again.credentials().cert).toBe(cert);
    await again.stop();
  });

  test('cannot join with a wrong token', async () => {
    const token = cluster.server.pki.joinToken.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x'));
    await expect(identity('stranger', token).start(AbortSignal.timeout(2000))).rejects.toThrow();
    const { items } = await cluster.client.list(certificateSigningRequests);
    expect(items.filter(({ spec }) => spec.username?.includes('stranger'))).toEqual([]);
  });

  test('cannot take the name of a node that runs', async () => {
    await cluster.addNode('taken');
    const joining = identity('taken').start(AbortSignal.timeout(1500));
    await expect(joining).rejects.toThrow();
    const { items } = await cluster.client.list(certificateSigningRequests);
    const denied = items.flatMap(({ status }) => status?.conditions ?? []).filter(({ type }) => type === 'Denied');
    expect(denied[0]?.message).toMatch(/A node "taken" is running already: .*--node-name/);
  });

  test('gets no certificate of anybody else with its token', async () => {
    const [, credential = ''] = cluster.server.pki.joinToken.split('::');
    const client = clientWith({ ca: cluster.server.pki.clusterAuthority.cert, token: credential });
    const signerName = 'kubernetes.io/kube-apiserver-client-kubelet';
    const wishes = [
      await requestFor('admin', { organizations: ['system:masters'], signerName }),
      await requestFor('system:node:x', { organizations: ['system:nodes', 'system:masters'], signerName }),
    ];
    const names = [];
    for (const wish of wishes) names.push((await client.create(certificateSigningRequests, wish)).metadata.name);
    // A proper one, which is signed after those.
    await identity('proper').start(AbortSignal.timeout(10_000));
    for (const name of names) {
      const { status } = await cluster.client.get(certificateSigningRequests, { name });
      expect(status ?? {}).toEqual({});
    }
  });
});

describe('a certificate request of a user', () => {
  const approve = async (request: CertificateSigningRequest) => {
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'by an administrator' }];
    const approved = { ...request, status: { ...request.status, conditions } };
    await cluster.client.updateSubresource(certificateSigningRequests, request.metadata, 'approval', approved);
  };

  test('is signed within a second of its approval, and not before', async () => {
    const request = await cluster.client.create(
      certificateSigningRequests,
      await requestFor('jane', { organizations: ['dev'] }),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(
      (await cluster.client.get(certificateSigningRequests, request.metadata)).status?.certificate,
    ).toBeUndefined();
    await approve(request);
    const certificate = await eventually(
      async () => {
        const { status } = await cluster.client.get(certificateSigningRequests, request.metadata);
        expect(status?.certificate).toBeTruthy();
        return Buffer.from(status?.certificate ?? '', 'base64').toString();
      },
      { withinMs: 1000 },
    );
    const { subject, keyUsage } = new X509Certificate(certificate);
    expect(subject.split('\n').sort()).toEqual(['CN=jane', 'O=dev']);
    expect(keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });

  test('for what its signer does not sign fails and says why', async () => {
    const wish = await requestFor('jane', { usages: ['client auth', 'server auth'] });
    const request = await cluster.client.create(certificateSigningRequests, wish);
    await approve(request);
    await eventually(async () => {
      const { status } = await cluster.client.get(certificateSigningRequests, request.metadata);
      expect(status?.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
        reason: 'SignerValidationFailure',
        message: 'usage "server auth" is not for signer kubernetes.io/kube-apiserver-client',
      });
      expect(status?.certificate).toBeUndefined();
    });
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
