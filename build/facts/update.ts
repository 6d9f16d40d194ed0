/**
 * Maintenance: reads the Go modules of Kubernetes and writes the tables of names and numbers beside this file.
 * Run by hand when the API level moves: `build/node build/facts/update.ts [v0.36.2]`. Needs Go and its module proxy.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GoPackage, type GoStruct, parseGoPackage } from './go-source.ts';
import { type ProtoMessage, parseProto } from './proto-source.ts';

const VERSION = process.argv[2] ?? 'v0.36.2';
const GO = process.env['GO'] ?? '/usr/local/go/bin/go';
const MODULES = ['api', 'apimachinery', 'apiextensions-apiserver', 'kube-aggregator'] as const;

/** Folders, inside their module, of the group-versions that are served by default and of what they are made of. */
const PACKAGES: Record<(typeof MODULES)[number], readonly string[]> = {
  api: [
    'admissionregistration/v1',
    'apps/v1',
    'authentication/v1',
    'authorization/v1',
    'autoscaling/v1',
    'autoscaling/v2',
    'batch/v1',
    'certificates/v1',
    'coordination/v1',
    'core/v1',
    'discovery/v1',
    'events/v1',
    'flowcontrol/v1',
    'networking/v1',
    'node/v1',
    'policy/v1',
    'rbac/v1',
    'resource/v1',
    'scheduling/v1',
    'storage/v1',
  ],
  apimachinery: ['pkg/api/resource', 'pkg/apis/meta/v1', 'pkg/runtime', 'pkg/util/intstr'],
  'apiextensions-apiserver': ['pkg/apis/apiextensions/v1'],
  'kube-aggregator': ['pkg/apis/apiregistration/v1'],
};

/** Messages whose JSON form is not an object of their fields; the codec knows them by name. */
const OPAQUE = new Set([
  'Duration',
  'FieldsV1',
  'IntOrString',
  'JSON',
  'JSONSchemaPropsOrArray',
  'JSONSchemaPropsOrBool',
  'JSONSchemaPropsOrStringArray',
  'MicroTime',
  'Quantity',
  'QuantityValue',
  'RawExtension',
  'Time',
  'Timestamp',
  'Unknown',
]);

type FieldFact = [json: string, number: number, type: string, flags: string];

interface Package {
  readonly name: string;
  readonly go: GoPackage;
  readonly messages: readonly ProtoMessage[];
}

interface Facts {
  /** Names of types that have apiVersion and kind. */
  kinds: Record<string, Record<string, string>>;
  protobuf: Record<string, Record<string, FieldFact[]>>;
  merge: Record<string, Record<string, Record<string, unknown>>>;
  enums: Record<string, Record<string, Record<string, string[]>>>;
  defaults: Record<string, Record<string, Record<string, unknown>>>;
}

/** One letter per fact, in this order; see README.md beside this file. */
function flagsOf(struct: GoStruct | undefined, number: number, proto: ProtoMessage['fields'][number]): string {
  const go = struct?.fields.find((field) => field.number === number);
  let flags = '';
  if (proto.repeated) flags += 'r';
  if (proto.map) flags += 'm';
  if (go?.pointer) flags += 'p';
  if (go?.omitEmpty) flags += 'o';
  if (go?.omitZero) flags += 'z';
  if (go?.inline) flags += 'i';
  if (struct === undefined) flags += 'w';
  return flags;
}

function addPackage(facts: Facts, { name, go, messages }: Package, core: GoPackage): void {
  const table: Record<string, FieldFact[]> = {};
  for (const message of messages) {
    const struct = go.structs.get(message.name);
    if (OPAQUE.has(message.name)) continue;
    if (struct === undefined && !go.lists.has(message.name)) continue;
    table[message.name] = message.fields.map((field) => {
      const json = struct?.fields.find((candidate) => candidate.number === field.number)?.json;
      if (struct !== undefined && json === undefined) throw new Error(`No Go field for ${name}.${message.name}.${field.name}`);
      const type = field.type.startsWith(`${name}.`) ? field.type.slice(name.length) : field.type;
      return [json ?? '', field.number, type, flagsOf(struct, field.number, field)];
    });
  }
  facts.protobuf[name] = table;
  const kinds = Object.keys(table).filter((key) => go.structs.get(key)?.fields.some((field) => field.name === 'TypeMeta'));
  facts.kinds[name] = { kinds: kinds.join(' ') };
  for (const [structName, struct] of go.structs) {
    if (table[structName] === undefined) continue;
    if (struct.markers.get('structType')?.[0] === 'atomic') put(facts.merge, name, structName, '', { atomic: true });
    for (const field of struct.fields) {
      const semantics = mergeSemantics(field.markers, field.tags);
      if (Object.keys(semantics).length > 0) put(facts.merge, name, structName, field.json, semantics);
      const text = field.markers.get('default')?.[0];
      if (text !== undefined) put(facts.defaults, name, structName, field.json, defaultValue(text, go.consts));
      const [, alias, type = ''] = /^(?:\[\])?(?:(\w+)\.)?(\w+)$/.exec(field.type) ?? [];
      const home = alias === undefined ? go : alias === 'v1' || alias === 'corev1' ? core : undefined;
      const values = home?.enums.has(type) ? home.constsByType.get(type) : undefined;
      if (values !== undefined) put(facts.enums, name, structName, field.json, [...new Set(values)].toSorted());
    }
  }
}

function mergeSemantics(
  markers: ReadonlyMap<string, readonly string[]>,
  tags: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const strategy = tags.get('patchStrategy') ?? markers.get('patchStrategy')?.[0];
  const mergeKey = tags.get('patchMergeKey') ?? markers.get('patchMergeKey')?.[0];
  const listType = (markers.get('listType') ?? markers.get('k8s:listType'))?.[0];
  const keys = markers.get('listMapKey') ?? markers.get('k8s:listMapKey');
  const atomic = [markers.get('mapType')?.[0], markers.get('structType')?.[0]].includes('atomic');
  if (strategy !== undefined) out['patch'] = strategy;
  if (mergeKey !== undefined) out['mergeKey'] = mergeKey;
  if (listType !== undefined) out['list'] = listType;
  if (keys !== undefined) out['keys'] = keys;
  if (atomic) out['atomic'] = true;
  return out;
}

function defaultValue(text: string, consts: ReadonlyMap<string, string>): unknown {
  const reference = /^ref\((?:.*\.)?(\w+)\)$/.exec(text)?.[1];
  return reference === undefined ? JSON.parse(text) : consts.get(reference);
}

function put<T>(into: Record<string, Record<string, Record<string, T>>>, a: string, b: string, c: string, value: T): void {
  const first = (into[a] ??= {});
  const second = (first[b] ??= {});
  second[c] = value;
}

function moduleFolders(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'facts-'));
  try {
    const requires = MODULES.map((module) => `require k8s.io/${module} ${VERSION}`);
    writeFileSync(join(folder, 'go.mod'), ['module facts', 'go 1.24', ...requires, ''].join('\n'));
    const out = execFileSync(GO, ['mod', 'download', '-json', ...MODULES.map((module) => `k8s.io/${module}`)], {
      cwd: folder,
      env: { ...process.env, GOFLAGS: '-mod=mod' },
      encoding: 'utf8',
    });
    const entries = JSON.parse(`[${out.trim().replaceAll(/^\}\n\{/gm, '},{')}]`) as { Path: string; Dir: string }[];
    return new Map(entries.map((entry) => [entry.Path.slice('k8s.io/'.length), entry.Dir]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** JSON with one line per entry of the second level, so that a change of API level reads well as a diff. */
function write(file: string, source: string, tables: Record<string, Record<string, unknown>>): void {
  const blocks = Object.entries(tables).map(([name, rows]) => {
    const lines = Object.entries(rows).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    return `${JSON.stringify(name)}: {\n${lines.join(',\n')}\n}`;
  });
  writeFileSync(join(import.meta.dirname, file), `{\n${[`"source": {"version": "${source}"}`, ...blocks].join(',\n')}\n}\n`);
}

const folders = moduleFolders();
const packages: Package[] = [];
for (const module of MODULES) {
  for (const path of PACKAGES[module]) {
    const folder = join(folders.get(module) ?? '', path);
    const files = readdirSync(folder).filter((file) => file.endsWith('.go') && !/_test\.go$|generated/.test(file));
    const go = parseGoPackage(files.map((file) => readFileSync(join(folder, file), 'utf8')));
    const name = `k8s.io.${module.replaceAll('-', '_')}.${path.replaceAll('/', '.')}`;
    packages.push({ name, go, messages: parseProto(readFileSync(join(folder, 'generated.proto'), 'utf8'), name) });
  }
}
const core = packages.find((entry) => entry.name === 'k8s.io.api.core.v1')?.go;
if (core === undefined) throw new Error('The core package is missing');
const facts: Facts = { kinds: {}, protobuf: {}, merge: {}, enums: {}, defaults: {} };
for (const entry of packages) addPackage(facts, entry, core);
write('kinds.json', VERSION, facts.kinds);
write('protobuf.json', VERSION, facts.protobuf);
write('merge.json', VERSION, facts.merge);
write('enums.json', VERSION, facts.enums);
write('defaults.json', VERSION, facts.defaults);
