import type { Container, Pod, Volume } from '#api/core/v1.ts';

/** Plural of a resource to the `namespace/name` of its objects. */
export type PodReferences = ReadonlyMap<string, ReadonlySet<string>>;

/** What a pod refers to, and its node therefore may read: secrets, configmaps, claims, its service account. */
export function podReferences({ metadata, spec }: Pod): PodReferences {
  const references = new Map<string, Set<string>>();
  const add = (resource: string, name: string | undefined) => {
    if (name === undefined || name === '') return;
    const names = references.get(resource) ?? new Set<string>();
    references.set(resource, names.add(`${metadata.namespace ?? ''}/${name}`));
  };
  if (spec === undefined) return references;
  add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  for (const container of containers) addEnvironment(container as Container, add);
  for (const volume of spec.volumes ?? []) addVolume(volume, metadata.name ?? '', add);
  for (const claim of spec.resourceClaims ?? []) add('resourceclaims', claim.resourceClaimName);
  return references;
}

type Add = (resource: string, name: string | undefined) => void;

function addEnvironment({ env = [], envFrom = [] }: Container, add: Add): void {
  for (const { valueFrom } of env) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const source of envFrom) {
    add('secrets', source.secretRef?.name);
    add('configmaps', source.configMapRef?.name);
  }
}

function addVolume(volume: Volume, podName: string, add: Add): void {
  add('secrets', volume.secret?.secretName);
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral !== undefined) add('persistentvolumeclaims', `${podName}-${volume.name}`);
  add('secrets', volume.csi?.nodePublishSecretRef?.name);
  add('secrets', volume.iscsi?.secretRef?.name);
  add('secrets', volume.cephfs?.secretRef?.name);
  add('secrets', volume.rbd?.secretRef?.name);
  add('secrets', volume.flexVolume?.secretRef?.name);
  add('secrets', volume.azureFile?.secretName);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
}
