import { certificateSigningRequests } from '#api/certificates/v1.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import type { AlternativeNames } from '#base/x509/extensions.ts';
import { generateEcKey, privateKeyPem } from '#base/x509/keys.ts';
import type { Client } from '#client/client.ts';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateWish {
  readonly nodeName: string;
  /** What it is for: to show to the API server, or to serve the node's own API. */
  readonly purpose: 'client' | 'serving';
  readonly names?: AlternativeNames;
}

const SIGNERS = {
  client: { signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usage: 'client auth' },
  serving: { signerName: 'kubernetes.io/kubelet-serving', usage: 'server auth' },
} as const;

/** How long approval and signing may take before the wish is made anew. */
const PATIENCE_MS = 60_000;

/** Makes a key that never leaves this machine, asks the cluster to certify it, and waits for the answer. */
export async function requestCertificate(
  client: Client,
  { nodeName, purpose, names }: CertificateWish,
  signal: AbortSignal,
): Promise<KeyPair> {
  const { publicKey, privateKey } = await generateEcKey();
  const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  const pem = createSigningRequest({ subject, privateKey, publicKey, ...(names && { names }) });
  const { signerName, usage } = SIGNERS[purpose];
  const request = await client.create(
    certificateSigningRequests,
    {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: '', generateName: purpose === 'client' ? 'node-csr-' : 'csr-' },
      spec: { request: Buffer.from(pem).toString('base64'), signerName, usages: ['digital signature', usage] },
    },
    { signal },
  );
  const cert = await issued(client, request.metadata.name, AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]));
  return { cert, key: privateKeyPem(privateKey) };
}

async function issued(client: Client, name: string, signal: AbortSignal): Promise<string> {
  // Without a revision a watch begins with what is there.
  for await (const { object } of client.watch(certificateSigningRequests, {
    fieldSelector: `metadata.name=${name}`,
    signal,
  })) {
    const { certificate, conditions = [] } = object.status ?? {};
    const refused = conditions.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (refused !== undefined)
      throw new Error(
        `The cluster refused the certificate request "${name}": ${refused.message ?? refused.reason ?? refused.type}`,
      );
    if (certificate !== undefined && certificate !== '') return Buffer.from(certificate, 'base64').toString();
  }
  throw new Error(`The watch of certificate request "${name}" ended before it was signed`);
}
