import { type PersistentVolumeClaim, persistentVolumeClaims } from '#api/core/v1.ts';
import { compareQuantities, parseQuantity, type Quantity, ZERO_QUANTITY } from '#api/meta/quantity.ts';
import { storageClasses } from '#api/storage/v1.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

/** Lets a claim grow only when it is bound and its storage class can make volumes larger. */
export function persistentVolumeClaimResize({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: (request) => request.operation === 'UPDATE' && concerns(request, persistentVolumeClaims),
    validate(request) {
      const [claim, old] = [request.object, request.oldObject] as [PersistentVolumeClaim, PersistentVolumeClaim];
      if (compareQuantities(sizeOf(claim), sizeOf(old)) <= 0) return;
      if (old.status?.phase !== 'Bound') {
        throw refusal(request, 'Only bound persistent volume claims can be expanded');
      }
      if (!canGrow(claim, old)) {
        const why =
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
        throw refusal(request, why);
      }
    },
  };

  function canGrow(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
    const name = classOf(claim);
    if (name === '' || name !== classOf(old)) return false;
    return cache.get(storageClasses, { name })?.allowVolumeExpansion === true;
  }
}

function sizeOf({ spec }: PersistentVolumeClaim): Quantity {
  const size = spec?.resources?.requests?.['storage'];
  return size === undefined ? ZERO_QUANTITY : parseQuantity(size);
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_BETA] ?? spec?.storageClassName ?? '';
}
