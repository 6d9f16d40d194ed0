import { expect, test } from 'vitest';
import { configMaps, persistentVolumeClaims, persistentVolumes } from '#api/core/v1.ts';
import { admissionRequest, admit } from '#test/support/admission.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts';

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
