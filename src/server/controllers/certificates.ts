import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { nodes } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import { isSigned, NODE_CLIENT, NODE_SERVING, nodeNameOf, readRequest } from './certificate-rules.ts';
import type { Controller, ControllerDeps } from './controller.ts';

const HOUR_MS = 3_600_000;
/** How long requests are kept by their state, as upstream's cleaner does. */
const KEEP_MS = { done: HOUR_MS, pending: 24 * HOUR_MS } as const;

/**
 * Decides what nodes need by themselves: a client certificate for a joining node (its join token says that it may) or for
 * the node itself, and a serving certificate that a node asks for itself.
 */
export function certificateApprover({ client, cache, now }: ControllerDeps): Controller {
  return {
    name: 'certificate-approver',
    primary: certificateSigningRequests,
    async reconcile({ name }, { log, signal }) {
      const request = cache.get(certificateSigningRequests, { name });
      if (request === undefined || decided(request)) return;
      const verdict = judge(request, (nodeName) => {
        const conditions = cache.get(nodes, { name: nodeName })?.status?.conditions ?? [];
        return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      });
      if (verdict === undefined) return;
      const condition = { ...verdict, status: 'True', lastUpdateTime: formatTime(new Date(now())) };
      const conditions = [...(request.status?.conditions ?? []), condition];
      const decision = { ...request, status: { ...request.status, conditions } };
      await client.updateSubresource(certificateSigningRequests, { name }, 'approval', decision, { signal });
      log.info(
        { request: name, username: request.spec.username, decision: verdict.type },
        'certificate request decided',
      );
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
      if (!isSigned(signerName)) return;
      const pem = Buffer.from(request.spec.request, 'base64').toString();
      let status = request.status ?? {};
      try {
        readRequest(request);
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

export interface Verdict {
  readonly type: 'Approved' | 'Denied';
  readonly reason: string;
  readonly message: string;
}

/**
 * Whether a request is one that nodes may make without anybody being asked; undefined for all others. The token that machines
 * join with is shared: it must not give one the name of a node that is running. Pure.
 */
export function judge(
  request: CertificateSigningRequest,
  isRunning: (nodeName: string) => boolean,
): Verdict | undefined {
  const { username = '', groups = [], signerName } = request.spec;
  if (signerName !== NODE_CLIENT && signerName !== NODE_SERVING) return undefined;
  const isJoining = signerName === NODE_CLIENT && groups.includes('system:bootstrappers');
  const isNode = groups.includes('system:nodes');
  if (!isJoining && !isNode) return undefined;
  let wish: ReturnType<typeof readRequest>;
  try {
    wish = readRequest(request);
  } catch {
    return undefined;
  }
  if (!isJoining && wish.subject.commonName !== username) return undefined;
  const name = nodeNameOf(wish);
  if (isJoining && isRunning(name)) {
    const message = `A node "${name}" is running already: give this one another name with --node-name, or stop the other`;
    return { type: 'Denied', reason: 'NodeIsRunning', message };
  }
  const message = 'Auto approving: the requester may have this certificate';
  return { type: 'Approved', reason: 'AutoApproved', message };
}

function has({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type) === true;
}

function decided(request: CertificateSigningRequest): boolean {
  return has(request, 'Approved') || has(request, 'Denied');
}
