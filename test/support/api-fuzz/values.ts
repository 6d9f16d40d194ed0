import { defineOwn, rawNumber } from '#api/meta/clone.ts';
import { type NamedSchema, resolveSchema, type Schema, type SchemaRegistry } from '#api/schema/schema.ts';
import type { Random } from './random.ts';

export const NAMES = ['a', 'b', 'web', 'api', 'x-1', 'long-name.with.dots'];
const STRINGS = [
  ...NAMES,
  '',
  '80',
  'http',
  'TCP',
  'nginx:1',
  'app=web',
  '10.43.0.77',
  '2001:db8::1',
  '0.0.0.0/0',
  'cluster.local',
  '/data',
  'example.com/thing',
  'Always',
  'RollingUpdate',
  '2024-01-01T00:00:00Z',
  '* * * * *',
  '100m',
];
const INTEGERS = [0, 1, 2, 3, 80, 443, 8080, 30_080, -1, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53];
const QUANTITIES = ['1', '100m', '1Gi', '0.5', '1e3', '-1', '12E', '1e400', '9999999999999999999999', '.', 'x', 7, 1.5];
const TIMES = ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00.123456Z', '0000-00-00T00:00:00Z', 'now', '', null];
const KEYS = ['app', 'tier', 'example.com/key', 'data', 'cpu', 'memory', 'pods', '__proto__', 'constructor', '', 'a b'];
const BYTES = ['', 'aGVsbG8=', 'aGVsbG8', '!!!', 'AA=='];

/** What no field expects. */
export function hostileValue(random: Random): unknown {
  switch (random.int(20)) {
    case 0:
      return null;
    case 1:
      return {};
    case 2:
      return [];
    case 3:
      return 'x'.repeat(random.pick([64, 254, 5000]));
    case 4:
      return random.pick([1e308, -0, 0.1, 1e21, -1e-300]);
    case 5:
      return rawNumber(random.pick(['9223372036854775807', '-9223372036854775808', '1e999', '9'.repeat(400), '-0']));
    case 6:
      return JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    case 7:
      return nested(random.pick([10, 200, 700]), random.chance(0.5));
    case 8:
      return random.pick(['\0', '\ud800', '\u{1f642}', '\u2028', '\r\nX-Evil: 1', '../../etc/passwd', '%00%zz']);
    case 9:
      return Array.from({ length: 2000 }, (_, index) => index);
    case 10:
      return [null];
    case 11:
      return random.pick(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', 'rawJSON']);
    case 12:
      return { rawJSON: '1' };
    case 13:
      return Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, 'v']));
    case 14:
      return true;
    case 15:
      return [[[]]];
    case 16:
      return JSON.parse('{"toString":1,"valueOf":"x","hasOwnProperty":null,"then":{},"length":5}');
    case 17:
      return random.pick(['(a+)+$', `${'a'.repeat(3000)}!`, '-'.repeat(2000), `${'.'.repeat(3000)}a`]);
    case 18:
      return random.pick(INTEGERS);
    default:
      return random.pick(STRINGS);
  }
}

function nested(depth: number, asObject: boolean): unknown {
  let value: unknown = 'end';
  for (let i = 0; i < depth; i++) value = asObject ? { a: value } : [value];
  return value;
}

export interface ValueOptions {
  readonly random: Random;
  readonly registry: SchemaRegistry;
  /** How often a value is one that nobody expects. */
  readonly hostility: number;
}

/** A value in the shape of a schema, most of the time. */
export function randomValue(schema: Schema, options: ValueOptions, field = '', depth = 0): unknown {
  const { random, registry, hostility } = options;
  if (random.chance(hostility)) return hostileValue(random);
  const named = resolveSchema(schema, registry);
  switch (named.type) {
    case 'object': {
      const object: Record<string, unknown> = {};
      if (depth > 8) return object;
      for (const [key, { schema: inner }] of Object.entries(named.fields)) {
        const wanted = named.required.includes(key) ? 0.98 : depth < 3 ? 0.3 : 0.12;
        if (random.chance(wanted)) defineOwn(object, key, randomValue(inner, options, key, depth + 1));
      }
      return object;
    }
    case 'list':
      return Array.from({ length: random.int(4) }, () => randomValue(named.items, options, field, depth + 1));
    case 'map': {
      const map: Record<string, unknown> = {};
      for (let i = random.int(3); i > 0; i--) {
        defineOwn(map, random.pick(KEYS), randomValue(named.values, options, field, depth + 1));
      }
      return map;
    }
    default:
      return scalar(named, random, field);
  }
}

function scalar(schema: Exclude<NamedSchema, { type: 'object' | 'list' | 'map' }>, random: Random, field: string) {
  switch (schema.type) {
    case 'string':
      if (schema.enum !== undefined && random.chance(0.9)) return random.pick(schema.enum);
      return /name$/i.test(field) ? random.pick(NAMES) : random.pick(STRINGS);
    case 'integer':
      return random.pick(INTEGERS);
    case 'number':
      return random.pick([0, 0.5, -1, 1e300]);
    case 'boolean':
      return random.chance(0.5);
    case 'int-or-string':
      return random.pick([...INTEGERS, '25%', 'http', '101%', '-5%', '']);
    case 'quantity':
      return random.pick(QUANTITIES);
    case 'time':
    case 'micro-time':
      return random.pick(TIMES);
    case 'bytes':
      return random.pick(BYTES);
    case 'duration':
      return random.pick(['1s', '1h30m', '-1s', 'soon']);
    case 'any':
      return hostileValue(random);
  }
}

/** Every container of a JSON value, itself first. */
function containers(value: unknown): object[] {
  const found: object[] = [];
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && found.length < 500) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue;
    found.push(next);
    waiting.push(...Object.values(next).slice(0, 50));
  }
  return found;
}

/** Changes a few places of a value, in place. */
export function mutate(value: object, random: Random, times: number): void {
  for (let i = 0; i < times; i++) {
    const target = random.pick(containers(value)) ?? value;
    const keys = Object.keys(target);
    const key = keys.length === 0 ? 'new' : random.pick(keys);
    switch (random.int(6)) {
      case 0:
        Reflect.deleteProperty(target, key);
        break;
      case 1:
        if (Array.isArray(target)) target.push(...structuredCloneOf(target.slice(0, 2)));
        else defineOwn(target, random.pick(KEYS), hostileValue(random));
        break;
      case 2:
        defineOwn(target, key, random.pick(STRINGS));
        break;
      case 3:
        defineOwn(target, key, random.pick(INTEGERS));
        break;
      default:
        defineOwn(target, key, hostileValue(random));
    }
  }
}

function structuredCloneOf(items: readonly unknown[]): unknown[] {
  return JSON.parse(JSON.stringify(items)) as unknown[];
}

/** JSON pointers into a value, and some that lead nowhere. */
export function randomPointer(value: unknown, random: Random): string {
  if (random.chance(0.15)) {
    return random.pick(['', '/', '/__proto__/polluted', '/constructor/prototype/x', '/a/b/c', 'x', '/metadata/', '//']);
  }
  let pointer = '';
  let at = value;
  for (let depth = random.int(6) + 1; depth > 0 && typeof at === 'object' && at !== null; depth--) {
    const keys = Array.isArray(at) ? [...Object.keys(at), '-', '-1', '99', '01'] : [...Object.keys(at), 'new'];
    const key = random.pick(keys);
    pointer += `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    at = (at as Record<string, unknown>)[key];
  }
  return pointer;
}
