import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { Controller, ControllerDeps } from './controller.ts';

const NODE_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';
const NODE_SERVING = 'kubernetes.io/kubelet-serving';
const SIGNED = new Set(['kubernetes.io/kube-apiserver-client', NODE_CLIENT, NODE_SERVING]);

const HOUR_MS = 3_600_000;
/** How long requests are kept by their state, as upstream's cleaner does. */
const KEEP_MS = { done: HOUR_MS, pending: 24 * HOUR_MS } as const;

/**
 * Approves what nodes need by themselves: a client certificate for a joining node (its join token says that it may) or for
 * the node itself, and a serving certificate that a node asks for itself.
 */
export function certificateApprover({ client, cache, now }: ControllerDeps): Controller {
  return {
    name: 'certificate-approver',
    primary: certificateSigningRequests,
    async reconcile({ name }, { log, signal }) {
      const request = cache.get(certificateSigningRequests, { name });
      if (request === undefined || decided(request) || !mayApprove(request)) return;
      const condition = {
        type: 'Approved',
        status: 'True',
        reason: 'AutoApproved',
        message: 'Auto approving: the requester may have this certificate',
        lastUpdateTime: formatTime(new Date(now())),
      };
      const conditions = [...(request.status?.conditions ?? []), condition];
      const approved = { ...request, status: { ...request.status, conditions } };
      await client.updateSubresource(certificateSigningRequests, { name }, 'approval', approved, { signal });
      log.info({ request: name, username: request.spec.username }, 'certificate request approved');
    },
  };
}

/** Signs approved requests of the signers this cluster has. */
export function certificateSigner({ client, cache, cluster, now }: ControllerDeps): Controller {
  return {
    name: 'certificate-controller',
    primary: certificateSigningRequests,
    async reconcile({ name }, { signal }) {
      const request = cache.get(certificateSigningRequests, { name });
      if (request === undefined || !has(request, 'Approved') || has(request, 'Failed') || request.status?.certificate)
        return;
      const { signerName, usages = [], expirationSeconds } = request.spec;
      if (!SIGNED.has(signerName)) return;
      const pem = Buffer.from(request.spec.request, 'base64').toString();
      let status = request.status ?? {};
      try {
        const chain = await cluster.signer.sign({ pem, signerName, usages, expirationSeconds });
        status = { ...status, certificate: Buffer.from(chain).toString('base64') };
      } catch (error) {
        const condition = {
          type: 'Failed',
          status: 'True',
          reason: 'SignerValidationFailure',
          message: (error as Error).message,
        };
        status = {
          ...status,
          conditions: [...(status.conditions ?? []), { ...condition, lastUpdateTime: formatTime(new Date(now())) }],
        };
      }
      await client.updateStatus(certificateSigningRequests, { ...request, status }, { signal });
    },
  };
}

/** Forgets requests that nobody needs any more. */
export function certificateCleaner({ client, cache, now }: ControllerDeps): Controller {
  return {
    name: 'certificate-cleaner',
    primary: certificateSigningRequests,
    async reconcile({ name }, { signal }) {
      const request = cache.get(certificateSigningRequests, { name });
      if (request === undefined) return;
      const keepMs = decided(request) ? KEEP_MS.done : KEEP_MS.pending;
      const until = (Date.parse(request.metadata.creationTimestamp ?? '') || 0) + keepMs;
      if (until > now()) return { requeueAfterMs: until - now() };
      await client.delete(certificateSigningRequests, { name }, { signal }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    },
  };
}

/** Whether a request is one that nodes may make without being asked about. Pure. */
export function mayApprove({ spec }: CertificateSigningRequest): boolean {
  const { username = '', groups = [], signerName, usages = [] } = spec;
  const joining = groups.includes('system:bootstrappers');
  const node = groups.includes('system:nodes') && username.startsWith('system:node:');
  const only = (...allowed: string[]) => usages.every((usage) => allowed.includes(usage));
  if (signerName === NODE_CLIENT)
    return (joining || node) && only('client auth', 'digital signature', 'key encipherment');
  if (signerName === NODE_SERVING) return node && only('server auth', 'digital signature', 'key encipherment');
  return false;
}

function has({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type) === true;
}

function decided(request: CertificateSigningRequest): boolean {
  return has(request, 'Approved') || has(request, 'Denied');
}
