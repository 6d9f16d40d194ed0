import { isPodTerminal } from '#api/core/pod.ts';
import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
} from '#api/core/v1.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/** Lets go of a claim that is being deleted once no pod uses it any more. */
export function claimProtectionController({ client, cache }: ControllerDeps): Controller {
  return {
    name: 'pvc-protection-controller',
    primary: persistentVolumeClaims,
    watches: [watches(pods, (pod) => claimsOf(pod).map((name) => ({ namespace: pod.metadata.namespace, name })))],
    async reconcile(key, { signal }) {
      const claim = cache.get(persistentVolumeClaims, key);
      if (claim === undefined || !waitsFor(claim, CLAIM_FINALIZER)) return;
      const users = cache.list(pods, { namespace: key.namespace }).filter((pod) => isUser(pod, key.name));
      if (users.length === 0) await client.update(persistentVolumeClaims, without(claim, CLAIM_FINALIZER), { signal });
    },
  };
}

/** Lets go of a volume that is being deleted once no claim is bound to it. */
export function volumeProtectionController({ client, cache }: ControllerDeps): Controller {
  return {
    name: 'pv-protection-controller',
    primary: persistentVolumes,
    async reconcile(key, { signal }) {
      const volume = cache.get(persistentVolumes, key);
      if (volume === undefined || !waitsFor(volume, VOLUME_FINALIZER) || volume.status?.phase === 'Bound') return;
      await client.update(persistentVolumes, without(volume, VOLUME_FINALIZER), { signal });
    },
  };
}

/** A pod without a node uses nothing yet, and one that has ended nothing any more. */
function isUser(pod: Pod, claim: string): boolean {
  return Boolean(pod.spec.nodeName) && !isPodTerminal(pod) && claimsOf(pod).includes(claim);
}

/** Names of the claims in a pod's volumes; an ephemeral volume's claim bears the pod's and the volume's name. */
export function claimsOf({ metadata, spec }: Pod): string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`];
  });
}

function waitsFor({ metadata }: PersistentVolumeClaim | PersistentVolume, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true;
}

function without<T extends PersistentVolumeClaim | PersistentVolume>(object: T, finalizer: string): T {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
