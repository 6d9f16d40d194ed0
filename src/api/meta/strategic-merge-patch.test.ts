import { describe, expect, test } from 'vitest';
import { BuiltinSchemas } from '../schema/registry.ts';
import { deepFreeze } from './clone.ts';
import { isBadRequest } from './errors.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const registry = new BuiltinSchemas();
const apply = (type: string, document: unknown, patch: unknown) => {
  const schema = { type: 'ref', name: type } as const;
  return applyStrategicMergePatch(deepFreeze(document), deepFreeze(patch), { schema, registry });
};
const POD_SPEC = 'io.k8s.api.core.v1.PodSpec';
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

const containers = [
  { name: 'a', image: '1' },
  {
    name: 'b',
    image: '1',
    env: [
      { name: 'X', value: '1' },
      { name: 'Y', value: '1' },
    ],
  },
];

interface Row {
  name: string;
  type: string;
  document: unknown;
  patch: unknown;
  result: unknown;
}

describe('maps', () => {
  const rows: Row[] = [
    {
      name: 'merge',
      type: META,
      document: { labels: { a: '1' } },
      patch: { labels: { b: '2' } },
      result: { labels: { a: '1', b: '2' } },
    },
    {
      name: 'null deletes',
      type: META,
      document: { labels: { a: '1', b: '2' } },
      patch: { labels: { a: null } },
      result: { labels: { b: '2' } },
    },
    {
      name: 'null for nothing adds nothing',
      type: META,
      document: {},
      patch: { labels: { a: null, b: '1' } },
      result: { labels: { b: '1' } },
    },
    {
      name: '$patch replace',
      type: META,
      document: { labels: { a: '1' } },
      patch: { labels: { $patch: 'replace', b: '2' } },
      result: { labels: { b: '2' } },
    },
    {
      name: '$patch delete empties',
      type: META,
      document: { labels: { a: '1' } },
      patch: { labels: { $patch: 'delete' } },
      result: { labels: {} },
    },
    { name: '$patch delete of nothing', type: META, document: {}, patch: { labels: { $patch: 'delete' } }, result: {} },
    {
      name: 'another type replaces',
      type: META,
      document: { labels: 'x' },
      patch: { labels: { a: '1' } },
      result: { labels: { a: '1' } },
    },
    {
      name: 'patchStrategy replace',
      type: 'io.k8s.api.policy.v1.PodDisruptionBudgetSpec',
      document: { selector: { matchLabels: { a: '1' } } },
      patch: { selector: { matchLabels: { b: '2' } } },
      result: { selector: { matchLabels: { b: '2' } } },
    },
    {
      name: '$retainKeys drops the others',
      type: 'io.k8s.api.apps.v1.DeploymentSpec',
      document: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      patch: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      result: { strategy: { type: 'Recreate' } },
    },
    {
      name: 'unknown fields merge plainly',
      type: META,
      document: { future: { a: 1, list: [1] } },
      patch: { future: { b: 2, list: [2] } },
      result: { future: { a: 1, b: 2, list: [2] } },
    },
    {
      name: 'open values merge plainly',
      type: 'io.k8s.api.apps.v1.ControllerRevision',
      document: { data: { spec: { a: 1, containers: [{ name: 'a' }] } } },
      patch: { data: { spec: { containers: [{ name: 'b' }] } } },
      result: { data: { spec: { a: 1, containers: [{ name: 'b' }] } } },
    },
  ];
  test.each(rows)('$name', ({ type, document, patch, result }) => expect(apply(type, document, patch)).toEqual(result));
});

describe('lists of maps', () => {
  const rows: Row[] = [
    {
      name: 'merge by key, all the way down',
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ name: 'b', env: [{ name: 'Y', value: '2' }] }] },
      result: {
        containers: [
          containers[0],
          {
            name: 'b',
            image: '1',
            env: [
              { name: 'X', value: '1' },
              { name: 'Y', value: '2' },
            ],
          },
        ],
      },
    },
    {
      name: 'new items come first, as upstream has it',
      type: POD_SPEC,
      document: { containers: [containers[0]] },
      patch: { containers: [{ name: 'c', image: '1', tty: null }] },
      result: { containers: [{ name: 'c', image: '1' }, containers[0]] },
    },
    {
      name: '$patch delete',
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ name: 'b', $patch: 'delete' }] },
      result: { containers: [containers[0]] },
    },
    {
      name: '$patch replace',
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ $patch: 'replace' }, { name: 'c' }] },
      result: { containers: [{ name: 'c' }] },
    },
    {
      name: 'only the merge key counts: ports merge by containerPort alone',
      type: 'io.k8s.api.core.v1.Container',
      document: { ports: [{ containerPort: 53, protocol: 'TCP' }] },
      patch: { ports: [{ containerPort: 53, protocol: 'UDP' }] },
      result: { ports: [{ containerPort: 53, protocol: 'UDP' }] },
    },
    {
      name: '$setElementOrder sorts the patched',
      type: POD_SPEC,
      document: { containers: [{ name: 'a' }, { name: 'b' }, { name: 'server' }, { name: 'c' }] },
      patch: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: '2' }],
      },
      result: { containers: [{ name: 'server' }, { name: 'c' }, { name: 'b' }, { name: 'a', image: '2' }] },
    },
    {
      name: '$setElementOrder puts server items before the first that followed them',
      type: POD_SPEC,
      document: { containers: [{ name: 'server' }, { name: 'a' }, { name: 'b' }] },
      patch: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }] },
      result: { containers: [{ name: 'server' }, { name: 'a' }, { name: 'b' }] },
    },
    {
      name: '$setElementOrder with deletion',
      type: POD_SPEC,
      document: { containers },
      patch: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a', $patch: 'delete' }] },
      result: { containers: [containers[1]] },
    },
    {
      name: '$setElementOrder for a list that is not there',
      type: POD_SPEC,
      document: {},
      patch: { '$setElementOrder/containers': [{ name: 'a' }] },
      result: {},
    },
    {
      name: '$setElementOrder for a new list',
      type: POD_SPEC,
      document: {},
      patch: {
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
        containers: [{ name: 'a' }, { name: 'b' }, { name: 'c', $patch: 'delete' }],
      },
      result: { containers: [{ name: 'a' }, { name: 'b' }] },
    },
    {
      name: '$retainKeys in an item',
      type: POD_SPEC,
      document: { volumes: [{ name: 'v', emptyDir: {} }] },
      patch: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] },
      result: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
    },
    {
      name: 'directives never end up in new items',
      type: POD_SPEC,
      document: { volumes: [] },
      patch: { volumes: [{ name: 'v', $retainKeys: ['name', 'emptyDir'], emptyDir: {} }] },
      result: { volumes: [{ name: 'v', emptyDir: {} }] },
    },
    {
      name: 'lists without merge strategy are replaced',
      type: POD_SPEC,
      document: { tolerations: [{ key: 'a' }] },
      patch: { tolerations: [{ key: 'b' }] },
      result: { tolerations: [{ key: 'b' }] },
    },
    {
      name: 'the first of duplicates merges',
      type: POD_SPEC,
      document: { containers: [{ name: 'a' }, { name: 'a' }] },
      patch: { containers: [{ name: 'a', image: '2' }] },
      result: { containers: [{ name: 'a', image: '2' }, { name: 'a' }] },
    },
    {
      name: 'empty lists',
      type: POD_SPEC,
      document: { containers: [] },
      patch: { containers: [] },
      result: { containers: [] },
    },
  ];
  test.each(rows)('$name', ({ type, document, patch, result }) => expect(apply(type, document, patch)).toEqual(result));
});

describe('lists of primitives', () => {
  const rows: Row[] = [
    {
      name: 'merge',
      type: META,
      document: { finalizers: ['a', 'b'] },
      patch: { finalizers: ['b', 'c'] },
      result: { finalizers: ['a', 'b', 'c'] },
    },
    {
      name: '$deleteFromPrimitiveList',
      type: META,
      document: { finalizers: ['a', 'b', 'c'] },
      patch: { '$deleteFromPrimitiveList/finalizers': ['b', 'x'] },
      result: { finalizers: ['a', 'c'] },
    },
    {
      name: '$deleteFromPrimitiveList of nothing',
      type: META,
      document: {},
      patch: { '$deleteFromPrimitiveList/finalizers': ['b'] },
      result: {},
    },
    {
      name: '$setElementOrder and additions',
      type: META,
      document: { finalizers: ['a', 'b', 'server'] },
      patch: {
        '$setElementOrder/finalizers': ['c', 'a'],
        '$deleteFromPrimitiveList/finalizers': ['b'],
        finalizers: ['c'],
      },
      result: { finalizers: ['c', 'a', 'server'] },
    },
    {
      name: 'replaced without strategy',
      type: 'io.k8s.api.core.v1.Container',
      document: { args: ['a'] },
      patch: { args: ['b'] },
      result: { args: ['b'] },
    },
  ];
  test.each(rows)('$name', ({ type, document, patch, result }) => expect(apply(type, document, patch)).toEqual(result));
});

describe('refuses', () => {
  const rows: { type: string; document: unknown; patch: unknown; message: string }[] = [
    {
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ image: '2' }] },
      message: 'map: map[image:2] does not contain declared merge key: name',
    },
    {
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ $patch: 'delete' }] },
      message: 'map: map[$patch:delete] does not contain declared merge key: name',
    },
    {
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ $patch: 'merge' }] },
      message: 'merging lists cannot yet be specified in the patch',
    },
    {
      type: POD_SPEC,
      document: { containers },
      patch: { containers: [{ $patch: 'x' }] },
      message: 'unknown patch type: x in map: map[$patch:x]',
    },
    {
      type: POD_SPEC,
      document: { containers },
      patch: { containers: ['x'] },
      message: 'expected a map[string]interface {}, but received a string',
    },
    {
      type: POD_SPEC,
      document: { containers: [[]] },
      patch: { containers: [{ name: 'a' }] },
      message: 'lists of lists are not supported',
    },
    {
      type: META,
      document: { labels: {} },
      patch: { labels: { $patch: 'merge' } },
      message: 'unknown patch type: merge in map: map[$patch:merge]',
    },
    { type: META, document: {}, patch: { $retainKeys: 'a' }, message: 'invalid patch format of retainKeys' },
    {
      type: META,
      document: {},
      patch: { $retainKeys: ['a'], name: 'b' },
      message: 'invalid patch format of retainKeys',
    },
    {
      type: POD_SPEC,
      document: {},
      patch: { '$setElementOrder/containers': 'x' },
      message: 'expected a []interface {}, but received a string',
    },
    {
      type: POD_SPEC,
      document: {},
      patch: { '$setElementOrder/containers': [], containers: {} },
      message: 'expected a []interface {}, but received a object',
    },
    {
      type: POD_SPEC,
      document: { containers },
      patch: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] },
      message: "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    },
    {
      type: META,
      document: {},
      patch: [],
      message: 'json: cannot unmarshal array into Go value of type map[string]interface {}',
    },
    { type: META, document: [], patch: {}, message: 'invalid JSON document' },
  ];
  test.each(rows)('$patch', ({ type, document, patch, message }) => {
    let error: unknown;
    try {
      apply(type, document, patch);
    } catch (caught) {
      error = caught;
    }
    expect(isBadRequest(error)).toBe(true);
    expect((error as Error).message).toBe(message);
  });

  test('lists that merge without a key', () => {
    const schema = {
      type: 'object',
      required: [],
      fields: { list: { schema: { type: 'list', items: { type: 'any' } }, patch: { merge: true } } },
    } as const;
    const act = () => applyStrategicMergePatch({ list: [{ a: 1 }] }, { list: [{ a: 2 }] }, { schema, registry });
    expect(act).toThrow('cannot merge lists without merge key');
  });
});
