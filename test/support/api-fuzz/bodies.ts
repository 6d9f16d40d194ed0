import { stringify } from 'yaml';
import { apiVersionOf, type GroupVersionKind } from '#api/meta/resource-ref.ts';
import { ProtobufCodec } from '#api/schema/protobuf.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import type { Random } from './random.ts';
import { TEMPLATES } from './templates.ts';
import { hostileValue, mutate, randomPointer, randomValue } from './values.ts';

export interface Body {
  readonly contentType: string;
  readonly bytes: Buffer;
}

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const PATCH_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
const CONTENT_TYPES = [
  JSON_TYPE,
  YAML_TYPE,
  PROTOBUF_TYPE,
  ...Object.values(PATCH_TYPES),
  'text/plain',
  'application/json; charset=utf-16',
  'APPLICATION/JSON',
  'application/cbor',
];
const MANY = 100_000;
/** Far above what any decoder's stack carries. */
const BRACKETS = ['['.repeat(MANY), '{"a":'.repeat(MANY), '['.repeat(MANY) + ']'.repeat(MANY), '- '.repeat(MANY)];
const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
  .split('')
  .map((key, index) => {
    const before = 'abcdefghi'[index];
    return `${key}: &${key} [${Array(9).fill(`*${before}`).join(',')}]`;
  })
  .join('\n')}\n`;

/** Makes bodies for kinds: mostly good ones with something wrong in them. */
export class Bodies {
  readonly #registry = new BuiltinSchemas();
  readonly #codec = new ProtobufCodec(this.#registry);

  /** The object that a create or an update carries. */
  object(random: Random, gvk: GroupVersionKind, metadata: object): Record<string, unknown> {
    const { kind } = gvk;
    const template = TEMPLATES[kind];
    const type = this.#registry.getKind(gvk);
    const content =
      type === undefined || (template !== undefined && random.chance(0.65))
        ? (JSON.parse(JSON.stringify(template ?? {})) as object)
        : (randomValue(
            { type: 'ref', name: type.name },
            { random, registry: this.#registry, hostility: random.pick([0, 0.002, 0.03]) },
          ) as object | null);
    const isObject = typeof content === 'object' && content !== null && !Array.isArray(content);
    const object: Record<string, unknown> = { ...(isObject && content), apiVersion: apiVersionOf(gvk), kind };
    const given = (object['metadata'] ?? {}) as object;
    object['metadata'] = random.chance(0.6) ? metadata : { ...given, ...metadata };
    if (random.chance(0.35)) mutate(object, random, 1 + random.int(3));
    return object;
  }

  /** An object in one of the three wire formats, or something that only claims to be. */
  write(random: Random, gvk: GroupVersionKind, metadata: object): Body {
    const object = this.object(random, gvk, metadata);
    return damage(random, this.#encode(random, object));
  }

  patch(random: Random, gvk: GroupVersionKind, metadata: object): Body {
    const type = random.weighted({ json: 3, merge: 3, strategic: 4, apply: 4 });
    const object = this.object(random, gvk, metadata);
    const value =
      type === 'json' ? jsonPatch(random, object) : type === 'apply' ? object : partial(random, object, type);
    const yaml = type === 'apply' && random.chance(0.3);
    return damage(random, { contentType: PATCH_TYPES[type], bytes: Buffer.from(yaml ? toYaml(value) : toJson(value)) });
  }

  #encode(random: Random, object: Record<string, unknown>): Body {
    const format = random.weighted({ json: 6, yaml: 2, protobuf: 3 });
    if (format === 'yaml') return { contentType: YAML_TYPE, bytes: Buffer.from(toYaml(object)) };
    if (format === 'protobuf') {
      try {
        return { contentType: PROTOBUF_TYPE, bytes: Buffer.from(this.#codec.encode(object)) };
      } catch {
        // What has no protobuf form goes out as JSON.
      }
    }
    return { contentType: JSON_TYPE, bytes: Buffer.from(toJson(object)) };
  }
}

const toJson = (value: unknown) => JSON.stringify(value) ?? 'null';

function toYaml(value: unknown): string {
  // Without what only JSON can say.
  return stringify(JSON.parse(toJson(value)), { aliasDuplicateObjects: false });
}

function jsonPatch(random: Random, object: object): unknown {
  const op = () => ({
    op: random.pick(['add', 'remove', 'replace', 'test', 'move', 'copy', 'nope']),
    path: randomPointer(object, random),
    ...(random.chance(0.4) && { from: randomPointer(object, random) }),
    ...(random.chance(0.8) && { value: hostileValue(random) }),
  });
  if (random.chance(0.02)) return Array.from({ length: 10_001 }, op);
  if (random.chance(0.03)) return { op: 'add' };
  return Array.from({ length: 1 + random.int(4) }, op);
}

/** Some fields of an object, with nulls and the directives of strategic merge. */
function partial(random: Random, object: Record<string, unknown>, type: 'merge' | 'strategic'): unknown {
  const kept = Object.fromEntries(Object.entries(object).filter(() => random.chance(0.6)));
  mutate(kept, random, random.int(3));
  if (type === 'merge' || random.chance(0.5)) return kept;
  const directives: Record<string, unknown>[] = [
    { $patch: random.pick(['replace', 'delete', 'merge', 'nope']) },
    { $retainKeys: random.pick([['spec'], [], 'x', [1]]) },
    { '$setElementOrder/finalizers': random.pick([['a'], [], {}, [{}]]) },
    { '$deleteFromPrimitiveList/finalizers': random.pick([['a/b'], null, 7]) },
    { '$setElementOrder/containers': [{ name: 'c' }, { name: 'missing' }] },
    { containers: [{ $patch: 'delete', name: 'c' }, { $patch: 'replace' }, null] },
    { volumes: [{ $retainKeys: ['name'], name: 'v' }] },
  ];
  const places = [kept, kept['metadata'], kept['spec']].filter((place) => typeof place === 'object' && place !== null);
  for (let i = 1 + random.int(2); i > 0; i--) {
    const place = random.pick(places);
    if (place !== undefined && Object.isExtensible(place)) Object.assign(place as object, random.pick(directives));
  }
  return kept;
}

function damage(random: Random, body: Body): Body {
  if (random.chance(0.04)) return { ...body, contentType: random.pick(CONTENT_TYPES) };
  if (!random.chance(0.14)) return body;
  const { bytes } = body;
  const changed = (next: Buffer | string): Body => ({ ...body, bytes: Buffer.from(next as string) });
  switch (random.int(14)) {
    case 0:
      return changed(bytes.subarray(0, random.int(bytes.length)));
    case 1:
      return changed(random.pick(BRACKETS));
    case 2:
      return changed(Buffer.concat([bytes.subarray(0, random.int(bytes.length)), Buffer.from(random.pick(BRACKETS))]));
    case 3:
      return changed(bytes.toString().replace('{', '{"kind":"Pod","metadata":{"name":"a","name":"b"},'));
    case 4:
      return changed(Buffer.from(bytes.toString(), 'utf16le'));
    case 5:
      return changed(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]));
    case 6:
      return changed(Buffer.alloc(0));
    case 7:
      return changed(bytes.toString().replace(/\d+/, random.pick(['1'.repeat(5000), '1e99999', '-', '0x10', '.5'])));
    case 8:
      return {
        contentType: YAML_TYPE,
        bytes: Buffer.from(random.pick([BOMB, `${BOMB}---\na: b\n`, '!!js/f x', '%!'])),
      };
    case 9:
      return changed(random.pick(['null', '[]', '"x"', '7', 'true', '{}', '\0', 'k8s\0', 'k8s\0\x0a\xff']));
    case 10:
      return { contentType: PROTOBUF_TYPE, bytes: deepProtobuf(random) };
    case 11:
      return random.chance(0.1) ? changed(Buffer.alloc(3 * 1024 * 1024 + 1, 32)) : changed(`${bytes}${bytes}`);
    default:
      return changed(flipped(random, bytes));
  }
}

function flipped(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 1 + random.int(4); i > 0 && copy.length > 0; i--) copy[random.int(copy.length)] = random.int(256);
  return copy;
}

/** Messages in messages in an envelope of a CRD, whose schemas may hold schemas. */
function deepProtobuf(random: Random): Buffer {
  const header = Buffer.from('0a', 'hex');
  const version = Buffer.from('apiextensions.k8s.io/v1');
  const kind = Buffer.from('CustomResourceDefinition');
  const type = Buffer.concat([header, Buffer.from([version.length]), version, Buffer.from([0x12, kind.length]), kind]);
  let inner = Buffer.alloc(0);
  const field = random.pick([0x0a, 0x12, 0x1a, 0x92]);
  for (let i = 0; i < 400; i++) inner = Buffer.concat([Buffer.from([field]), varint(inner.length), inner]);
  const raw = Buffer.concat([Buffer.from([0x12]), varint(inner.length), inner]);
  return Buffer.concat([Buffer.from('k8s\0'), header, Buffer.from([type.length]), type, raw]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}
