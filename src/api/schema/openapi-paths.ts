import { apiVersionOf, type GroupVersionKind, type ResourceRef } from '../meta/resource-ref.ts';
import { type Json, referenceTo, type SchemaWriter } from './openapi-schema.ts';
import type { Schema } from './schema.ts';

/** What the documents need to know of a resource. */
export interface OpenApiResource {
  readonly ref: ResourceRef;
  readonly verbs: readonly string[];
  /** A reference to a built-in type, or the schema of a custom resource. */
  readonly schema: Schema;
  readonly subresources: readonly {
    readonly name: string;
    readonly verbs: readonly string[];
    readonly body: GroupVersionKind;
  }[];
}

/** Turns kinds into the names of their definitions. */
export type NameOfKind = (gvk: GroupVersionKind) => string | undefined;

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  /** `x-kubernetes-action` */
  readonly action: string;
  readonly id: string;
  readonly kind: GroupVersionKind;
  /** Definition of the answer; undefined where it is a text or a stream. */
  readonly answer: string | undefined;
  /** Definition of the body. */
  readonly body?: string | undefined;
  readonly parameters: readonly string[];
}

const STATUS = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';
const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
const PATCH = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

const LIST = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
const DELETE = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];
const WRITE = ['dryRun', 'fieldManager'];

/** Own words for the query parameters that operations share. */
const PARAMETERS: Readonly<Record<string, { readonly type: string; readonly description: string }>> = {
  allowWatchBookmarks: {
    type: 'boolean',
    description: 'Ask a watch for BOOKMARK events, which tell how far it has come.',
  },
  continue: { type: 'string', description: 'Token of the answer before, for the next part of a list.' },
  dryRun: { type: 'string', description: '"All" goes through every step but stores nothing.' },
  fieldManager: { type: 'string', description: 'Name of who writes; its fields are tracked under this name.' },
  fieldSelector: { type: 'string', description: 'Only objects with these field values.' },
  force: { type: 'boolean', description: 'Apply takes over fields that other managers own.' },
  gracePeriodSeconds: { type: 'integer', description: 'Seconds until the object is ended by force; zero is at once.' },
  labelSelector: { type: 'string', description: 'Only objects with these labels.' },
  limit: { type: 'integer', description: 'At most so many objects in one answer; the rest follows by "continue".' },
  orphanDependents: {
    type: 'boolean',
    description: 'Deprecated, use propagationPolicy: keep the objects this one owns.',
  },
  pretty: { type: 'string', description: '"true" indents the answer.' },
  propagationPolicy: {
    type: 'string',
    description: 'What becomes of owned objects: Orphan, Background or Foreground.',
  },
  resourceVersion: { type: 'string', description: 'How old the answer may be.' },
  resourceVersionMatch: { type: 'string', description: 'How resourceVersion counts: NotOlderThan or Exact.' },
  sendInitialEvents: { type: 'boolean', description: 'Let a watch begin with an event for every object there is.' },
  timeoutSeconds: { type: 'integer', description: 'End a list or watch after so many seconds.' },
  watch: { type: 'boolean', description: 'Stream changes instead of a list.' },
};

/** Inline on purpose: kubectl looks for it by name and follows few references. */
const FIELD_VALIDATION = {
  name: 'fieldValidation',
  in: 'query',
  description: 'What to do about unknown or duplicate fields: Ignore, Warn or Strict.',
};

const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json'];
const MEDIA_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** The parameters that paths refer to. */
export function writeParameters({ version }: Pick<SchemaWriter, 'version'>): Json {
  return Object.fromEntries(
    Object.entries(PARAMETERS).map(([name, { type, description }]) => {
      const typed = version === 2 ? { type, uniqueItems: true } : { schema: { type, uniqueItems: true } };
      return [name, { name, in: 'query', description, ...typed }];
    }),
  );
}

/** The paths of a resource and its subresources. */
export function writePaths(resource: OpenApiResource, nameOf: NameOfKind, writer: SchemaWriter): Json {
  const { ref } = resource;
  const root = `${ref.group === '' ? '/api' : '/apis'}/${apiVersionOf(ref)}`;
  const scope = ref.namespaced ? `${root}/namespaces/{namespace}` : root;
  const paths: Json = {};
  const add = (path: string, operations: readonly Operation[]) => {
    if (operations.length > 0) paths[path] = writePath(path, operations, resource, writer);
  };
  if (ref.namespaced) add(`${root}/${ref.plural}`, allNamespaces(resource, nameOf));
  add(`${scope}/${ref.plural}`, collection(resource, nameOf));
  add(`${scope}/${ref.plural}/{name}`, single(resource, nameOf));
  for (const subresource of resource.subresources) {
    const path = `${scope}/${ref.plural}/{name}/${subresource.name}`;
    add(path, subresourceOperations(resource, subresource, nameOf));
    if (subresource.name === 'proxy')
      add(`${path}/{path}`, subresourceOperations(resource, subresource, nameOf, 'WithPath'));
  }
  return paths;
}

function idOf({ ref }: OpenApiResource, verb: string, suffix = ''): string {
  const words = (ref.group === '' ? 'core' : ref.group.replace(/\.k8s\.io$/, '')).split(/[.-]/);
  const group = [...words, ref.version].map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `${verb}${group}${ref.namespaced ? 'Namespaced' : ''}${ref.kind}${suffix}`;
}

function allNamespaces(resource: OpenApiResource, nameOf: NameOfKind): Operation[] {
  if (!resource.verbs.includes('list')) return [];
  const id = idOf(resource, 'list', 'ForAllNamespaces').replace('Namespaced', '');
  const answer = nameOf({ ...resource.ref, kind: `${resource.ref.kind}List` });
  return [{ method: 'get', action: 'list', id, kind: kindOf(resource.ref), answer, parameters: LIST }];
}

function kindOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind };
}

function collection(resource: OpenApiResource, nameOf: NameOfKind): Operation[] {
  const { ref, verbs } = resource;
  const own = nameOf(ref);
  const answer = nameOf({ ...ref, kind: `${ref.kind}List` });
  const kind = kindOf(ref);
  const all: Record<string, Operation> = {
    list: { method: 'get', action: 'list', id: idOf(resource, 'list'), kind, answer, parameters: LIST },
    create: {
      method: 'post',
      action: 'post',
      id: idOf(resource, 'create'),
      kind,
      answer: own,
      body: own,
      parameters: WRITE,
    },
    deletecollection: {
      method: 'delete',
      action: 'deletecollection',
      id: idOf(resource, 'delete').replace(/^delete(\w*?)((?:Namespaced)?)/, 'delete$1Collection$2'),
      kind,
      answer: STATUS,
      body: DELETE_OPTIONS,
      parameters: [...LIST.filter((name) => name !== 'watch' && name !== 'allowWatchBookmarks'), ...DELETE],
    },
  };
  return pick(all, verbs);
}

function single(resource: OpenApiResource, nameOf: NameOfKind): Operation[] {
  const { ref, verbs } = resource;
  const own = nameOf(ref);
  const kind = kindOf(ref);
  const all: Record<string, Operation> = {
    get: {
      method: 'get',
      action: 'get',
      id: idOf(resource, 'read'),
      kind,
      answer: own,
      parameters: ['resourceVersion'],
    },
    update: {
      method: 'put',
      action: 'put',
      id: idOf(resource, 'replace'),
      kind,
      answer: own,
      body: own,
      parameters: WRITE,
    },
    patch: {
      method: 'patch',
      action: 'patch',
      id: idOf(resource, 'patch'),
      kind,
      answer: own,
      body: PATCH,
      parameters: [...WRITE, 'force'],
    },
    delete: {
      method: 'delete',
      action: 'delete',
      id: idOf(resource, 'delete'),
      kind,
      answer: STATUS,
      body: DELETE_OPTIONS,
      parameters: DELETE,
    },
  };
  return pick(all, verbs);
}

function subresourceOperations(
  resource: OpenApiResource,
  { name, verbs, body }: OpenApiResource['subresources'][number],
  nameOf: NameOfKind,
  suffix = '',
): Operation[] {
  const ending = name.charAt(0).toUpperCase() + name.slice(1) + suffix;
  const isStream = body.kind.endsWith('Options');
  const own = isStream || name === 'log' ? undefined : nameOf(body);
  const kind = kindOf(body);
  const operation = (
    method: Operation['method'],
    verb: string,
    parameters: readonly string[],
    requestBody?: string,
  ): Operation => ({
    method,
    action: isStream ? 'connect' : method,
    id: idOf(resource, isStream ? `connect${method.charAt(0).toUpperCase()}${method.slice(1)}` : verb, ending),
    kind,
    answer: own,
    body: isStream ? undefined : requestBody,
    parameters: isStream ? [] : parameters,
  });
  const all: Record<string, Operation> = {
    get: operation('get', 'read', []),
    update: operation('put', 'replace', WRITE, own),
    create: operation('post', 'create', WRITE, own),
    delete: operation('delete', 'delete', DELETE),
    patch: operation('patch', 'patch', [...WRITE, 'force'], PATCH),
  };
  return pick(all, verbs);
}

function pick(all: Readonly<Record<string, Operation>>, verbs: readonly string[]): Operation[] {
  return Object.entries(all).flatMap(([verb, operation]) => (verbs.includes(verb) ? [operation] : []));
}

function writePath(
  path: string,
  operations: readonly Operation[],
  resource: OpenApiResource,
  writer: SchemaWriter,
): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    const typed =
      writer.version === 2 ? { type: 'string', uniqueItems: true } : { schema: { type: 'string', uniqueItems: true } };
    return { name, in: 'path', required: true, ...typed };
  });
  return {
    ...Object.fromEntries(
      operations.map((operation) => [operation.method, writeOperation(operation, resource, writer)]),
    ),
    parameters: [...inPath, parameterReference('pretty', writer)],
  };
}

function parameterReference(name: string, { version }: SchemaWriter): Json {
  return { $ref: `#/${version === 2 ? '' : 'components/'}parameters/${name}` };
}

function writeOperation(operation: Operation, resource: OpenApiResource, writer: SchemaWriter): Json {
  const { ref } = resource;
  const parameters: Json[] = operation.parameters.map((name) => parameterReference(name, writer));
  if (['post', 'put', 'patch'].includes(operation.action)) {
    const typed =
      writer.version === 2 ? { type: 'string', uniqueItems: true } : { schema: { type: 'string', uniqueItems: true } };
    parameters.push({ ...FIELD_VALIDATION, ...typed });
  }
  const isPatch = operation.method === 'patch' && operation.body !== undefined;
  const consumes = isPatch ? patchTypes(resource) : MEDIA_TYPES;
  return {
    tags: [`${ref.group === '' ? 'core' : ref.group.split('.')[0]}_${ref.version}`],
    operationId: operation.id,
    ...(writer.version === 2
      ? writeMessagesV2(operation, parameters, consumes, writer)
      : writeMessagesV3(operation, parameters, consumes, writer)),
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}

/** Custom resources know no strategic merge. */
function patchTypes({ schema }: OpenApiResource): string[] {
  const strategic = schema.type === 'ref' ? ['application/strategic-merge-patch+json'] : [];
  return [...PATCH_TYPES, ...strategic, 'application/apply-patch+yaml'];
}

function successCodes({ action }: Operation): readonly [string, string][] {
  const ok: [string, string] = ['200', 'OK'];
  if (action === 'post') return [ok, ['201', 'Created'], ['202', 'Accepted']];
  if (action === 'put' || action === 'patch') return [ok, ['201', 'Created']];
  return action === 'delete' ? [ok, ['202', 'Accepted']] : [ok];
}

function writeMessagesV2(
  operation: Operation,
  parameters: Json[],
  consumes: readonly string[],
  writer: SchemaWriter,
): Json {
  const { answer, body } = operation;
  const schema = answer === undefined ? { type: 'string' } : referenceTo(answer, writer);
  const responses = Object.fromEntries(
    successCodes(operation).map(([code, description]) => [code, { description, schema }]),
  );
  if (body !== undefined) {
    const required = body !== DELETE_OPTIONS;
    parameters.push({ name: 'body', in: 'body', ...(required && { required }), schema: referenceTo(body, writer) });
  }
  return {
    consumes: body === undefined ? ['*/*'] : consumes,
    produces: answer === undefined ? ['*/*'] : MEDIA_TYPES,
    schemes: ['https'],
    parameters,
    responses: { ...responses, '401': { description: 'Unauthorized' } },
  };
}

function writeMessagesV3(
  operation: Operation,
  parameters: Json[],
  consumes: readonly string[],
  writer: SchemaWriter,
): Json {
  const { answer, body } = operation;
  const content = (types: readonly string[], schema: Json) =>
    Object.fromEntries(types.map((type) => [type, { schema }]));
  const answered =
    answer === undefined ? content(['*/*'], { type: 'string' }) : content(MEDIA_TYPES, referenceTo(answer, writer));
  const responses = Object.fromEntries(
    successCodes(operation).map(([code, description]) => [code, { description, content: answered }]),
  );
  return {
    parameters,
    ...(body !== undefined && {
      requestBody: {
        ...(body !== DELETE_OPTIONS && { required: true }),
        content: content(consumes, referenceTo(body, writer)),
      },
    }),
    responses: { ...responses, '401': { description: 'Unauthorized' } },
  };
}
