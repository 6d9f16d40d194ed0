import type { AdmissionRequest, UserInfo } from '#api/admission/request.ts';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { leases } from '#api/coordination/v1.ts';
import { nodes, type PersistentVolumeClaim, persistentVolumeClaims, pods, serviceAccounts } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { goQuote } from '#api/meta/go-text.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { type ResourceSlice, resourceSlices } from '#api/resource/v1.ts';
import { csiNodes } from '#api/storage/v1.ts';
import { parseSigningRequest } from '#base/x509/csr.ts';
import type { AdmissionDeps, AdmissionPlugin } from '../plugin.ts';
import { refusal } from '../refusal.ts';
import { checkNode } from './node.ts';
import { checkPod, checkPodEviction, checkPodStatus } from './pod.ts';
import { checkToken } from './token.ts';

const NODE_PREFIX = 'system:node:';
const NODE_GROUP = 'system:nodes';
const LEASE_NAMESPACE = 'kube-node-lease';
const NODE_SIGNERS: ReadonlySet<string> = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);

type Check = (request: AdmissionRequest, nodeName: string) => Promise<void> | void;

/**
 * Keeps a node to what is its own: its Node, its lease, the pods bound to it and tokens for them. What the authorizer
 * cannot see, because it is in the object and not in the path, is decided here.
 */
export function nodeRestriction({ cache, mayDo }: AdmissionDeps): AdmissionPlugin {
  const checks = new Map<string, Check>(
    (
      [
        [nodes, checkNode],
        [persistentVolumeClaims, checkClaim],
        [leases, checkLease],
        [csiNodes, checkCsiNode],
        [resourceSlices, checkResourceSlice],
        [certificateSigningRequests, checkSigningRequest],
        [serviceAccounts, (request, nodeName) => checkToken({ cache, mayDo }, request, nodeName)],
        [
          pods,
          (request, nodeName) => {
            if (request.subresource === undefined) return checkPod(cache, request, nodeName);
            if (request.subresource === 'status') return checkPodStatus(request, nodeName);
            if (request.subresource === 'eviction') return checkPodEviction(cache, request, nodeName);
            const why = `unexpected pod subresource ${goQuote(request.subresource)}, only 'status' and 'eviction' are allowed`;
            throw refusal(request, why);
          },
        ],
      ] as [ResourceRef, Check][]
    ).map(([ref, check]) => [keyOf(ref), check]),
  );
  return {
    name: 'NodeRestriction',
    handles: ({ operation, user }) => operation !== 'CONNECT' && isNode(user),
    validate: (request) =>
      checks.get(keyOf(request.resource))?.(request, request.user.username.slice(NODE_PREFIX.length)),
  };
}

const keyOf = ({ group, plural }: ResourceRef) => `${group}/${plural}`;

function isNode({ username, groups }: UserInfo): boolean {
  return username.startsWith(NODE_PREFIX) && groups.includes(NODE_GROUP);
}

function checkLease(request: AdmissionRequest, nodeName: string): void {
  if (request.namespace !== LEASE_NAMESPACE) {
    throw refusal(request, `can only access leases in the "${LEASE_NAMESPACE}" system namespace`);
  }
  if (request.name !== nodeName) {
    throw refusal(request, 'can only access node lease with the same name as the requesting node');
  }
}

function checkCsiNode(request: AdmissionRequest, nodeName: string): void {
  if (request.name !== nodeName) {
    throw refusal(request, 'can only access CSINode with the same name as the requesting node');
  }
}

function checkResourceSlice(request: AdmissionRequest, nodeName: string): void {
  const { operation, object, oldObject } = request;
  if (operation === 'UPDATE') return;
  const slice = (operation === 'CREATE' ? object : oldObject) as ResourceSlice;
  if (slice.spec.nodeName === nodeName) return;
  const verb = operation === 'CREATE' ? 'create' : 'delete';
  throw refusal(request, `can only ${verb} ResourceSlice with the same NodeName as the requesting node`);
}

function checkSigningRequest(request: AdmissionRequest, nodeName: string): void {
  if (request.operation !== 'CREATE') return;
  const { spec } = request.object as CertificateSigningRequest;
  if (!NODE_SIGNERS.has(spec.signerName)) return;
  const commonName = NODE_PREFIX + nodeName;
  let asked: string;
  try {
    asked = parseSigningRequest(Buffer.from(spec.request, 'base64').toString()).subject.commonName;
  } catch (error) {
    throw refusal(request, `unable to parse csr: ${(error as Error).message}`);
  }
  if (asked !== commonName) throw refusal(request, `can only create a node CSR with CN=${commonName}`);
}

/** A node says how large a volume has become and how its growing goes on, nothing else of a claim. */
function checkClaim(request: AdmissionRequest, nodeName: string): void {
  const { operation, subresource, object, oldObject } = request;
  if (subresource !== 'status') throw refusal(request, 'may only update PVC status');
  if (operation !== 'UPDATE') throw refusal(request, `unexpected operation ${goQuote(operation)}`);
  if (deepEqual(fixedPart(object as PersistentVolumeClaim), fixedPart(oldObject as PersistentVolumeClaim))) return;
  const why = `node ${goQuote(nodeName)} is not allowed to update fields other than status.quantity and status.conditions`;
  throw refusal(request, why);
}

function fixedPart({ metadata, spec, status }: PersistentVolumeClaim): ApiObject & Record<string, unknown> {
  const { resourceVersion: _version, managedFields: _fields, ...meta } = metadata;
  const {
    capacity: _capacity,
    conditions: _conditions,
    allocatedResources: _allocated,
    allocatedResourceStatuses: _statuses,
    ...rest
  } = status ?? {};
  return { metadata: meta, spec, status: rest };
}
