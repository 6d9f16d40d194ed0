import { expect, test } from 'vitest';
import {
  type Container,
  type LimitRangeItem,
  limitRanges,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
} from '#api/core/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { limitRanger } from './limit-ranger.ts';

function plugin(...limits: LimitRangeItem[]) {
  const deps = admissionDeps();
  deps.cache.put(limitRanges, { metadata: { name: 'limits', namespace: 'default' }, spec: { limits } });
  return limitRanger(deps);
}

function pod(...containers: (Container['resources'] | undefined)[]): Pod {
  const named = containers.map((resources, index) => ({ name: `c${index}`, ...(resources && { resources }) }));
  return { metadata: { name: 'p', namespace: 'default' }, spec: { containers: named } };
}

test('fills in what is not said, and notes it', async () => {
  const ranger = plugin({
    type: 'Container',
    default: { cpu: '500m', memory: '64Mi' },
    defaultRequest: { cpu: '100m', memory: '32Mi' },
  });
  const given = pod({ requests: { cpu: '50m' } }, undefined);
  const { metadata, spec } = (await admit(ranger, admissionRequest(pods, { object: given }))) as Pod;
  expect(spec.containers.map(({ resources }) => resources)).toEqual([
    { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
    { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
  ]);
  expect(metadata.annotations).toEqual({
    'kubernetes.io/limit-ranger':
      'LimitRanger plugin set: memory request for container c0; cpu, memory limit for container c0; cpu, memory request for container c1; cpu, memory limit for container c1',
  });
});

const bounds = { min: { cpu: '100m' }, max: { cpu: '1' } };

test.each([
  {
    name: 'lets pass what is inside',
    item: { type: 'Container', ...bounds },
    resources: [{ requests: { cpu: '100m' }, limits: { cpu: '1' } }],
  },
  {
    name: 'wants a request where there is a minimum',
    item: { type: 'Container', min: { cpu: '100m' } },
    resources: [undefined],
    refusal: 'minimum cpu usage per Container is 100m.  No request is specified',
  },
  {
    name: 'wants a limit where there is a maximum',
    item: { type: 'Container', max: { cpu: '1' } },
    resources: [{ requests: { cpu: '100m' } }],
    refusal: 'maximum cpu usage per Container is 1.  No limit is specified',
  },
  {
    name: 'says everything that is wrong',
    item: { type: 'Container', ...bounds },
    resources: [{ requests: { cpu: '50m' }, limits: { cpu: '2' } }],
    refusal:
      '[minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Container is 1, but limit is 2]',
  },
  {
    name: 'says the same only once',
    item: { type: 'Container', min: { cpu: '100m' } },
    resources: [{ requests: { cpu: '50m' } }, { requests: { cpu: '50m' } }],
    refusal: 'minimum cpu usage per Container is 100m, but request is 50m',
  },
  {
    name: 'bounds the ratio of limit to request',
    item: { type: 'Container', maxLimitRequestRatio: { memory: '3' } },
    resources: [{ requests: { memory: '100M' }, limits: { memory: '500M' } }],
    refusal: 'memory max limit to request ratio per Container is 3, but provided ratio is 5.000000',
  },
  {
    name: 'adds up the containers of a pod',
    item: { type: 'Pod', max: { memory: '1Gi' } },
    resources: [
      { requests: { memory: '512Mi' }, limits: { memory: '768Mi' } },
      { requests: { memory: '512Mi' }, limits: { memory: '768Mi' } },
    ],
    refusal: 'maximum memory usage per Pod is 1Gi, but limit is 1536Mi',
  },
])('$name', async ({ item, resources, refusal }) => {
  const request = admissionRequest(pods, { object: pod(...(resources as Container['resources'][])) });
  const expected = refusal === undefined ? undefined : `pods "p" is forbidden: ${refusal}`;
  expect(await refusalOf(plugin(item as LimitRangeItem), request)).toBe(expected);
});

function claim(storage: string): PersistentVolumeClaim {
  return { metadata: { name: 'data', namespace: 'default' }, spec: { resources: { requests: { storage } } } };
}

test.each([
  {
    name: 'refuses a claim that is too small',
    storage: '1Gi',
    refusal: 'minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi',
  },
  {
    name: 'refuses a claim that is too large',
    storage: '9Gi',
    refusal: 'maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 9Gi',
  },
  { name: 'lets pass a claim between', storage: '3Gi', refusal: undefined },
])('$name', async ({ storage, refusal }) => {
  const ranger = plugin({ type: 'PersistentVolumeClaim', min: { storage: '2Gi' }, max: { storage: '5Gi' } });
  const expected = refusal && `persistentvolumeclaims "data" is forbidden: ${refusal}`;
  const grown = { object: claim(storage), oldObject: claim('2Gi') };
  expect(await refusalOf(ranger, admissionRequest(persistentVolumeClaims, { object: claim(storage) }))).toBe(expected);
  expect(await refusalOf(ranger, admissionRequest(persistentVolumeClaims, grown))).toBe(expected);
});

test('says nothing about other updates of pods', async () => {
  const update = admissionRequest(pods, { object: pod(undefined), oldObject: pod(undefined) });
  expect(await refusalOf(plugin({ type: 'Container', min: { cpu: '1' } }), update)).toBeUndefined();
});
