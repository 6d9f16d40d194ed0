import { expect, test } from 'vitest';
import { configMaps, namespaces, pods, secrets } from '#api/core/v1.ts';
import { StatusError } from '#api/meta/errors.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';

function prepared() {
  const deps = admissionDeps();
  deps.cache.put(namespaces, { metadata: { name: 'default' }, spec: {}, status: { phase: 'Active' } });
  deps.cache.put(namespaces, { metadata: { name: 'going' }, spec: {}, status: { phase: 'Terminating' } });
  return namespaceLifecycle(deps);
}

const inNamespace = (namespace: string) => ({ metadata: { name: 'x', namespace } });
const TERMINATING =
  'secrets "x" is forbidden: unable to create new content in namespace going because it is being terminated';

test.each([
  { name: 'creates in a live namespace', request: admissionRequest(secrets, { object: inNamespace('default') }) },
  {
    name: 'creates nothing in a namespace that is missing',
    request: admissionRequest(secrets, { object: inNamespace('nowhere') }),
    refusal: 'namespaces "nowhere" not found',
  },
  {
    name: 'creates nothing in a terminating namespace',
    request: admissionRequest(secrets, { object: inNamespace('going') }),
    refusal: TERMINATING,
  },
  {
    name: 'names a generated object by what its name begins with',
    request: admissionRequest(pods, { object: { metadata: { name: '', generateName: 'web-', namespace: 'going' } } }),
    refusal: 'pods "web-" is forbidden: unable to create new content in namespace going because it is being terminated',
  },
  {
    name: 'still updates in a terminating namespace',
    request: admissionRequest(configMaps, { object: inNamespace('going'), oldObject: inNamespace('going') }),
  },
  {
    name: 'still deletes in a terminating namespace',
    request: admissionRequest(secrets, { operation: 'DELETE', oldObject: inNamespace('going') }),
  },
  {
    name: 'keeps a protected namespace',
    request: admissionRequest(namespaces, { operation: 'DELETE', oldObject: { metadata: { name: 'kube-system' } } }),
    refusal: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
  },
  {
    name: 'deletes any other namespace',
    request: admissionRequest(namespaces, { operation: 'DELETE', oldObject: { metadata: { name: 'going' } } }),
  },
])('$name', async ({ request, refusal }) => {
  expect(await refusalOf(prepared(), request)).toBe(refusal);
});

test('says in the causes that the namespace is terminating', async () => {
  const refused = admit(prepared(), admissionRequest(secrets, { object: inNamespace('going') }));
  const error = await refused.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StatusError);
  const { code, status } = error as StatusError;
  expect(code).toBe(403);
  expect(status.details?.causes).toEqual([
    { reason: 'NamespaceTerminating', message: 'namespace going is being terminated', field: 'metadata.namespace' },
  ]);
});
