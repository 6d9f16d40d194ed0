import { expect, test } from 'vitest';
import { deployments } from './apps/v1.ts';
import { builtinGroups, builtinResources, getBuiltinKind, getBuiltinResource } from './catalogue.ts';
import { apiVersionOf } from './meta/resource-ref.ts';
import { BuiltinSchemas } from './schema/registry.ts';

const registry = new BuiltinSchemas();

test('every resource has a schema of its own kind', () => {
  for (const { ref, schema } of builtinResources) {
    const { group, version, kind } = ref;
    expect(registry.require(schema)).toMatchObject({ type: 'object', gvk: [{ group, version, kind }] });
  }
});

test('every kind of a subresource is known', () => {
  for (const { subresources } of builtinResources) {
    for (const body of subresources) expect(registry.getKind(body)?.gvk?.kind).toBe(body.kind);
  }
});

test('resources are in the order of groups and versions, without doubles', () => {
  const order = builtinGroups.flatMap(({ name, versions }) =>
    versions.map(({ version }) => apiVersionOf({ group: name, version })),
  );
  const seen = builtinResources.map(({ ref }) => apiVersionOf(ref));
  expect([...new Set(seen)]).toEqual(order);
  expect(new Set(builtinResources.map(({ ref }) => `${apiVersionOf(ref)}/${ref.plural}`)).size).toBe(
    builtinResources.length,
  );
});

test('groups fall in priority, and by name where it is equal', () => {
  const core = builtinGroups.slice(1);
  const sorted = core.toSorted((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  expect(core.map(({ name }) => name)).toEqual(sorted.map(({ name }) => name));
});

test('resources are found by name and by kind', () => {
  expect(getBuiltinResource(deployments)).toMatchObject({ singular: 'deployment', shortNames: ['deploy'] });
  expect(getBuiltinKind({ group: 'apps', version: 'v1', kind: 'Deployment' })?.ref).toBe(deployments);
  expect(getBuiltinKind({ group: '', version: 'v1', kind: 'Deployment' })).toBeUndefined();
});
