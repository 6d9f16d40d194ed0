import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Pod, pods, type ServiceAccount, serviceAccounts } from '#api/core/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { serviceAccount } from './service-account.ts';

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

function account(part: Partial<ServiceAccount> = {}): ServiceAccount {
  return { ...part, metadata: { name: 'default', namespace: 'default', ...part.metadata } };
}

function pod(spec: Partial<Pod['spec']> = {}, annotations?: Record<string, string>): Pod {
  return { metadata: { name: 'p', namespace: 'default', annotations }, spec: { containers: [{ name: 'c' }], ...spec } };
}

async function admitted(given: Pod, ...accounts: ServiceAccount[]): Promise<Pod> {
  const deps = admissionDeps();
  for (const one of accounts) deps.cache.put(serviceAccounts, one);
  return (await admit(serviceAccount(deps), admissionRequest(pods, { object: given }))) as Pod;
}

test('gives a pod the default account and mounts a token for it in every container', async () => {
  const { spec } = await admitted(pod({ initContainers: [{ name: 'i' }] }), account());
  expect(spec.serviceAccountName).toBe('default');
  const [volume] = spec.volumes ?? [];
  expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
  expect(volume?.projected).toEqual({
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  });
  const mount = { name: volume?.name, readOnly: true, mountPath: TOKEN_PATH };
  expect(spec.containers[0]?.volumeMounts).toEqual([mount]);
  expect(spec.initContainers?.[0]?.volumeMounts).toEqual([mount]);
});

test.each([
  { name: 'the account opts out', spec: {}, automount: false, mounts: false },
  { name: 'the pod opts out', spec: { automountServiceAccountToken: false }, automount: undefined, mounts: false },
  {
    name: 'the pod overrules the account',
    spec: { automountServiceAccountToken: true },
    automount: false,
    mounts: true,
  },
])('mounts a token: $name', async ({ spec, automount, mounts }) => {
  const result = await admitted(pod(spec), account({ automountServiceAccountToken: automount }));
  expect((result.spec.volumes ?? []).length).toBe(mounts ? 1 : 0);
});

test('leaves a container alone that mounts something of its own there', async () => {
  const own = { name: 'mine', mountPath: TOKEN_PATH };
  const { spec } = await admitted(pod({ containers: [{ name: 'c', volumeMounts: [own] }] }), account());
  expect(spec.containers[0]?.volumeMounts).toEqual([own]);
  expect(spec.volumes).toBeUndefined();
});

test('takes the pull secrets of the account only where the pod has none', async () => {
  const withSecrets = account({ imagePullSecrets: [{ name: 'registry' }] });
  expect((await admitted(pod(), withSecrets)).spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
  const own = pod({ imagePullSecrets: [{ name: 'own' }] });
  expect((await admitted(own, withSecrets)).spec.imagePullSecrets).toEqual([{ name: 'own' }]);
});

test('waits a moment for the default account of a new namespace', async () => {
  const deps = admissionDeps();
  const waiting = admit(serviceAccount(deps), admissionRequest(pods, { object: pod() }));
  await delay(10);
  deps.cache.put(serviceAccounts, account());
  expect(((await waiting) as Pod).spec.serviceAccountName).toBe('default');
});

const mirror = { 'kubernetes.io/config.mirror': 'hash' };
const enforced = account({
  metadata: { name: 'default', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
  secrets: [{ name: 'known' }],
});

test.each([
  {
    name: 'a pod whose account is missing',
    pod: pod({ serviceAccountName: 'absent' }),
    refusal:
      'pods "p" is forbidden: error looking up service account default/absent: serviceaccount "absent" not found',
  },
  { name: 'no mirror pod without references', pod: pod({}, mirror) },
  {
    name: 'a mirror pod with an account',
    pod: pod({ serviceAccountName: 'default' }, mirror),
    refusal: 'pods "p" is forbidden: a mirror pod may not reference service accounts',
  },
  {
    name: 'a mirror pod with a secret',
    pod: pod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] }, mirror),
    refusal: 'pods "p" is forbidden: a mirror pod may not reference secrets',
  },
  {
    name: 'a mirror pod with a token',
    pod: pod({ volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] }, mirror),
    refusal: 'pods "p" is forbidden: a mirror pod may not use ServiceAccountToken volume projections',
  },
  {
    name: 'a secret that a strict account does not list',
    account: enforced,
    pod: pod({ containers: [{ name: 'c', envFrom: [{ secretRef: { name: 'other' } }] }] }),
    refusal:
      'pods "p" is forbidden: container c with envFrom referencing secret.secretName="other" is not allowed because service account default does not reference that secret',
  },
  {
    name: 'no secret that a strict account lists',
    account: enforced,
    pod: pod({ volumes: [{ name: 'v', secret: { secretName: 'known' } }] }),
  },
])('refuses $name', async ({ pod: given, account: present = account(), refusal }) => {
  const deps = admissionDeps();
  deps.cache.put(serviceAccounts, present);
  expect(await refusalOf(serviceAccount(deps), admissionRequest(pods, { object: given }))).toBe(refusal);
});

test('leaves mirror pods as they are', async () => {
  expect((await admitted(pod({}, mirror), account())).spec).toEqual({ containers: [{ name: 'c' }] });
});
