import { apiVersionOf, type GroupVersionKind } from '../meta/resource-ref.ts';
import { type NameOfKind, type OpenApiResource, writeParameters, writePaths } from './openapi-paths.ts';
import { type Json, referenceTo, type SchemaWriter, writeDefinition, writeSchema } from './openapi-schema.ts';
import type { BuiltinSchemas } from './registry.ts';
import type { ObjectSchema, Schema } from './schema.ts';
import type { Texts } from './texts.ts';

export type { OpenApiResource } from './openapi-paths.ts';
export { encodeOpenApiV2 } from './openapi-proto.ts';

/** What a document is made from. Documents are pure: the same input gives the same text. */
export interface OpenApiInput {
  /** Of one group-version for version 3; all that are served for version 2. */
  readonly resources: readonly OpenApiResource[];
  readonly schemas: BuiltinSchemas;
  readonly texts: Texts;
  /** `v1.36.0` */
  readonly version: string;
  /** Every group-version that is served, for types that belong to all of them. Default: those of `resources`. */
  readonly groupVersions?: readonly { readonly group: string; readonly version: string }[];
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const PATCH = `${META}.Patch`;
const DELETE_OPTIONS = `${META}.DeleteOptions`;

/** The document of one group-version at `/openapi/v3/apis/G/V`. */
export function openApiV3(input: OpenApiInput): Json {
  const { paths, definitions, writer } = write(input, 3);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: input.version },
    paths,
    components: { schemas: definitions, parameters: writeParameters(writer) },
  };
}

/** The one document of everything at `/openapi/v2`. */
export function openApiV2(input: OpenApiInput): Json {
  const { paths, definitions, writer } = write(input, 2);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: input.version },
    paths,
    definitions,
    parameters: writeParameters(writer),
  };
}

function write(input: OpenApiInput, version: 2 | 3): { paths: Json; definitions: Json; writer: SchemaWriter } {
  const wanted: string[] = [];
  const writer: SchemaWriter = {
    version,
    registry: input.schemas,
    texts: input.texts,
    refer: (name) => wanted.push(name),
  };
  const customs = customDefinitions(input.resources);
  const nameOf = kindNames(input.schemas, customs);
  const paths: Json = {};
  for (const resource of input.resources) Object.assign(paths, writePaths(resource, nameOf, writer));
  const definitions: Json = {};
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    definitions[name] ??= define(name, input, customs, writer);
  }
  return { paths: sorted(paths), definitions: sorted(definitions), writer };
}

function sorted(object: Json): Json {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface CustomDefinition {
  readonly gvk: GroupVersionKind;
  readonly schema: Schema;
  /** For a list: the name of its items' definition. */
  readonly items?: string;
}

/** `com.example.stable.v1.CronTab` for the kind of a custom group. */
export function customDefinitionName({ group, version, kind }: GroupVersionKind): string {
  return [...group.split('.').reverse(), version, kind].join('.');
}

function customDefinitions(resources: readonly OpenApiResource[]): Map<string, CustomDefinition> {
  const found = new Map<string, CustomDefinition>();
  for (const { ref, schema } of resources) {
    if (schema.type === 'ref') continue;
    const gvk = { group: ref.group, version: ref.version, kind: ref.kind };
    const name = customDefinitionName(gvk);
    found.set(name, { gvk, schema });
    found.set(`${name}List`, { gvk: { ...gvk, kind: `${ref.kind}List` }, schema, items: name });
  }
  return found;
}

function kindNames(schemas: BuiltinSchemas, customs: ReadonlyMap<string, CustomDefinition>): NameOfKind {
  return (gvk) => {
    const custom = customDefinitionName(gvk);
    return customs.has(custom) ? custom : schemas.getKind(gvk)?.name;
  };
}

function define(
  name: string,
  input: OpenApiInput,
  customs: ReadonlyMap<string, CustomDefinition>,
  writer: SchemaWriter,
): Json {
  const custom = customs.get(name);
  if (custom !== undefined)
    return custom.items === undefined ? defineCustom(custom, writer) : defineList(custom, writer);
  if (name === PATCH) return { type: 'object', description: 'A patch in the form that the content type names.' };
  const definition = writeDefinition(name, writer);
  if (name !== DELETE_OPTIONS) return definition;
  const versions = input.groupVersions ?? input.resources.map(({ ref }) => ref);
  const kinds = new Map(
    versions.map((at) => [apiVersionOf(at), { group: at.group, version: at.version, kind: 'DeleteOptions' }]),
  );
  return { ...definition, 'x-kubernetes-group-version-kind': [...kinds.values()] };
}

const TYPE_META: ObjectSchema['fields'] = {
  apiVersion: { schema: { type: 'string', description: 'Group and version of the kind.' } },
  kind: { schema: { type: 'string', description: 'The kind of the object.' } },
};

function defineCustom({ gvk, schema }: CustomDefinition, writer: SchemaWriter): Json {
  const extension = { 'x-kubernetes-group-version-kind': [gvk] };
  if (schema.type !== 'object') {
    return {
      ...writeSchema(schema, writer),
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      ...extension,
    };
  }
  const metadata: ObjectSchema['fields'] = { metadata: { schema: { type: 'ref', name: `${META}.ObjectMeta` } } };
  const fields = { ...schema.fields, ...TYPE_META, ...metadata };
  return { ...writeSchema({ ...schema, fields }, writer), ...extension };
}

function defineList({ gvk, items = '' }: CustomDefinition, writer: SchemaWriter): Json {
  const text = (field: string) => ({ type: 'string', description: TYPE_META[field]?.schema.description });
  return {
    description: `A list of ${gvk.kind.slice(0, -'List'.length)}.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: text('apiVersion'),
      items: { type: 'array', description: 'The objects.', items: referenceTo(items, writer) },
      kind: text('kind'),
      metadata: referenceTo(`${META}.ListMeta`, writer),
    },
    'x-kubernetes-group-version-kind': [gvk],
  };
}
