import type { UserInfo } from '#api/admission/request.ts';
import { type Pod, persistentVolumeClaims, pods } from '#api/core/v1.ts';
import { volumeAttachments } from '#api/storage/v1.ts';
import type { Cache } from '#client/cache.ts';
import type { ResourceAttributes } from '../auth.ts';
import { type PodReferences, podReferences } from './pod-references.ts';

const NODE_PREFIX = 'system:node:';
const NODE_GROUP = 'system:nodes';
const READS = new Set(['get', 'list', 'watch']);
/** Resources a node may only read, and only as far as pods bound to it refer to them. */
const BY_REFERENCE = new Set([
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'persistentvolumes',
  'volumeattachments',
  'serviceaccounts',
  'resourceclaims',
]);

/** The node a user is; undefined for everybody else. */
export function nodeNameOf({ username, groups }: UserInfo): string | undefined {
  return username.startsWith(NODE_PREFIX) && groups.includes(NODE_GROUP)
    ? username.slice(NODE_PREFIX.length)
    : undefined;
}

/**
 * Decides for nodes what depends on which pods are bound to them. Everything else a node may do is in the rules of
 * ClusterRole `system:node`.
 */
export class NodeAuthorizer {
  readonly #cache: Cache;
  /** Pods are frozen and shared, so what one refers to is worked out once per version of it. */
  readonly #references = new WeakMap<Pod, PodReferences>();

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Undefined: no opinion, the static rules decide. Otherwise the reason of a refusal, or '' for yes. */
  decide(nodeName: string, attributes: ResourceAttributes): string | undefined {
    const { group, resource, subresource = '', namespace = '' } = attributes;
    const isCore = group === '';
    if (isCore && resource === 'serviceaccounts' && subresource === 'token') return this.#token(nodeName, attributes);
    if (group === 'coordination.k8s.io' && resource === 'leases') return ownLease(nodeName, attributes);
    if (group === 'storage.k8s.io' && resource === 'csinodes') return ownByName(nodeName, attributes);
    if (isCore && resource === 'nodes') return ownNode(nodeName, attributes);
    if (!BY_REFERENCE.has(resource)) return undefined;
    if (isCore && resource === 'persistentvolumeclaims' && subresource === 'status')
      return this.#referred(nodeName, attributes);
    if (subresource !== '') return 'no subresource access for nodes';
    if (!READS.has(attributes.verb)) return 'can only read resources of this type';
    if (attributes.name === undefined || attributes.name === '')
      return 'can only read one object of this type at a time';
    return resource === 'volumeattachments'
      ? this.#attachment(nodeName, attributes.name)
      : this.#referred(nodeName, { ...attributes, namespace });
  }

  #referred(nodeName: string, { resource, namespace = '', name = '' }: ResourceAttributes): string {
    const key = `${namespace}/${name}`;
    const found = this.#cache.onNode(pods, nodeName).some((pod) => {
      const references = this.#referencesOf(pod);
      return resource === 'persistentvolumes'
        ? this.#usesVolume(references, name)
        : references.get(resource)?.has(key) === true;
    });
    return found ? '' : `no relationship found between node '${nodeName}' and this object`;
  }

  #usesVolume(references: PodReferences, volumeName: string): boolean {
    for (const claim of references.get('persistentvolumeclaims') ?? []) {
      const [namespace = '', name = ''] = claim.split('/');
      if (this.#cache.get(persistentVolumeClaims, { namespace, name })?.spec?.volumeName === volumeName) return true;
    }
    return false;
  }

  #attachment(nodeName: string, name: string): string {
    const attachment = this.#cache.get(volumeAttachments, { name });
    return attachment?.spec.nodeName === nodeName
      ? ''
      : `no relationship found between node '${nodeName}' and this object`;
  }

  #token(nodeName: string, attributes: ResourceAttributes): string {
    if (attributes.verb !== 'create') return 'can only create tokens for individual service accounts';
    return this.#referred(nodeName, attributes);
  }

  #referencesOf(pod: Pod): PodReferences {
    const known = this.#references.get(pod);
    if (known !== undefined) return known;
    const references = podReferences(pod);
    this.#references.set(pod, references);
    return references;
  }
}

function ownLease(nodeName: string, { verb, namespace, name }: ResourceAttributes): string {
  if (namespace !== 'kube-node-lease') return 'can only access leases in the "kube-node-lease" system namespace';
  // The name is not known yet when one is created; admission looks at it.
  if (verb === 'create') return '';
  return name === nodeName ? '' : 'can only access node lease with the same name as the requesting node';
}

function ownByName(nodeName: string, { verb, name }: ResourceAttributes): string | undefined {
  if (verb === 'create') return undefined;
  return name === nodeName ? undefined : 'can only access CSINode with the same name as the requesting node';
}

function ownNode(nodeName: string, { verb, name }: ResourceAttributes): string | undefined {
  if (READS.has(verb) || verb === 'create') return undefined;
  return name === nodeName ? undefined : `node '${nodeName}' cannot ${verb} other nodes`;
}
