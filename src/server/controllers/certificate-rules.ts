import type { CertificateSigningRequest } from '#api/certificates/v1.ts';
import { parseSigningRequest, type SigningRequest } from '#base/x509/csr.ts';

export const NODE_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
export const NODE_SERVING = 'kubernetes.io/kubelet-serving';
export const USER_CLIENT = 'kubernetes.io/kube-apiserver-client';

const NODE_GROUP = 'system:nodes';
const NODE_PREFIX = 'system:node:';
const CLIENT_USAGES = { required: 'client auth', allowed: ['client auth', 'digital signature', 'key encipherment'] };
const SERVER_USAGES = { required: 'server auth', allowed: ['server auth', 'digital signature', 'key encipherment'] };

interface SignerRules {
  readonly usages: typeof CLIENT_USAGES;
  /** Why the request is none for this signer. */
  readonly check: (request: SigningRequest) => string | undefined;
}

/** The signers this cluster has, with what they sign: a certificate says who somebody is, so each says one thing only. */
const SIGNERS: ReadonlyMap<string, SignerRules> = new Map([
  [USER_CLIENT, { usages: CLIENT_USAGES, check: () => undefined }],
  [NODE_CLIENT, { usages: CLIENT_USAGES, check: checkNodeClient }],
  [NODE_SERVING, { usages: SERVER_USAGES, check: checkNodeServing }],
]);

/** Whether the cluster signs for this signer at all. */
export function isSigned(signerName: string): boolean {
  return SIGNERS.has(signerName);
}

/** A request as its signer reads it. Throws an Error that says why the signer must not sign it. */
export function readRequest({ spec }: CertificateSigningRequest): SigningRequest {
  const { signerName, usages = [] } = spec;
  const rules = SIGNERS.get(signerName);
  if (rules === undefined) throw new Error(`there is no signer "${signerName}"`);
  const { required, allowed } = rules.usages;
  const excess = usages.find((usage) => !allowed.includes(usage));
  if (excess !== undefined) throw new Error(`usage "${excess}" is not for signer ${signerName}`);
  if (!usages.includes(required)) throw new Error(`usage "${required}" is required for signer ${signerName}`);
  const request = parseSigningRequest(Buffer.from(spec.request, 'base64').toString());
  const problem = rules.check(request);
  if (problem !== undefined) throw new Error(problem);
  return request;
}

/** The name of the node that a request is for. */
export function nodeNameOf({ subject }: SigningRequest): string {
  return subject.commonName.slice(NODE_PREFIX.length);
}

function checkNode({ subject }: SigningRequest): string | undefined {
  const { commonName, organizations } = subject;
  if (organizations.length !== 1 || organizations[0] !== NODE_GROUP) return `the organization must be ${NODE_GROUP}`;
  if (!commonName.startsWith(NODE_PREFIX) || commonName === NODE_PREFIX)
    return `the common name must be ${NODE_PREFIX}<name>`;
  return undefined;
}

function checkNodeClient(request: SigningRequest): string | undefined {
  const { dnsNames, ipAddresses, emails, uris } = request.names;
  if (dnsNames.length + ipAddresses.length + emails.length + uris.length > 0)
    return 'alternative names are not allowed';
  return checkNode(request);
}

function checkNodeServing(request: SigningRequest): string | undefined {
  const { dnsNames, ipAddresses, emails, uris } = request.names;
  if (emails.length + uris.length > 0) return 'the only alternative names allowed are DNS names and addresses';
  if (dnsNames.length + ipAddresses.length === 0) return 'a DNS name or an address is required';
  return checkNode(request);
}
