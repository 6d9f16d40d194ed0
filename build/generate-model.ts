/** Joins the models of @kubernetes/client-node (shapes, required fields, texts) with the tables in build/facts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
export const MODELS = join(ROOT, 'node_modules/@kubernetes/client-node');
export const FACTS = join(import.meta.dirname, 'facts');

/** API group of each folder of k8s.io/api whose group is not the folder's name. */
const GROUPS: Record<string, string> = {
  admissionregistration: 'admissionregistration.k8s.io',
  apiextensions: 'apiextensions.k8s.io',
  apiregistration: 'apiregistration.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  core: '',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  meta: 'meta.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  resource: 'resource.k8s.io',
  scheduling: 'scheduling.k8s.io',
  storage: 'storage.k8s.io',
};

export interface ModelField {
  readonly name: string;
  /** Scalar of generated.proto or a message's full name; `any` where only the model knows the field. */
  readonly type: string;
  readonly list: boolean;
  readonly map: boolean;
  readonly required: boolean;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  /** Field numbers from the message down through inlined messages; empty when the field is not in protobuf. */
  readonly path: readonly number[];
  readonly merge: MergeFact;
  readonly enum: readonly string[] | undefined;
  readonly default: unknown;
  readonly description: string;
}

export interface ModelType {
  readonly package: string;
  readonly name: string;
  /** `io.k8s.api.core.v1.Pod` */
  readonly fullName: string;
  readonly description: string;
  readonly atomic: boolean;
  /** A bare list in JSON that protobuf wraps into a message. */
  readonly wrapper: boolean;
  readonly kind: { readonly group: string; readonly version: string } | undefined;
  readonly fields: readonly ModelField[];
}

interface MergeFact {
  readonly patch?: string;
  readonly mergeKey?: string;
  readonly list?: string;
  readonly keys?: readonly string[];
  readonly atomic?: boolean;
}

type Table<T> = Record<string, Record<string, T>>;
type FieldFact = readonly [json: string, number: number, type: string, flags: string];

interface Facts {
  readonly kinds: Record<string, { readonly kinds: string }>;
  readonly protobuf: Table<readonly FieldFact[]>;
  readonly merge: Table<Record<string, MergeFact>>;
  readonly enums: Table<Record<string, readonly string[]>>;
  readonly defaults: Table<Record<string, unknown>>;
}

function readFacts(): Facts {
  const read = (name: string) => JSON.parse(readFileSync(join(FACTS, `${name}.json`), 'utf8'));
  const protobuf = read('protobuf');
  delete protobuf.source;
  return { kinds: read('kinds'), protobuf, merge: read('merge'), enums: read('enums'), defaults: read('defaults') };
}

/** `io.k8s.api.core.v1.Pod` of the protobuf name `k8s.io.api.core.v1.Pod`. */
export function openApiName(protoName: string): string {
  return protoName
    .replace(/^k8s\.io\./, 'io.k8s.')
    .replace('apiextensions_apiserver', 'apiextensions-apiserver')
    .replace('kube_aggregator', 'kube-aggregator');
}

/** Folder and version: `core`, `v1` of `k8s.io.api.core.v1`; undefined for a package that is no group-version. */
export function groupVersionOf(packageName: string): { folder: string; group: string; version: string } | undefined {
  const [version = '', folder = ''] = packageName.split('.').reverse();
  if (!/^v\d/.test(version)) return undefined;
  return { folder, group: GROUPS[folder] ?? folder, version };
}

interface ClientModel {
  readonly description: string;
  readonly fields: readonly { name: string; required: boolean; description: string }[];
}

/** Messages that share a name with another package's model, and have none of their own. */
const WITHOUT_MODEL = new Set(['k8s.io.api.core.v1.List', 'k8s.io.api.core.v1.Preconditions']);

function text(comment: string): string {
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').trimEnd());
  return lines.join(' ').replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll('\\\\', '\\').trim();
}

function readClientModel(packageName: string, name: string): ClientModel | undefined {
  const at = groupVersionOf(packageName);
  if (at === undefined || WITHOUT_MODEL.has(`${packageName}.${name}`)) return undefined;
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  const candidates = [`${capital(at.folder)}${capital(at.version)}${name}`, `${capital(at.version)}${name}`];
  const folder = join(MODELS, 'dist/gen/models');
  const found = candidates.find((candidate) => existsSync(join(folder, `${candidate}.d.ts`)));
  if (found === undefined) return undefined;
  const source = readFileSync(join(folder, `${found}.d.ts`), 'utf8');
  const map = readFileSync(join(folder, `${found}.js`), 'utf8').split('attributeTypeMap = ')[1] ?? '[];';
  const attributes = JSON.parse(map.slice(0, map.indexOf('];') + 1)) as { name: string; baseName: string }[];
  const jsonNames = new Map(attributes.map((attribute) => [attribute.name, attribute.baseName]));
  const fields = [...source.matchAll(/(?:(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\s*)?^ {4}'([^']+)'(\?)?: /gm)].map(
    ([, comment = '', field = '', optional]) => ({
      name: jsonNames.get(field) ?? field,
      required: optional === undefined,
      description: text(comment),
    }),
  );
  const [, comment = ''] = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/)\s*export declare class/.exec(source) ?? [];
  return { description: text(comment), fields };
}

/** Fields of a message with those of inlined messages in their place. */
function flatten(facts: Facts, packageName: string, name: string, path: readonly number[]): ModelField[] {
  return (facts.protobuf[packageName]?.[name] ?? []).flatMap(([json, number, typeName, flags]) => {
    const type = typeName.startsWith('.') ? `${packageName}${typeName}` : typeName;
    if (flags.includes('i')) {
      const [inner = ''] = type.split('.').slice(-1);
      return flatten(facts, type.slice(0, -inner.length - 1), inner, [...path, number]);
    }
    const field: ModelField = {
      name: json,
      type,
      list: flags.includes('r'),
      map: flags.includes('m'),
      required: false,
      pointer: flags.includes('p'),
      omitEmpty: flags.includes('o'),
      omitZero: flags.includes('z'),
      path: [...path, number],
      merge: facts.merge[packageName]?.[name]?.[json] ?? {},
      enum: facts.enums[packageName]?.[name]?.[json],
      default: facts.defaults[packageName]?.[name]?.[json],
      description: '',
    };
    return [field];
  });
}

const TYPE_META: readonly string[] = ['apiVersion', 'kind'];

function buildType(facts: Facts, packageName: string, name: string): ModelType {
  const model = readClientModel(packageName, name);
  const flat = flatten(facts, packageName, name, []);
  const isKind = (facts.kinds[packageName]?.kinds ?? '').split(' ').includes(name);
  const wrapper = flat[0]?.name === '';
  const known = new Map(flat.map((field) => [field.name, field]));
  const typeMeta = TYPE_META.filter((field) => isKind && !known.has(field)).map((field) => stringField(field));
  const fields = [...typeMeta, ...flat].map((field) => {
    const documented = model?.fields.find((candidate) => candidate.name === field.name);
    if (model !== undefined && documented === undefined)
      throw new Error(`${packageName}.${name} has no field "${field.name}" in the model`);
    const required = documented?.required ?? (!field.omitEmpty && !field.pointer && !TYPE_META.includes(field.name));
    return { ...field, required, description: documented?.description ?? '' };
  });
  for (const { name: field } of model?.fields ?? []) {
    if (!fields.some((candidate) => candidate.name === field))
      throw new Error(`${packageName}.${name}.${field} has no facts`);
  }
  const at = groupVersionOf(packageName);
  return {
    package: packageName,
    name,
    fullName: openApiName(`${packageName}.${name}`),
    description: model?.description ?? '',
    atomic: facts.merge[packageName]?.[name]?.['']?.atomic ?? false,
    wrapper,
    kind: isKind && at !== undefined ? { group: at.group, version: at.version } : undefined,
    fields: wrapper ? fields : fields.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function stringField(name: string): ModelField {
  const absent = {
    list: false,
    map: false,
    required: false,
    pointer: false,
    omitZero: false,
    enum: undefined,
    default: undefined,
  };
  return { ...absent, name, type: 'string', omitEmpty: true, path: [], merge: {}, description: '' };
}

/** Every type of the API, by package. */
export function readModel(): Map<string, ModelType[]> {
  const facts = readFacts();
  return new Map(
    Object.entries(facts.protobuf).map(([packageName, messages]) => [
      packageName,
      Object.keys(messages).map((name) => buildType(facts, packageName, name)),
    ]),
  );
}
