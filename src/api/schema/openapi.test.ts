import { describe, expect, test } from 'vitest';
import { builtinResources } from '../catalogue.ts';
import { encodeOpenApiV2, type OpenApiResource, openApiV2, openApiV3 } from './openapi.ts';
import type { Json } from './openapi-schema.ts';
import { BuiltinSchemas } from './registry.ts';
import { loadTexts } from './texts.ts';
import { BYTES, WireReader } from './wire.ts';

const schemas = new BuiltinSchemas();
const texts = await loadTexts(schemas);

const builtins: OpenApiResource[] = builtinResources.map(({ ref, verbs, schema, subresources }) => ({
  ref,
  verbs,
  schema: { type: 'ref', name: schema },
  subresources: subresources.map(({ name, verbs: allowed, ...body }) => ({ name, verbs: allowed, body })),
}));

const crontabs: OpenApiResource = {
  ref: { group: 'stable.example.com', version: 'v1', kind: 'CronTab', plural: 'crontabs', namespaced: true },
  verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  schema: {
    type: 'object',
    description: 'A tab.',
    required: ['spec'],
    fields: {
      spec: {
        schema: {
          type: 'object',
          required: [],
          fields: { size: { schema: { type: 'integer', default: 3, nullable: true } } },
        },
      },
    },
  },
  subresources: [],
};

const version = 'v1.36.0';
const v2 = openApiV2({ resources: [...builtins, crontabs], schemas, texts, version });
const of = (group: string, at: string) => builtins.filter(({ ref }) => ref.group === group && ref.version === at);
const core = openApiV3({ resources: of('', 'v1'), schemas, texts, version });
const apps = openApiV3({ resources: of('apps', 'v1'), schemas, texts, version });
const custom = openApiV3({ resources: [crontabs], schemas, texts, version });

/** Follows keys; fails the test where one is missing. */
function at(json: unknown, ...keys: string[]): Json {
  let value = json;
  for (const key of keys) {
    expect(value, keys.join(' > ')).toHaveProperty([key]);
    value = (value as Json)[key];
  }
  return value as Json;
}

function references(json: unknown, found: string[] = []): string[] {
  if (typeof json !== 'object' || json === null) return found;
  for (const [key, value] of Object.entries(json)) {
    if (key === '$ref' && typeof value === 'string') found.push(value);
    else references(value, found);
  }
  return found;
}

describe.each([
  { name: 'version 2', document: v2, definitions: at(v2, 'definitions') },
  { name: 'core version 3', document: core, definitions: at(core, 'components', 'schemas') },
  { name: 'apps version 3', document: apps, definitions: at(apps, 'components', 'schemas') },
  { name: 'a custom group in version 3', document: custom, definitions: at(custom, 'components', 'schemas') },
])('$name', ({ document, definitions }) => {
  test('every reference leads somewhere', () => {
    for (const reference of new Set(references(document))) at(document, ...reference.slice(2).split('/'));
  });

  test('no definition is only a reference', () => {
    for (const definition of Object.values(definitions)) expect(definition).not.toHaveProperty('$ref');
  });

  test('operations have names of their own', () => {
    const operations = Object.values(at(document, 'paths')).flatMap((path) => Object.values(path as Json) as Json[]);
    const ids = operations.flatMap(({ operationId }) => (operationId === undefined ? [] : [operationId]));
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  });

  test('every write can ask for validation of fields', () => {
    for (const path of Object.values(at(document, 'paths')) as Json[]) {
      for (const method of ['post', 'put', 'patch']) {
        const operation = path[method] as Json | undefined;
        if (operation === undefined || operation['x-kubernetes-action'] === 'connect') continue;
        expect(operation['parameters']).toContainEqual(
          expect.objectContaining({ name: 'fieldValidation', in: 'query' }),
        );
        expect(operation).toHaveProperty('x-kubernetes-group-version-kind.kind');
      }
    }
  });
});

const POD = 'io.k8s.api.core.v1.Pod';

test('kinds carry their group, version and kind', () => {
  const pod = at(core, 'components', 'schemas', POD);
  expect(pod).toMatchObject({
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Pod' }],
  });
  expect(pod['description']).toMatch(/Pod is/);
});

test('options of deletes belong to every group-version', () => {
  const options = at(v2, 'definitions', 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
  expect(options['x-kubernetes-group-version-kind']).toContainEqual({
    group: 'apps',
    version: 'v1',
    kind: 'DeleteOptions',
  });
  expect(options['x-kubernetes-group-version-kind']).toContainEqual({
    group: 'stable.example.com',
    version: 'v1',
    kind: 'DeleteOptions',
  });
});

test('lists and patches are described', () => {
  const containers = at(core, 'components', 'schemas', 'io.k8s.api.core.v1.PodSpec', 'properties', 'containers');
  expect(containers).toMatchObject({
    type: 'array',
    items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': 'name',
  });
});

test('described references stand beside nothing in version 3', () => {
  const spec = at(core, 'components', 'schemas', POD, 'properties', 'spec');
  expect(spec).toMatchObject({ default: {}, allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.PodSpec' }] });
  expect(at(v2, 'definitions', POD, 'properties', 'spec')).toMatchObject({
    $ref: '#/definitions/io.k8s.api.core.v1.PodSpec',
  });
});

test.each([
  {
    type: 'api.resource.Quantity',
    two: { type: 'string' },
    three: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  {
    type: 'util.intstr.IntOrString',
    two: { type: 'string', format: 'int-or-string' },
    three: { format: 'int-or-string' },
  },
  {
    type: 'apis.meta.v1.Time',
    two: { type: 'string', format: 'date-time' },
    three: { type: 'string', format: 'date-time' },
  },
])('$type is a text', ({ type, two, three }) => {
  const name = `io.k8s.apimachinery.pkg.${type}`;
  expect(at(v2, 'definitions', name)).toMatchObject(two);
  expect(at(core, 'components', 'schemas', name)).toMatchObject(three);
});

test('patches take what the kind knows', () => {
  const types = (document: unknown, path: string) =>
    Object.keys(at(document, 'paths', path, 'patch', 'requestBody', 'content'));
  expect(types(core, '/api/v1/namespaces/{namespace}/pods/{name}')).toContain('application/strategic-merge-patch+json');
  const tabs = types(custom, '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}');
  expect(tabs).not.toContain('application/strategic-merge-patch+json');
  expect(tabs).toContain('application/apply-patch+yaml');
});

test('verbs that a resource lacks have no operation', () => {
  const path = at(core, 'paths', '/api/v1/namespaces');
  expect(Object.keys(path).toSorted()).toEqual(['get', 'parameters', 'post']);
  expect(at(core, 'paths', '/api/v1/namespaces/{namespace}/bindings')).not.toHaveProperty('get');
});

test('a custom kind has a reversed name, its metadata and a list', () => {
  const name = 'com.example.stable.v1.CronTab';
  const tab = at(custom, 'components', 'schemas', name);
  expect(tab).toMatchObject({
    description: 'A tab.',
    required: ['spec'],
    'x-kubernetes-group-version-kind': [{ group: 'stable.example.com', version: 'v1', kind: 'CronTab' }],
  });
  expect(at(tab, 'properties', 'spec', 'properties', 'size')).toEqual({ type: 'integer', default: 3, nullable: true });
  expect(at(tab, 'properties', 'metadata')).toMatchObject({ allOf: [{ $ref: expect.stringContaining('ObjectMeta') }] });
  expect(at(custom, 'components', 'schemas', `${name}List`, 'properties', 'items')).toMatchObject({ type: 'array' });
  const inV2 = at(v2, 'definitions', name, 'properties', 'spec', 'properties', 'size');
  expect(inV2).toEqual({ type: 'integer' });
});

/** Names of a repeated `{1: name, 2: value}` under a path of field numbers, and the values' bytes. */
function namedValues(bytes: Uint8Array, field: number): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const entry of fieldsOf(bytes, field)) {
    const [name = new Uint8Array()] = fieldsOf(entry, 1);
    found.set(Buffer.from(name).toString(), fieldsOf(entry, 2)[0] ?? new Uint8Array());
  }
  return found;
}

function fieldsOf(bytes: Uint8Array, field: number): Uint8Array[] {
  const reader = new WireReader(bytes);
  const found: Uint8Array[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((field << 3) | BYTES)) found.push(reader.bytes());
    else reader.skip(tag & 7);
  }
  return found;
}

test('the protobuf form of version 2 holds every path and definition', () => {
  const bytes = encodeOpenApiV2(v2);
  expect(Buffer.from(fieldsOf(bytes, 1)[0] ?? []).toString()).toBe('2.0');
  const definitions = namedValues(fieldsOf(bytes, 9)[0] ?? new Uint8Array(), 1);
  expect([...definitions.keys()]).toEqual(Object.keys(at(v2, 'definitions')));
  const paths = namedValues(fieldsOf(bytes, 8)[0] ?? new Uint8Array(), 2);
  expect([...paths.keys()]).toEqual(Object.keys(at(v2, 'paths')));
  const pod = definitions.get(POD) ?? new Uint8Array();
  const properties = namedValues(fieldsOf(pod, 25)[0] ?? new Uint8Array(), 1);
  expect([...properties.keys()]).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  expect(Buffer.from(fieldsOf(properties.get('spec') ?? new Uint8Array(), 1)[0] ?? []).toString()).toBe(
    '#/definitions/io.k8s.api.core.v1.PodSpec',
  );
  const [extension = ''] = [...namedValues(pod, 31)].map(
    ([name, value]) => `${name} ${Buffer.from(fieldsOf(value, 2)[0] ?? []).toString()}`,
  );
  expect(extension).toBe('x-kubernetes-group-version-kind [{"group":"","version":"v1","kind":"Pod"}]');
});
