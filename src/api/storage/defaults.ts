import { fill } from '../schema/fill.ts';
import type { CSIDriver, StorageClass } from './v1.ts';

/** Modifies. */
export function defaultStorageClass(storageClass: StorageClass): void {
  fill(storageClass, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
}

/** Modifies. */
export function defaultCsiDriver({ spec }: CSIDriver): void {
  if (spec === undefined) return;
  fill(spec, {
    attachRequired: true,
    podInfoOnMount: false,
    storageCapacity: false,
    fsGroupPolicy: 'ReadWriteOnceWithFSType',
    requiresRepublish: false,
    seLinuxMount: false,
  });
  if ((spec.volumeLifecycleModes?.length ?? 0) === 0) spec.volumeLifecycleModes = ['Persistent'];
}
