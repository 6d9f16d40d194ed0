import { beforeAll, describe, expect, test } from 'vitest';
import type { CertificateSigningRequest } from '#api/certificates/v1.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import { generateEcKey } from '#base/x509/keys.ts';
import { judge } from './certificates.ts';

const CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const SERVING = 'kubernetes.io/kubelet-serving';
const JOINING = { username: 'system:bootstrap:node', groups: ['system:bootstrappers'] };
const NODE = { username: 'system:node:a', groups: ['system:nodes'] };

let keys: Awaited<ReturnType<typeof generateEcKey>>;
beforeAll(async () => {
  keys = await generateEcKey();
});

interface Wish {
  readonly requester: { username: string; groups: string[] };
  readonly signerName: string;
  readonly commonName?: string;
  readonly organizations?: string[];
  readonly dnsNames?: string[];
  readonly usages?: string[];
}

function request({ requester, signerName, ...wish }: Wish): CertificateSigningRequest {
  const isServing = signerName === SERVING;
  const { commonName = 'system:node:a', organizations = ['system:nodes'], dnsNames = isServing ? ['a'] : [] } = wish;
  const subject = { commonName, organizations };
  const pem = createSigningRequest({ ...keys, subject, names: { dnsNames, ipAddresses: [] } });
  const usages = wish.usages ?? ['digital signature', isServing ? 'server auth' : 'client auth'];
  return {
    metadata: { name: 'r' },
    spec: { ...requester, request: Buffer.from(pem).toString('base64'), signerName, usages },
  };
}

describe('judge', () => {
  test.each<{ name: string; wish: Wish }>([
    { name: 'a joining node', wish: { requester: JOINING, signerName: CLIENT } },
    {
      name: 'a joining node of any name',
      wish: { requester: JOINING, signerName: CLIENT, commonName: 'system:node:b' },
    },
    { name: 'a node that renews', wish: { requester: NODE, signerName: CLIENT } },
    { name: 'a node that serves', wish: { requester: NODE, signerName: SERVING } },
  ])('approves $name', ({ wish }) => {
    expect(judge(request(wish), () => false)?.type).toBe('Approved');
  });

  test.each<{ name: string; wish: Wish }>([
    { name: 'somebody else', wish: { requester: { username: 'eve', groups: ['dev'] }, signerName: CLIENT } },
    { name: 'a joining node that wants to serve', wish: { requester: JOINING, signerName: SERVING } },
    {
      name: 'a joining node that wants to be an administrator',
      wish: { requester: JOINING, signerName: CLIENT, organizations: ['system:masters'] },
    },
    {
      name: 'a node that wants to be an administrator as well',
      wish: { requester: NODE, signerName: CLIENT, organizations: ['system:nodes', 'system:masters'] },
    },
    { name: 'a joining user', wish: { requester: JOINING, signerName: CLIENT, commonName: 'admin' } },
    {
      name: 'a node in the name of another',
      wish: { requester: NODE, signerName: CLIENT, commonName: 'system:node:b' },
    },
    {
      name: 'a node that serves for another',
      wish: { requester: NODE, signerName: SERVING, commonName: 'system:node:b' },
    },
    {
      name: 'a client certificate with names',
      wish: { requester: NODE, signerName: CLIENT, dnsNames: ['kubernetes'] },
    },
    { name: 'a serving certificate without names', wish: { requester: NODE, signerName: SERVING, dnsNames: [] } },
    { name: 'other usages', wish: { requester: NODE, signerName: CLIENT, usages: ['client auth', 'cert sign'] } },
    { name: 'too few usages', wish: { requester: NODE, signerName: CLIENT, usages: ['digital signature'] } },
    { name: 'other signers', wish: { requester: NODE, signerName: 'kubernetes.io/kube-apiserver-client' } },
  ])('leaves $name to people', ({ wish }) => {
    expect(judge(request(wish), () => false)).toBeUndefined();
  });

  test('denies a joining machine the name of a running node, which may still renew', () => {
    const isRunning = (name: string) => name === 'a';
    expect(judge(request({ requester: JOINING, signerName: CLIENT }), isRunning)).toMatchObject({
      type: 'Denied',
      message: expect.stringMatching(/--node-name/),
    });
    expect(judge(request({ requester: NODE, signerName: CLIENT }), isRunning)?.type).toBe('Approved');
  });
});
