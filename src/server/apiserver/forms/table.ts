import { badRequest } from '#api/meta/errors.ts';
import type { ApiObject, ListMeta } from '#api/meta/types.ts';
import type { Column, ResourceDefinition } from '../resource.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly conditions?: readonly unknown[];
  readonly object?: unknown;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: ListMeta;
  readonly columnDefinitions: readonly unknown[];
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  readonly definition: ResourceDefinition;
  readonly objects: readonly ApiObject[];
  readonly metadata: ListMeta;
  readonly version: 'v1' | 'v1beta1';
  readonly includeObject: IncludeObject;
  /** False for the later events of a watch. */
  readonly withColumns: boolean;
  readonly now: Date;
}

const DEFAULT_COLUMNS: readonly Column[] = [
  {
    name: 'Name',
    format: 'name',
    description:
      'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
    value: ({ metadata }) => metadata.name ?? '',
  },
  {
    name: 'Created At',
    type: 'date',
    description: 'The time at which the server made the object, in RFC3339 form and UTC.',
    value: ({ metadata }) => metadata.creationTimestamp ?? '',
  },
];

/** The columns of a resource, or the two that every object has. */
export function columnsOf({ columns }: ResourceDefinition): readonly Column[] {
  return columns.length > 0 ? columns : DEFAULT_COLUMNS;
}

/** Reads `includeObject` of a query. Throws 400 for an unknown value. */
export function parseIncludeObject(value: string | null): IncludeObject {
  if (value === null || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: "${value}"`);
}

/** Objects as the rows that kubectl prints. */
export function makeTable(options: TableOptions): Table {
  const { definition, objects, metadata, version, withColumns } = options;
  const columns = columnsOf(definition);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: withColumns ? columns.map(describeColumn) : [],
    rows: objects.map((object) => makeRow(object, columns, options)),
  };
}

function describeColumn({ name, type = 'string', format = '', description = '', priority = 0 }: Column): unknown {
  return { name, type, format, description, priority };
}

function makeRow(object: ApiObject, columns: readonly Column[], options: TableOptions): TableRow {
  const { definition, includeObject, version, now } = options;
  const conditions = definition.rowConditions?.(object) ?? [];
  return {
    cells: columns.map(({ value }) => value(object, now)),
    ...(conditions.length > 0 && { conditions }),
    ...(includeObject !== 'None' && {
      object: includeObject === 'Object' ? object : toPartial(object, version),
    }),
  };
}

/** Only what every object has. */
export function toPartial({ metadata }: ApiObject, version: 'v1' | 'v1beta1'): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}
