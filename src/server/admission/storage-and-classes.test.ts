import { describe, expect, test } from 'vitest';
import { configMaps, type PersistentVolumeClaim, persistentVolumeClaims, persistentVolumes } from '#api/core/v1.ts';
import { type Ingress, ingressClasses, ingresses } from '#api/networking/v1.ts';
import { storageClasses } from '#api/storage/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { defaultIngressClass } from './default-ingress-class.ts';
import { defaultStorageClass } from './default-storage-class.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';

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

describe('default ingress class', () => {
  test.each([
    { name: 'is named where none is', ingress: { metadata: { name: 'i' } }, expected: 'main' },
    {
      name: 'is not named beside another',
      ingress: { metadata: { name: 'i' }, spec: { ingressClassName: 'own' } },
      expected: 'own',
    },
    {
      name: 'is not named beside the old annotation',
      ingress: { metadata: { name: 'i', annotations: { 'kubernetes.io/ingress.class': 'own' } } },
      expected: undefined,
    },
  ])('$name', async ({ ingress, expected }) => {
    const deps = admissionDeps();
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    deps.cache.put(ingressClasses, { metadata: { name: 'main', annotations }, spec: {} });
    const request = admissionRequest(ingresses, { object: ingress });
    const result = (await admit(defaultIngressClass(deps), request)) as Ingress;
    expect(result.spec?.ingressClassName).toBe(expected);
  });
});

test.each([
  { name: 'volumes', ref: persistentVolumes, given: undefined, expected: ['kubernetes.io/pv-protection'] },
  { name: 'claims', ref: persistentVolumeClaims, given: ['own'], expected: ['own', 'kubernetes.io/pvc-protection'] },
  {
    name: 'marked claims only once',
    ref: persistentVolumeClaims,
    given: ['kubernetes.io/pvc-protection'],
    expected: ['kubernetes.io/pvc-protection'],
  },
  { name: 'nothing else', ref: configMaps, given: undefined, expected: undefined },
])('protects storage in use: $name', async ({ ref, given, expected }) => {
  const object = { metadata: { name: 'x', ...(given && { finalizers: given }) } };
  const result = await admit(storageObjectInUseProtection(), admissionRequest(ref, { object }));
  expect(result?.metadata.finalizers).toEqual(expected);
});

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
