import { describe, expect, test } from 'vitest';
import { checkDns1123Subdomain } from './names.ts';
import {
  validateFieldManager,
  validateLabelSelector,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from './object-meta.ts';
import type { ObjectMeta } from './types.ts';
import { renderFieldError } from './validation.ts';

const render = (errors: Parameters<typeof renderFieldError>[0][]) => errors.map(renderFieldError);
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: '1' };

describe('validateObjectMeta', () => {
  const rows: { name: string; meta: Partial<ObjectMeta>; namespaced?: boolean; error: string | undefined }[] = [
    { name: 'accepts a plain object', meta: {}, error: undefined },
    {
      name: 'accepts everything well-formed',
      meta: {
        generateName: 'web-',
        labels: { 'a/b': 'c', d: '' },
        annotations: { 'Example.com/X': 'any text at all' },
        finalizers: ['example.com/x', 'orphan'],
        ownerReferences: [{ ...owner, controller: true }],
        managedFields: [{ manager: 'kubectl', operation: 'Apply', fieldsType: 'FieldsV1' }],
      },
      error: undefined,
    },
    {
      name: 'wants a name',
      meta: { name: '' },
      error: 'metadata.name: Required value: name or generateName is required',
    },
    { name: 'judges the name', meta: { name: 'A' }, error: 'metadata.name: Invalid value: "A": a lowercase RFC 1123' },
    {
      name: 'judges generateName',
      meta: { generateName: 'WEB-' },
      error: 'metadata.generateName: Invalid value: "WEB-": a lowercase RFC 1123',
    },
    { name: 'wants a namespace', meta: { namespace: undefined }, error: 'metadata.namespace: Required value' },
    {
      name: 'judges the namespace',
      meta: { namespace: 'a.b' },
      error: 'metadata.namespace: Invalid value: "a.b": must not contain dots',
    },
    {
      name: 'refuses a namespace on cluster-scoped objects',
      meta: {},
      namespaced: false,
      error: 'metadata.namespace: Forbidden: not allowed on this type',
    },
    {
      name: 'refuses a negative generation',
      meta: { generation: -1 },
      error: 'metadata.generation: Invalid value: -1: must be greater than or equal to 0',
    },
    {
      name: 'judges label keys',
      meta: { labels: { 'a b': 'c' } },
      error: 'metadata.labels: Invalid value: "a b": name part must consist',
    },
    {
      name: 'judges label values',
      meta: { labels: { a: 'b c' } },
      error: 'metadata.labels: Invalid value: "b c": a valid label must',
    },
    {
      name: 'judges annotation keys',
      meta: { annotations: { 'a b': 'c' } },
      error: 'metadata.annotations: Invalid value: "a b": name part must consist',
    },
    {
      name: 'limits annotations to 256 KiB',
      meta: { annotations: { a: 'x'.repeat(256 * 1024) } },
      error: 'metadata.annotations: Too long: may not be more than 262144 bytes',
    },
    {
      name: 'judges finalizers',
      meta: { finalizers: ['a b'] },
      error: 'metadata.finalizers: Invalid value: "a b": name part must consist',
    },
    {
      name: 'refuses two ways to collect garbage',
      meta: { finalizers: ['orphan', 'foregroundDeletion'] },
      error:
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    },
    {
      name: 'wants whole owner references',
      meta: { ownerReferences: [{ ...owner, uid: '' }] },
      error: 'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    },
    {
      name: 'wants a version of owners',
      meta: { ownerReferences: [{ ...owner, apiVersion: 'apps/' }] },
      error: 'metadata.ownerReferences.apiVersion: Invalid value: "apps/": version must not be empty',
    },
    {
      name: 'refuses events as owners',
      meta: { ownerReferences: [{ ...owner, apiVersion: 'v1', kind: 'Event' }] },
      error:
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"a","uid":"1"}: /v1, Kind=Event is disallowed from being an owner',
    },
    {
      name: 'allows one controller',
      meta: {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: 'b', controller: true },
        ],
      },
      error:
        'metadata.ownerReferences: Invalid value: [{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"a","uid":"1","controller":true},{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"b","uid":"1","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/a and ReplicaSet/b',
    },
    {
      name: 'judges managed fields: operation',
      meta: { managedFields: [{ operation: 'Own' }] },
      error: 'metadata.managedFields[0].operation: Invalid value: "Own": must be `Apply` or `Update`',
    },
    {
      name: 'judges managed fields: type',
      meta: { managedFields: [{ operation: 'Apply', fieldsType: 'V2' }] },
      error: 'metadata.managedFields[0].fieldsType: Invalid value: "V2": must be `FieldsV1`',
    },
    {
      name: 'judges managed fields: subresource',
      meta: { managedFields: [{ operation: 'Apply', subresource: 'x'.repeat(257) }] },
      error: 'metadata.managedFields[0].subresource: Too long: may not be more than 256 bytes',
    },
  ];
  test.each(rows)('$name', ({ meta, namespaced = true, error }) => {
    const rules = { namespaced, nameRule: checkDns1123Subdomain };
    const errors = render(validateObjectMeta({ name: 'web', namespace: 'default', ...meta }, rules));
    if (error === undefined) expect(errors).toEqual([]);
    else expect(errors).toEqual([expect.stringContaining(error)]);
  });

  test('takes rules that give one message', () => {
    const nameRule = (name: string) => (name === 'web' ? undefined : 'must be web');
    expect(validateObjectMeta({ name: 'web' }, { namespaced: false, nameRule })).toEqual([]);
    expect(render(validateObjectMeta({ name: 'api' }, { namespaced: false, nameRule }))).toEqual([
      'metadata.name: Invalid value: "api": must be web',
    ]);
  });
});

describe('validateObjectMetaUpdate', () => {
  const old: ObjectMeta = { name: 'web', namespace: 'default', uid: '1', resourceVersion: '5', generation: 2 };
  const rows: { name: string; meta?: Partial<ObjectMeta>; oldMeta?: Partial<ObjectMeta>; error: string | undefined }[] =
    [
      { name: 'accepts no change', error: undefined },
      {
        name: 'wants a resourceVersion',
        meta: { resourceVersion: '' },
        error: 'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      },
      {
        name: 'keeps the generation growing',
        meta: { generation: 1 },
        error: 'metadata.generation: Invalid value: 1: must not be decremented',
      },
      {
        name: 'keeps the name',
        meta: { name: 'api' },
        error: 'metadata.name: Invalid value: "api": field is immutable',
      },
      { name: 'keeps the uid', meta: { uid: '2' }, error: 'metadata.uid: Invalid value: "2": field is immutable' },
      {
        name: 'keeps the deletion timestamp',
        meta: { deletionTimestamp: '2026-01-01T00:00:00Z' },
        error: 'metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:00Z": field is immutable',
      },
      {
        name: 'keeps the creation timestamp',
        oldMeta: { creationTimestamp: '2026-01-01T00:00:00Z' },
        error: 'metadata.creationTimestamp: Invalid value: null: field is immutable',
      },
      {
        name: 'refuses new finalizers on a deleted object',
        meta: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a', 'c', 'b'] },
        oldMeta: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a'] },
        error:
          'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"b", "c"}',
      },
      {
        name: 'lets finalizers go',
        meta: { deletionTimestamp: '2026-01-01T00:00:00Z' },
        oldMeta: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a'] },
        error: undefined,
      },
      { name: 'judges labels', meta: { labels: { a: 'b c' } }, error: 'metadata.labels: Invalid value: "b c"' },
    ];
  test.each(rows)('$name', ({ meta, oldMeta, error }) => {
    const errors = render(validateObjectMetaUpdate({ ...old, ...meta }, { ...old, ...oldMeta }));
    if (error === undefined) expect(errors).toEqual([]);
    else expect(errors).toEqual([expect.stringContaining(error)]);
  });
});

test.each([
  ['kubectl-client-side-apply', []],
  ['käse', []],
  ['a\u0001', ['fieldManager: Invalid value: "a\\x01": invalid character U+0001 (at position 1)']],
  ['ä\u200b', ['fieldManager: Invalid value: "ä\\u200b": invalid character U+200B (at position 2)']],
  ['x'.repeat(129), ['fieldManager: Too long: may not be more than 128 bytes']],
])('field manager %j', (manager, errors) => {
  expect(render(validateFieldManager(manager, 'fieldManager'))).toEqual(errors);
});

test.each([
  { selector: undefined, errors: [] },
  { selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'Exists' }] }, errors: [] },
  { selector: { matchLabels: { a: 'b c' } }, errors: ['s.matchLabels: Invalid value: "b c"'] },
  {
    selector: { matchExpressions: [{ key: 'a', operator: 'In' }] },
    errors: ["s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"],
  },
  {
    selector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
    errors: [
      "s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
  },
  {
    selector: { matchExpressions: [{ key: '', operator: 'Like', values: ['b c'] }] },
    errors: [
      's.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
      's.matchExpressions[0].key: Invalid value: "": name part must be non-empty',
      's.matchExpressions[0].key: Invalid value: "": name part must consist',
      's.matchExpressions[0].values[0]: Invalid value: "b c": a valid label must',
    ],
  },
])('label selector $selector', ({ selector, errors }) => {
  const found = render(validateLabelSelector(selector, 's'));
  expect(found).toEqual(errors.map((error) => expect.stringContaining(error)));
});
