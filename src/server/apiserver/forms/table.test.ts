import { expect, test } from 'vitest';
import { pods } from '#api/core/v1.ts';
import { ageColumn, defineResource, nameColumn } from '../resource.ts';
import { makeTable, parseIncludeObject, type TableOptions } from './table.ts';

const now = new Date('2026-01-01T00:10:00Z');
const object = {
  metadata: { name: 'p', namespace: 'n', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '5' },
  spec: { containers: [] },
  status: { phase: 'Failed' },
};
const definition = defineResource(pods, {
  columns: [nameColumn, { name: 'Phase', priority: 1, value: ({ status }) => status?.phase ?? '' }, ageColumn],
  rowConditions: ({ status }) =>
    status?.phase === 'Failed' ? [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'm' }] : [],
});
const options: TableOptions = {
  definition,
  objects: [object],
  metadata: { resourceVersion: '5' },
  version: 'v1',
  includeObject: 'Metadata',
  withColumns: true,
  now,
};

test('a row per object, in the columns of the resource', () => {
  expect(makeTable(options)).toEqual({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '5' },
    columnDefinitions: [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Phase', type: 'string', format: '', description: '', priority: 1 },
      { name: 'Age', type: 'string', format: '', description: '', priority: 0 },
    ],
    rows: [
      {
        cells: ['p', 'Failed', '10m'],
        conditions: [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'm' }],
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
      },
    ],
  });
});

test('a resource without columns shows name and time', () => {
  const { columnDefinitions, rows } = makeTable({ ...options, definition: defineResource(pods) });
  expect(columnDefinitions).toMatchObject([{ name: 'Name' }, { name: 'Created At', type: 'date' }]);
  expect(rows[0]?.cells).toEqual(['p', '2026-01-01T00:00:00Z']);
});

test.each([
  { includeObject: 'None' as const, shown: undefined },
  { includeObject: 'Object' as const, shown: object },
])('includeObject=$includeObject', ({ includeObject, shown }) => {
  expect(makeTable({ ...options, includeObject }).rows[0]?.object).toEqual(shown);
});

test('later events of a watch name no columns', () => {
  expect(makeTable({ ...options, withColumns: false }).columnDefinitions).toEqual([]);
});

test('includeObject must be known', () => {
  expect(parseIncludeObject(null)).toBe('Metadata');
  expect(() => parseIncludeObject('All')).toThrow('unrecognized includeObject value: "All"');
});
