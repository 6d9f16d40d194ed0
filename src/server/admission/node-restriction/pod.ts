import type { AdmissionRequest } from '#api/admission/request.ts';
import { nodes, type Pod, pods } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { notFound } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import type { Cache } from '#client/cache.ts';
import { isMirrorPod, namesConfigMap, namesSecret } from '../pod-references.ts';
import { refusal } from '../refusal.ts';

/** A node creates only mirror pods of what it runs by itself, and deletes only pods bound to it. */
export function checkPod(cache: Cache, request: AdmissionRequest, nodeName: string): void {
  const { operation, namespace, name } = request;
  if (operation === 'CREATE') return checkMirrorPod(cache, request, nodeName);
  if (operation === 'DELETE') {
    const pod = cache.get(pods, { namespace, name });
    if (pod === undefined) throw notFound(pods, name);
    if (pod.spec.nodeName === nodeName) return;
    throw refusal(request, `node ${goQuote(nodeName)} can only delete pods with spec.nodeName set to itself`);
  }
  const why = `unexpected operation ${goQuote(operation)}, node ${goQuote(nodeName)} can only create and delete mirror pods`;
  throw refusal(request, why);
}

/** A node reports on the pods bound to it, and leaves their labels and claims alone. */
export function checkPodStatus(request: AdmissionRequest, nodeName: string): void {
  const { operation, object, oldObject } = request;
  if (operation !== 'UPDATE') throw refusal(request, `unexpected operation ${goQuote(operation)}`);
  const [pod, old] = [object, oldObject] as [Pod, Pod];
  const quoted = goQuote(nodeName);
  if (old.spec.nodeName !== nodeName) {
    throw refusal(request, `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`);
  }
  if (!deepEqual(pod.metadata.labels ?? {}, old.metadata.labels ?? {})) {
    throw refusal(request, `node ${quoted} cannot update labels through pod status`);
  }
  if (!deepEqual(pod.status?.resourceClaimStatuses ?? [], old.status?.resourceClaimStatuses ?? [])) {
    throw refusal(request, `node ${quoted} cannot update resource claim statues`);
  }
  if (!deepEqual(pod.status?.extendedResourceClaimStatus, old.status?.extendedResourceClaimStatus)) {
    throw refusal(request, `node ${quoted} cannot update extended resource claim status`);
  }
}

/** A node evicts only pods bound to it. */
export function checkPodEviction(cache: Cache, request: AdmissionRequest, nodeName: string): void {
  const { operation, namespace, name } = request;
  if (operation !== 'CREATE') throw refusal(request, `unexpected operation ${operation}`);
  const pod = cache.get(pods, { namespace, name });
  if (pod === undefined) throw notFound(pods, name);
  if (pod.spec.nodeName === nodeName) return;
  throw refusal(request, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
}

function checkMirrorPod(cache: Cache, request: AdmissionRequest, nodeName: string): void {
  const pod = request.object as Pod;
  const quoted = goQuote(nodeName);
  if (!isMirrorPod(pod)) {
    const why = `pod does not have "kubernetes.io/config.mirror" annotation, node ${quoted} can only create mirror pods`;
    throw refusal(request, why);
  }
  if (pod.spec.nodeName !== nodeName) {
    throw refusal(request, `node ${quoted} can only create pods with spec.nodeName set to itself`);
  }
  checkOwner(cache, request, nodeName);
  const reference = forbiddenReference(pod);
  if (reference !== undefined) {
    throw refusal(request, `node ${quoted} can not create pods that reference ${reference}`);
  }
}

/** The pod must go when the node goes, and with no other object. */
function checkOwner(cache: Cache, request: AdmissionRequest, nodeName: string): void {
  const { ownerReferences = [] } = (request.object as Pod).metadata;
  const can = `node ${goQuote(nodeName)} can only create pods with`;
  const [owner] = ownerReferences;
  if (ownerReferences.length > 1) throw refusal(request, `${can} a single owner reference set to itself`);
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName) {
    throw refusal(request, `${can} an owner reference set to itself`);
  }
  if (owner.controller !== true) throw refusal(request, `${can} a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true) {
    throw refusal(request, `node ${goQuote(nodeName)} must not set blockOwnerDeletion on an owner reference`);
  }
  const node = cache.get(nodes, { name: nodeName });
  if (node === undefined) throw notFound(nodes, nodeName);
  const { uid } = node.metadata;
  if (owner.uid !== uid) throw refusal(request, `node ${nodeName} UID mismatch: expected ${owner.uid} got ${uid}`);
}

/** Anything a mirror pod names would be opened to the node by the authorizer. */
function forbiddenReference(pod: Pod): string | undefined {
  const { serviceAccountName = '', volumes = [], resourceClaims = [] } = pod.spec;
  if (serviceAccountName !== '') return 'a service account';
  if (namesSecret(pod)) return 'secrets';
  if (namesConfigMap(pod)) return 'configmaps';
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ clusterTrustBundle }) => clusterTrustBundle !== undefined)) return 'clustertrustbundles';
  if (volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined)) return 'persistentvolumeclaims';
  return resourceClaims.length > 0 ? 'resourceclaims' : undefined;
}
