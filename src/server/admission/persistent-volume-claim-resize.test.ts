import { describe, expect, test } from 'vitest';
import { type PersistentVolumeClaim, persistentVolumeClaims } from '#api/core/v1.ts';
import { storageClasses } from '#api/storage/v1.ts';
import { admissionDeps, admissionRequest, refusalOf } from '#test/support/admission.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';

function claim(part: Partial<PersistentVolumeClaim> = {}): PersistentVolumeClaim {
  return { spec: {}, ...part, metadata: { name: 'data', namespace: 'default', ...part.metadata } };
}

describe('growing a claim', () => {
  function sized(storage: string, { phase = 'Bound', storageClassName = 'elastic' } = {}): PersistentVolumeClaim {
    return claim({ spec: { storageClassName, resources: { requests: { storage } } }, status: { phase } });
  }
  const FIXED =
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';

  test.each([
    { name: 'works with a class that can', object: sized('2Gi'), old: sized('1Gi') },
    {
      name: 'is not asked for by the same size written differently',
      object: sized('1024Mi', { storageClassName: 'fixed' }),
      old: sized('1Gi', { storageClassName: 'fixed' }),
    },
    {
      name: 'needs a bound claim',
      object: sized('2Gi'),
      old: sized('1Gi', { phase: 'Pending' }),
      why: 'Only bound persistent volume claims can be expanded',
    },
    {
      name: 'needs a class that can',
      object: sized('2Gi', { storageClassName: 'fixed' }),
      old: sized('1Gi', { storageClassName: 'fixed' }),
      why: FIXED,
    },
    {
      name: 'needs the same class as before',
      object: sized('2Gi'),
      old: sized('1Gi', { storageClassName: 'fixed' }),
      why: FIXED,
    },
    {
      name: 'needs a class',
      object: sized('2Gi', { storageClassName: '' }),
      old: sized('1Gi', { storageClassName: '' }),
      why: FIXED,
    },
  ])('$name', async ({ object, old, why }) => {
    const deps = admissionDeps();
    deps.cache.put(storageClasses, { metadata: { name: 'elastic' }, provisioner: 'p', allowVolumeExpansion: true });
    deps.cache.put(storageClasses, { metadata: { name: 'fixed' }, provisioner: 'p' });
    const request = admissionRequest(persistentVolumeClaims, { object, oldObject: old });
    const expected = why === undefined ? undefined : `persistentvolumeclaims "data" is forbidden: ${why}`;
    expect(await refusalOf(persistentVolumeClaimResize(deps), request)).toBe(expected);
  });
});
