import { describe, expect, test } from 'vitest';
import { BuiltinSchemas } from '../schema/registry.ts';
import { deepFreeze } from './clone.ts';
import { type FieldSet, fieldSetFromPaths } from './field-set.ts';
import { capUpdates, type Ownership, printManager, type TrackedObject, updateManagedFields } from './managed-fields.ts';
import type { ManagedFieldsEntry } from './types.ts';

const registry = new BuiltinSchemas();
const schema = { type: 'ref', name: 'io.k8s.api.apps.v1.Deployment' } as const;
const T1 = '2026-01-01T00:00:00Z';
const T2 = '2026-01-02T00:00:00Z';

const entry = (manager: string, fieldsV1: FieldSet, extra: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: 'Update',
  apiVersion: 'apps/v1',
  time: T1,
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...extra,
});

function deployment(spec: object, managedFields?: ManagedFieldsEntry[] | null, rest: object = {}): TrackedObject {
  const metadata = {
    name: 'web',
    namespace: 'default',
    uid: '1',
    ...(managedFields === undefined ? {} : { managedFields }),
  };
  return deepFreeze({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec, ...rest });
}

interface Write {
  old?: TrackedObject | undefined;
  new: TrackedObject;
  manager?: string;
  subresource?: string;
  resetFields?: FieldSet;
  apiVersion?: string;
}

const write = ({ old, manager = 'm2', apiVersion = 'apps/v1', ...rest }: Write) =>
  updateManagedFields({ old, ...rest, manager, apiVersion, schema, registry, now: new Date(T2) });

const REPLICAS = { 'f:spec': { 'f:replicas': {} } };
const PAUSED = { 'f:spec': { 'f:paused': {} } };
const BOTH = { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } };

describe('updateManagedFields', () => {
  test('a creator owns all but system metadata', () => {
    const template = { spec: { containers: [{ name: 'a', image: '1', resources: {} }] } };
    const created = deployment({ replicas: 1, template }, undefined, { status: { replicas: 1 } });
    expect(write({ new: created, manager: 'm1', resetFields: fieldSetFromPaths([['status']]) })).toEqual([
      entry(
        'm1',
        {
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': {
                'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:resources': {} } },
              },
            },
          },
        },
        { time: T2 },
      ),
    ]);
  });

  const rows: (Write & { name: string; result: ManagedFieldsEntry[] | undefined })[] = [
    {
      name: 'a changed field changes hands',
      old: deployment({ replicas: 1, paused: true }, [entry('m1', BOTH)]),
      new: deployment({ replicas: 2, paused: true }),
      result: [entry('m1', PAUSED), entry('m2', REPLICAS, { time: T2 })],
    },
    {
      name: 'who loses all vanishes',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 2 }),
      result: [entry('m2', REPLICAS, { time: T2 })],
    },
    {
      name: 'a removed field leaves everybody, and the writer gains nothing',
      old: deployment({ replicas: 1, paused: true }, [entry('m1', BOTH)]),
      new: deployment({ replicas: 1 }),
      result: [entry('m1', REPLICAS)],
    },
    {
      name: 'the writer adds to what it has',
      old: deployment({ replicas: 1 }, [entry('m2', REPLICAS)]),
      new: deployment({ replicas: 1, paused: true }),
      result: [entry('m2', BOTH, { time: T2 })],
    },
    {
      name: 'the last owner gone leaves an untracked object',
      old: deployment({ paused: true }, [entry('m1', PAUSED)]),
      new: deployment({}),
      result: undefined,
    },
    {
      name: 'appliers lose what others change',
      old: deployment({ replicas: 1 }, [entry('m2', REPLICAS, { operation: 'Apply' })]),
      new: deployment({ replicas: 2 }),
      result: [entry('m2', REPLICAS, { time: T2 })],
    },
    {
      name: 'a subresource is a manager of its own',
      old: deployment({ replicas: 1 }, [entry('m2', REPLICAS)]),
      new: deployment({ replicas: 2 }, [entry('x', PAUSED)]),
      subresource: 'scale',
      result: [entry('m2', REPLICAS, { time: T2, subresource: 'scale' })],
    },
    {
      name: 'another version is a manager of its own',
      old: deployment({ replicas: 1 }, [entry('m2', BOTH, { apiVersion: 'apps/v1beta1' })]),
      new: deployment({ replicas: 2 }),
      result: [entry('m2', PAUSED, { apiVersion: 'apps/v1beta1' }), entry('m2', REPLICAS, { time: T2 })],
    },
    {
      name: 'a nameless writer is unknown',
      old: deployment({}, [entry('m1', PAUSED)]),
      new: deployment({ replicas: 2 }),
      manager: '',
      result: [entry('m1', PAUSED), entry('unknown', REPLICAS, { time: T2 })],
    },
    {
      name: 'what never was tracked stays so',
      old: deployment({ replicas: 1 }),
      new: deployment({ replicas: 2 }),
      result: undefined,
    },
    {
      name: 'an empty list resets',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 2 }, []),
      result: undefined,
    },
    {
      name: 'an empty entry resets',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 1 }, [{}]),
      result: undefined,
    },
    {
      name: 'edits count',
      old: deployment({ replicas: 1, paused: true }, [entry('m1', BOTH)]),
      new: deployment({ replicas: 1, paused: true }, [entry('m3', { 'f:spec': { 'f:replicas': {}, 'x:y': {} } })]),
      result: [entry('m3', REPLICAS)],
    },
    {
      name: 'broken edits do not',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 1 }, [entry('m3', REPLICAS, { fieldsType: 'V2' })]),
      result: [entry('m1', REPLICAS)],
    },
    {
      name: 'nor do broken sets',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 1 }, [entry('m3', { 'k:x': {} })]),
      result: [entry('m1', REPLICAS)],
    },
    {
      name: 'null keeps what is stored',
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 1 }, null),
      result: [entry('m1', REPLICAS)],
    },
    {
      name: "reset fields are nobody's, below the surface as well",
      old: deployment({ replicas: 1 }, [entry('m1', REPLICAS)]),
      new: deployment({ replicas: 2, paused: true }, undefined, { status: { replicas: 1 } }),
      resetFields: fieldSetFromPaths([['status'], ['spec', 'replicas']]),
      result: [entry('m1', REPLICAS), entry('m2', PAUSED, { time: T2 })],
    },
    {
      name: 'applies come first, then by time, then by name',
      old: deployment({}, [
        entry('c', { 'f:spec': { 'f:a': {} } }, { time: T2 }),
        entry('b', { 'f:spec': { 'f:b': {} } }),
        entry('a', { 'f:spec': { 'f:c': {} } }),
        entry('z', { 'f:spec': { 'f:d': {} } }, { operation: 'Apply' }),
      ]),
      new: deployment({}),
      result: [
        entry('z', { 'f:spec': { 'f:d': {} } }, { operation: 'Apply' }),
        entry('a', { 'f:spec': { 'f:c': {} } }),
        entry('b', { 'f:spec': { 'f:b': {} } }),
        entry('c', { 'f:spec': { 'f:a': {} } }, { time: T2 }),
      ],
    },
  ];
  test.each(rows)('$name', ({ name: _, result, ...input }) => expect(write(input)).toEqual(result));

  test('an unchanged object keeps the very same list', () => {
    const managedFields = [entry('m1', BOTH)];
    const old = deployment({ replicas: 1, paused: true }, managedFields);
    expect(write({ old, new: deployment({ replicas: 1, paused: true }) })).toBe(managedFields);
    expect(write({ old, new: deployment({ replicas: 1, paused: true }, structuredClone(managedFields)) })).toBe(
      managedFields,
    );
  });
});

describe('capUpdates', () => {
  const ownership = (index: number, apiVersion = 'v1'): Ownership => ({
    manager: `m${String(index).padStart(2, '0')}`,
    operation: 'Update',
    apiVersion,
    subresource: '',
    time: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString(),
    fields: { [`f:${index}`]: {} },
  });

  test('ten may stay', () => {
    const ten = Array.from({ length: 10 }, (_, index) => ownership(index));
    expect(capUpdates(ten)).toEqual(ten);
    expect(capUpdates([...ten, { ...ownership(10), operation: 'Apply' }])).toHaveLength(11);
  });

  test('the oldest of a version become one', () => {
    const twelve = Array.from({ length: 12 }, (_, index) => ownership(index));
    const capped = capUpdates(twelve);
    expect(capped).toHaveLength(10);
    expect(capped.find(({ manager }) => manager === 'ancient-changes')).toEqual({
      ...ownership(2),
      manager: 'ancient-changes',
      fields: { 'f:0': {}, 'f:1': {}, 'f:2': {} },
    });
  });

  test('versions stay apart', () => {
    const eleven = Array.from({ length: 11 }, (_, index) => ownership(index, index === 0 ? 'v2' : 'v1'));
    const capped = capUpdates(eleven);
    expect(capped).toHaveLength(10);
    expect(capped.find(({ apiVersion }) => apiVersion === 'v2')?.manager).toBe('m00');
  });
});

test.each([
  ['Update', '', '"a" using v1'],
  ['Update', 'status', '"a" with subresource "status" using v1'],
  ['Apply', '', '"a"'],
] as const)('printManager %s %s', (operation, subresource, text) => {
  expect(printManager({ manager: 'a', operation, apiVersion: 'v1', subresource })).toBe(text);
});
