import { describe, expect, test } from 'vitest';
import { type PersistentVolumeClaim, persistentVolumeClaims } from '#api/core/v1.ts';
import { storageClasses } from '#api/storage/v1.ts';
import { admissionDeps, admissionRequest, admit } from '#test/support/admission.ts';
import { defaultStorageClass } from './default-storage-class.ts';

function claim(part: Partial<PersistentVolumeClaim> = {}): PersistentVolumeClaim {
  return { spec: {}, ...part, metadata: { name: 'data', namespace: 'default', ...part.metadata } };
}

interface Class {
  readonly name: string;
  readonly created?: string;
  readonly isDefault?: string;
}

describe('default storage class', () => {
  const first = { name: 'first', created: '2026-01-01T00:00:00Z', isDefault: 'true' };
  const second = { name: 'second', created: '2026-02-01T00:00:00Z', isDefault: 'true' };
  const twin = { ...second, name: 'a-twin' };
  const other = { name: 'other', isDefault: 'false' };

  test.each([
    { name: 'is the marked one', classes: [other, first], claim: claim(), expected: 'first' },
    { name: 'is the newest of several', classes: [first, second], claim: claim(), expected: 'second' },
    { name: 'is the first by name of the newest', classes: [second, twin], claim: claim(), expected: 'a-twin' },
    { name: 'is none where none is marked', classes: [other], claim: claim(), expected: undefined },
    {
      name: 'is not for claims without class',
      classes: [first],
      claim: claim({ spec: { storageClassName: '' } }),
      expected: '',
    },
    {
      name: 'is not for claims with the old annotation',
      classes: [first],
      claim: claim({ metadata: { name: 'data', annotations: { 'volume.beta.kubernetes.io/storage-class': 'old' } } }),
      expected: undefined,
    },
  ])('$name', async ({ classes, claim: object, expected }) => {
    const deps = admissionDeps();
    for (const { name, created, isDefault } of classes as Class[]) {
      const annotations = { 'storageclass.kubernetes.io/is-default-class': isDefault ?? '' };
      const metadata = { name, annotations, ...(created && { creationTimestamp: created }) };
      deps.cache.put(storageClasses, { metadata, provisioner: 'p' });
    }
    const request = admissionRequest(persistentVolumeClaims, { object });
    const result = (await admit(defaultStorageClass(deps), request)) as PersistentVolumeClaim;
    expect(result.spec?.storageClassName).toBe(expected);
  });
});
