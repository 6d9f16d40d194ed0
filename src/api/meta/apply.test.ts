import { describe, expect, test } from 'vitest';
import { BuiltinSchemas } from '../schema/registry.ts';
import { type ApplyInput, applyPatch, ownedFieldsOf } from './apply.ts';
import { deepClone, deepFreeze } from './clone.ts';
import { StatusError } from './errors.ts';
import { fieldSetFromPaths } from './field-set.ts';
import type { JsonObject } from './json.ts';
import { updateManagedFields } from './managed-fields.ts';
import type { ManagedFieldsEntry } from './types.ts';

const registry = new BuiltinSchemas();
const schema = { type: 'ref', name: 'io.k8s.api.apps.v1.Deployment' } as const;
const T1 = '2026-01-01T00:00:00Z';
const T2 = '2026-01-02T00:00:00Z';
const resetFields = fieldSetFromPaths([['status']]);
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

const config = (spec: object, metadata: object = {}): JsonObject =>
  deepFreeze({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec,
  });

function apply(live: JsonObject | undefined, patch: JsonObject, extra: Partial<ApplyInput> = {}) {
  return applyPatch({
    live: live && deepFreeze(live),
    config: patch,
    manager: 'a',
    force: false,
    schema,
    registry,
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    resetFields,
    now: new Date(T1),
    ...extra,
  });
}

/** Writes as a client without apply would, as far as ownership goes. */
function update(live: JsonObject | undefined, change: (object: JsonObject) => void, manager: string): JsonObject {
  const next = deepClone(live ?? config({}));
  change(next);
  const managedFields = updateManagedFields({
    old: live,
    new: next,
    manager,
    apiVersion: 'apps/v1',
    schema,
    registry,
    now: new Date(T1),
  });
  return { ...next, metadata: { ...(next['metadata'] as object), managedFields } };
}

const specOf = (object: JsonObject) => object['spec'] as JsonObject;
const managedOf = (object: JsonObject) =>
  (object['metadata'] as { managedFields?: ManagedFieldsEntry[] }).managedFields?.map(
    ({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1],
  );
const timesOf = (object: JsonObject) =>
  (object['metadata'] as { managedFields?: ManagedFieldsEntry[] }).managedFields?.map(({ time }) => time);
const template = (...containers: object[]) => ({ template: { spec: { containers } } });
const containersOf = (object: JsonObject) =>
  (object as { spec: { template: { spec: { containers?: object[] } } } }).spec.template.spec.containers;

function failure(action: () => unknown): StatusError {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('creates', () => {
  test('what is stated, owned by who states it', () => {
    const { object, conflicts, changed } = apply(undefined, config({ replicas: 2, ...template({ name: 'x' }) }));
    expect(object).toEqual({
      ...config({ replicas: 2, ...template({ name: 'x' }) }),
      metadata: {
        name: 'web',
        namespace: 'default',
        managedFields: [
          {
            manager: 'a',
            operation: 'Apply',
            apiVersion: 'apps/v1',
            time: T1,
            fieldsType: 'FieldsV1',
            fieldsV1: {
              'f:spec': {
                'f:replicas': {},
                'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } } } },
              },
            },
          },
        ],
      },
    });
    expect([conflicts, changed]).toEqual([[], true]);
  });

  test('without owning what the endpoint ignores', () => {
    const { object } = apply(undefined, { ...config({ replicas: 1 }), status: { replicas: 1 } });
    expect(managedOf(object)).toEqual([['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }]]);
  });

  test('an object nobody owns anything of', () => {
    expect(managedOf(apply(undefined, config({})).object)).toEqual([['a', 'Apply', { 'f:spec': {} }]]);
    const { spec: _, ...bare } = config({});
    expect(managedOf(apply(undefined, bare).object)).toBeUndefined();
  });
});

describe('applies again', () => {
  const first = apply(undefined, config({ replicas: 2, paused: true, ...template({ name: 'x', image: '1' }) })).object;

  test('the same: nothing changes, not even the time', () => {
    const again = apply(first, config({ replicas: 2, paused: true, ...template({ name: 'x', image: '1' }) }), {
      now: new Date(T2),
    });
    expect(again.changed).toBe(false);
    expect(again.object).toEqual(first);
    expect((again.object['metadata'] as JsonObject)['managedFields']).toBe(
      (first['metadata'] as JsonObject)['managedFields'],
    );
  });

  test('a new value: new time', () => {
    const again = apply(first, config({ replicas: 3, paused: true, ...template({ name: 'x', image: '1' }) }), {
      now: new Date(T2),
    });
    expect(again.changed).toBe(true);
    expect(specOf(again.object)['replicas']).toBe(3);
    expect(timesOf(again.object)).toEqual([T2]);
  });

  test('what is no longer stated goes', () => {
    const { object } = apply(first, config({ replicas: 2, ...template({ name: 'x' }) }));
    expect(specOf(object)).toEqual({ replicas: 2, ...template({ name: 'x' }) });
    expect(managedOf(object)).toEqual([
      [
        'a',
        'Apply',
        {
          'f:spec': {
            'f:replicas': {},
            'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } } } },
          },
        },
      ],
    ]);
  });

  test('list items that are no longer stated go', () => {
    const two = apply(undefined, config(template({ name: 'x', image: '1' }, { name: 'y', image: '1' }))).object;
    expect(containersOf(apply(two, config(template({ name: 'y', image: '1' }))).object)).toEqual([
      { name: 'y', image: '1' },
    ]);
  });

  test('a whole struct that is no longer stated goes, with the defaults in it', () => {
    const one = apply(undefined, config({ ...template({ name: 'x' }), strategy: { type: 'RollingUpdate' } })).object;
    const defaulted = deepClone(one) as { spec: { strategy: { rollingUpdate?: object } } } & JsonObject;
    defaulted.spec.strategy.rollingUpdate = { maxSurge: 1 };
    expect(specOf(apply(defaulted, config(template({ name: 'x' }))).object)).toEqual(template({ name: 'x' }));
  });

  test('labels go one by one', () => {
    const one = apply(undefined, config({}, { labels: { a: '1', b: '1' } })).object;
    const { object } = apply(one, config({}, { labels: { b: '1' } }));
    expect((object['metadata'] as JsonObject)['labels']).toEqual({ b: '1' });
  });
});

describe('several managers', () => {
  test('share what they agree on', () => {
    const one = apply(undefined, config({ replicas: 2 })).object;
    const two = apply(one, config({ replicas: 2 }), { manager: 'b' });
    expect(two.changed).toBe(false);
    expect(managedOf(two.object)).toEqual([
      ['b', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
      ['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
    ]);
    const kept = apply(two.object, config({ paused: true }), { now: new Date(T2) }).object;
    expect(specOf(kept)).toEqual({ replicas: 2, paused: true });
  });

  test('a field goes when its last owner gives it up', () => {
    const one = apply(undefined, config({ replicas: 2, paused: true })).object;
    const two = apply(one, config({ replicas: 2, minReadySeconds: 1 }), { manager: 'b' }).object;
    const three = apply(two, config({ paused: true })).object;
    expect(specOf(three)).toEqual({ replicas: 2, paused: true, minReadySeconds: 1 });
    const four = apply(three, config({ minReadySeconds: 1 }), { manager: 'b' }).object;
    expect(specOf(four)).toEqual({ paused: true, minReadySeconds: 1 });
  });

  test('keep their items of a list, and their fields of an item', () => {
    const one = apply(undefined, config(template({ name: 'x', image: '1' }))).object;
    const two = apply(one, config(template({ name: 'x', tty: true }, { name: 'y', image: '1' })), {
      manager: 'b',
    }).object;
    expect(containersOf(two)).toEqual([
      { name: 'x', image: '1', tty: true },
      { name: 'y', image: '1' },
    ]);
    const three = apply(two, config(template()), { manager: 'a' }).object;
    expect(containersOf(three)).toEqual([
      { name: 'x', tty: true },
      { name: 'y', image: '1' },
    ]);
    const four = apply(three, config(template({ name: 'y', image: '1' })), { manager: 'b' }).object;
    expect(containersOf(four)).toEqual([{ name: 'y', image: '1' }]);
  });

  const updated = update(
    apply(undefined, config({ replicas: 2, paused: true })).object,
    (object) => {
      specOf(object)['replicas'] = 5;
    },
    'kubectl-scale',
  );

  test('conflict over a value somebody else set', () => {
    const error = failure(() => apply(updated, config({ replicas: 2, paused: true })));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-scale" using apps/v1: .spec.replicas',
    );
    expect(error.status.details?.causes).toEqual([
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl-scale" using apps/v1',
        field: '.spec.replicas',
      },
    ]);
  });

  test('do not conflict when they want the same', () => {
    const { object } = apply(updated, config({ replicas: 5, paused: true }));
    expect(managedOf(object)).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } }],
      ['kubectl-scale', 'Update', { 'f:spec': { 'f:replicas': {} } }],
    ]);
  });

  test('force takes over', () => {
    const { object, conflicts } = apply(updated, config({ replicas: 2, paused: true }), { force: true });
    expect(specOf(object)['replicas']).toBe(2);
    expect(conflicts).toEqual([{ manager: '"kubectl-scale" using apps/v1', field: '.spec.replicas' }]);
    expect(managedOf(object)).toEqual([['a', 'Apply', { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } }]]);
  });

  test('several conflicts are listed by manager', () => {
    const both = update(updated, (object) => Object.assign(specOf(object), { paused: false }), 'other');
    expect(failure(() => apply(both, config({ replicas: 2, paused: true }))).message).toBe(
      'Apply failed with 2 conflicts: conflicts with "kubectl-scale" using apps/v1:\n- .spec.replicas\nconflicts with "other" using apps/v1:\n- .spec.paused',
    );
  });

  test('a new version of the same applier replaces its entry', () => {
    const one = apply(undefined, config({ replicas: 2 })).object;
    const metadata = one['metadata'] as { managedFields: ManagedFieldsEntry[] };
    const older = {
      ...one,
      metadata: { ...metadata, managedFields: [{ ...metadata.managedFields[0], apiVersion: 'apps/v1beta1' }] },
    };
    const { object } = apply(older, config({ replicas: 2 }));
    expect((object['metadata'] as typeof metadata).managedFields.map(({ apiVersion }) => apiVersion)).toEqual([
      'apps/v1',
    ]);
  });
});

describe('the first apply on an object without managedFields', () => {
  const live = config({ replicas: 2, paused: true });

  test('gives what stood there to before-first-apply', () => {
    const { object } = apply(live, config({ replicas: 2 }));
    expect(managedOf(object)).toEqual([
      ['a', 'Apply', { 'f:spec': { 'f:replicas': {} } }],
      ['before-first-apply', 'Update', { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } }],
    ]);
  });

  test('conflicts with it', () => {
    expect(failure(() => apply(live, config({ replicas: 3 }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
    );
  });
});

describe('after client-side apply', () => {
  const applied = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 2, paused: true },
  };
  const annotations = { [LAST_APPLIED]: JSON.stringify(applied) };
  const live = update(
    undefined,
    (object) => {
      Object.assign(specOf(object), { replicas: 2, paused: true });
      Object.assign(object['metadata'] as object, { annotations });
    },
    'kubectl-client-side-apply',
  );

  test('kubectl may change what its annotation says', () => {
    const { object } = apply(live, config({ replicas: 3, paused: true }), { manager: 'kubectl' });
    expect(specOf(object)).toEqual({ replicas: 3, paused: true });
    const text = (object['metadata'] as { annotations: Record<string, string> }).annotations[LAST_APPLIED] ?? '';
    expect(JSON.parse(text)).toEqual(config({ replicas: 3, paused: true }));
  });

  test('the annotation itself is not written into the annotation', () => {
    const own = config({ replicas: 2, paused: true }, { annotations: { [LAST_APPLIED]: 'x' } });
    const { object } = apply(live, own, { manager: 'kubectl', force: true });
    const text = (object['metadata'] as { annotations: Record<string, string> }).annotations[LAST_APPLIED] ?? '';
    expect(JSON.parse(text)).toEqual(config({ replicas: 2, paused: true }, { annotations: {} }));
  });

  test('others may not', () => {
    expect(failure(() => apply(live, config({ replicas: 3 }))).code).toBe(409);
  });

  test('kubectl may not where somebody changed it since', () => {
    const changed = update(live, (object) => Object.assign(specOf(object), { replicas: 7 }), 'hpa');
    const error = failure(() => apply(changed, config({ replicas: 3, paused: false }), { manager: 'kubectl' }));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas');
  });

  test.each([['{'], ['[]'], [JSON.stringify({ ...applied, apiVersion: 'v1' })], ['']])(
    'annotation %j forgives nothing',
    (text) => {
      const broken = { ...live, metadata: { ...(live['metadata'] as object), annotations: { [LAST_APPLIED]: text } } };
      expect(failure(() => apply(broken, config({ replicas: 3 }), { manager: 'kubectl' })).code).toBe(409);
    },
  );
});

describe('refuses', () => {
  test.each([
    ['another kind', { ...config({}), kind: 'Pod' }, 'invalid object type: apps/v1, Kind=Pod'],
    [
      'another version',
      { ...config({}), apiVersion: 'apps/v2' },
      'Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1',
    ],
    ['managedFields', config({}, { managedFields: [] }), 'metadata.managedFields must be nil'],
    [
      'unknown fields',
      config({ foo: 1 }),
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema',
    ],
    [
      'several problems',
      config({ foo: 1, bar: 1 }),
      'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n  .spec.foo: field not declared in schema\n  .spec.bar: field not declared in schema',
    ],
  ])('%s', (_, patch, message) => {
    const error = failure(() => apply(undefined, patch));
    expect([error.code, error.message]).toEqual([400, message]);
  });
});

test('ownedFieldsOf', () => {
  expect(ownedFieldsOf(config({ replicas: 1 }, { labels: { a: '1' } }), schema, registry)).toEqual({
    'f:metadata': { 'f:labels': { 'f:a': {} } },
    'f:spec': { 'f:replicas': {} },
  });
});
