import { describe, expect, test } from 'vitest';
import { deployments } from '#api/apps/v1.ts';
import { evaluatorFor } from '#api/core/quota/evaluators.ts';
import { parseAmounts } from '#api/core/quota/pod-quantities.ts';
import {
  configMaps,
  events,
  namespaces,
  type Pod,
  persistentVolumeClaims,
  pods,
  type ResourceQuota,
  type Service,
  services,
} from '#api/core/v1.ts';
import { formatQuantity, type Quantity } from '#api/meta/quantity.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { changesUsage, countedKinds, countUsage, isLimitInForce, planStatus, planUsed } from './usage.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const widgets: ResourceRef = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};
const served = [pods, services, configMaps, persistentVolumeClaims, deployments, widgets].map((ref) => ({
  ref: ref as ResourceRef,
  verbs: ['list', 'watch'],
}));

type Texts = Record<string, string>;
const quota = (hard: Texts, spec: ResourceQuota['spec'] = {}, status?: ResourceQuota['status']): ResourceQuota => ({
  metadata: { name: 'q', namespace: 'x' },
  spec: { hard, ...spec },
  ...(status && { status }),
});
const pod = (resources?: Pod['spec']['resources'], more: Partial<Pod> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'x' },
  spec: { containers: [{ name: 'c', ...(resources && { resources }) }] },
  ...more,
});
const service = (spec: Service['spec']): Service => ({ metadata: { name: 's', namespace: 'x' }, spec });
const thing: ApiObject = { metadata: { name: 'o', namespace: 'x' } };
const texts = (amounts: ReadonlyMap<string, Quantity>) =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));

test('kinds in namespaces that can be listed are counted, each once', () => {
  const kinds = countedKinds([
    { ref: pods, verbs: ['list'] },
    { ref: { ...widgets, version: 'v1' }, verbs: ['list', 'watch'] },
    { ref: { ...widgets, version: 'v2' }, verbs: ['list', 'watch'] },
    { ref: configMaps, verbs: ['create'] },
    { ref: events, verbs: ['list', 'watch'] },
    { ref: namespaces, verbs: ['list', 'watch'] },
  ]);
  expect(kinds.map(({ ref, canWatch }) => [ref.plural, ref.version, canWatch])).toEqual([
    ['pods', 'v1', false],
    ['widgets', 'v1', true],
  ]);
});

describe('counts', () => {
  const asking = pod({ requests: { cpu: '300m', memory: '1Gi' } });
  const ended = pod({ requests: { cpu: '1' } }, { status: { phase: 'Failed' } });
  const late = { deletionTimestamp: '2025-12-31T23:00:00Z', deletionGracePeriodSeconds: 30 };
  const objects = new Map<ResourceRef, readonly ApiObject[]>([
    [pods, [asking, asking, pod(), ended, { ...asking, metadata: { ...asking.metadata, ...late } }]],
    [services, [service({ type: 'NodePort', ports: [{ port: 1 }, { port: 2 }] }), service({ type: 'LoadBalancer' })]],
    [deployments, [thing]],
    [widgets, [thing, thing]],
  ]);
  test.each([
    {
      name: 'pods that have not ended',
      hard: { pods: '9', 'count/pods': '9' },
      used: { pods: '3', 'count/pods': '5' },
    },
    {
      name: 'what pods ask for',
      hard: { 'requests.cpu': '1', cpu: '1', memory: '9Gi', 'limits.cpu': '1' },
      used: { 'requests.cpu': '600m', cpu: '600m', memory: '2Gi', 'limits.cpu': '0' },
    },
    {
      name: 'pods of a scope',
      hard: { pods: '9' },
      spec: { scopes: ['BestEffort'] },
      used: { pods: '1' },
    },
    {
      name: 'nothing of a kind that has no scopes',
      hard: { pods: '9', services: '9' },
      spec: { scopes: ['NotBestEffort'] },
      used: { pods: '2', services: '0' },
    },
    {
      name: 'services in all their names',
      hard: { services: '9', 'services.nodeports': '9', 'services.loadbalancers': '9' },
      used: { services: '2', 'services.nodeports': '2', 'services.loadbalancers': '1' },
    },
    {
      name: 'any kind by its full name',
      hard: { 'count/deployments.apps': '9', 'count/widgets.example.com': '9', configmaps: '9' },
      used: { 'count/deployments.apps': '1', 'count/widgets.example.com': '2', configmaps: '0' },
    },
    { name: 'nothing of what nobody serves', hard: { 'count/gadgets.example.com': '1' }, used: {} },
  ])('$name', ({ hard, spec, used }) => {
    const list = (ref: ResourceRef) => objects.get(ref) ?? [];
    expect(texts(countUsage(quota(hard, spec), countedKinds(served), { list, nowMs: NOW }))).toEqual(used);
  });
});

describe('what is used', () => {
  test.each([
    { name: 'is what is counted where nothing is known', counted: '2', known: {}, booked: {}, used: '2' },
    { name: 'rises at once', counted: '3', known: { pods: '1' }, booked: {}, used: '3' },
    { name: 'falls at once without bookings', counted: '1', known: { pods: '3' }, booked: {}, used: '1' },
    {
      name: 'stays while bookings may explain it',
      counted: '1',
      known: { pods: '3' },
      booked: { pods: '2' },
      used: '3',
    },
    { name: 'falls by what they cannot explain', counted: '1', known: { pods: '5' }, booked: { pods: '2' }, used: '3' },
    {
      name: 'does not count what has come twice',
      counted: '3',
      known: { pods: '3' },
      booked: { pods: '2' },
      used: '3',
    },
  ])('$name', ({ counted, known, booked, used }) => {
    const plan = planUsed(parseAmounts({ pods: counted }), {
      known: parseAmounts(known),
      booked: parseAmounts(booked),
    });
    expect(texts(plan)).toEqual({ pods: used });
  });
});

describe('a status', () => {
  const hard = { pods: '2', 'requests.cpu': '1' };
  const used = { pods: '1', 'requests.cpu': '500m' };
  test.each([
    { name: 'is written first', status: undefined, expected: { hard, used } },
    { name: 'stays where it is right', status: { hard, used }, expected: undefined },
    {
      name: 'stays however it is written',
      status: { hard: { pods: '2', 'requests.cpu': '1000m' }, used: { ...used, 'requests.cpu': '0.5' } },
      expected: undefined,
    },
    { name: 'follows the limits', status: { hard: { pods: '1' }, used }, expected: { hard, used } },
    {
      name: 'forgets what is not limited any more',
      status: { hard: { ...hard, services: '1' }, used: { ...used, services: '1' } },
      expected: { hard, used },
    },
  ])('$name', ({ status, expected }) => {
    expect(planStatus(quota(hard, {}, status), parseAmounts(used))).toEqual(expected);
  });
  test('keeps what cannot be counted now', () => {
    const limits = { pods: '2', 'count/gadgets.example.com': '5' };
    const status = { hard: limits, used: { pods: '0', 'count/gadgets.example.com': '4' } };
    expect(planStatus(quota(limits, {}, status), parseAmounts({ pods: '1' }))).toEqual({
      hard: limits,
      used: { pods: '1', 'count/gadgets.example.com': '4' },
    });
  });
  test('of a quota without limits is written once', () => {
    const empty = planStatus(quota({}), new Map());
    expect(empty).toEqual({ hard: {}, used: {} });
    expect(planStatus(quota({}, {}, empty), new Map())).toBeUndefined();
  });
  test('tells whether the limits are in force', () => {
    expect(isLimitInForce(quota({ cpu: '1' }, {}, { hard: { cpu: '1000m' } }))).toBe(true);
    expect(isLimitInForce(quota({ cpu: '2' }, {}, { hard: { cpu: '1' } }))).toBe(false);
  });
});

describe('a change matters', () => {
  const running = pod({ requests: { cpu: '1' } });
  const ended = { ...running, status: { phase: 'Succeeded' } };
  const withDeadline = { ...running, spec: { ...running.spec, activeDeadlineSeconds: 5 } };
  test.each([
    { name: 'when a pod ends', ref: pods, hard: { pods: '1' }, from: running, to: ended, expected: true },
    { name: 'not to those who count objects', ref: pods, hard: { 'count/pods': '1' }, from: running, to: ended },
    { name: 'not to other quotas', ref: pods, hard: { services: '1' }, from: running, to: ended },
    {
      name: 'not when only the status moves',
      ref: pods,
      hard: { pods: '1', cpu: '1' },
      from: running,
      to: { ...running, status: { phase: 'Running' } },
    },
    {
      name: 'when a pod enters a scope',
      ref: pods,
      hard: { pods: '1' },
      spec: { scopes: ['Terminating'] },
      from: running,
      to: withDeadline,
      expected: true,
    },
    {
      name: 'not outside of the scope',
      ref: pods,
      hard: { pods: '1' },
      spec: { scopes: ['BestEffort'] },
      from: running,
      to: ended,
    },
    {
      name: 'when a service gives its ports back',
      ref: services,
      hard: { 'services.nodeports': '1' },
      from: service({ type: 'NodePort', ports: [{ port: 1 }] }),
      to: service({ type: 'ClusterIP', ports: [{ port: 1 }] }),
      expected: true,
    },
    { name: 'never inside of a config map', ref: configMaps, hard: { configmaps: '1' }, from: thing, to: { ...thing } },
  ])('$name', ({ ref, hard, spec, from, to, expected = false }) => {
    const evaluator = evaluatorFor(ref as ResourceRef);
    if (evaluator === undefined) throw new Error('not counted');
    const change = { object: to as ApiObject, previous: from as ApiObject, nowMs: NOW };
    expect(changesUsage(quota(hard, spec), evaluator, change)).toBe(expected);
  });
});
