import type { AdmissionRequest } from '#api/admission/request.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/core/v1.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { volumeAttributesClasses } from '#api/storage/v1.ts';
import { type AdmissionPlugin, concerns } from './plugin.ts';

const FINALIZERS: readonly (readonly [ResourceRef, string])[] = [
  [persistentVolumes, 'kubernetes.io/pv-protection'],
  [persistentVolumeClaims, 'kubernetes.io/pvc-protection'],
  [volumeAttributesClasses, 'kubernetes.io/vac-protection'],
];

/** Marks storage so that it is not deleted while it is used; controllers take the mark away once it may go. */
export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: 'StorageObjectInUseProtection',
    handles: (request) => request.operation === 'CREATE' && finalizerFor(request) !== undefined,
    mutate(request) {
      const finalizer = finalizerFor(request);
      const metadata = request.object?.metadata;
      if (metadata === undefined || finalizer === undefined || metadata.finalizers?.includes(finalizer)) return;
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    },
  };
}

function finalizerFor(request: AdmissionRequest): string | undefined {
  return FINALIZERS.find(([ref]) => concerns(request, ref))?.[1];
}
