import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/**
 * Who may import whom: the table of README "Decisions". The first row whose folder holds a file is that file's row;
 * a folder may always import from itself.
 */
const TABLE: readonly { folder: string; may: readonly string[] }[] = [
  { folder: 'src/api', may: [] },
  { folder: 'src/base', may: [] },
  { folder: 'src/kvstore', may: ['src/base'] },
  { folder: 'src/client', may: ['src/api', 'src/base'] },
  { folder: 'src/server/apiserver', may: ['src/api', 'src/base', 'src/kvstore', 'src/client'] },
  { folder: 'src/server/resources', may: ['src/api', 'src/base', 'src/client', 'src/server/apiserver'] },
  { folder: 'src/server/admission', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/server/bootstrap', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/server/controllers', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/server/scheduler', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/server/pki', may: ['src/base'] },
  { folder: 'src/server', may: ['src/api', 'src/base', 'src/client', 'src/kvstore'] },
  { folder: 'src/agent/runtime', may: ['src/base'] },
  { folder: 'src/agent/network', may: ['src/base'] },
  { folder: 'src/agent/tunnel', may: ['src/base'] },
  { folder: 'src/agent/kubelet', may: ['src/api', 'src/base', 'src/client', 'src/agent/runtime', 'src/agent/network'] },
  { folder: 'src/agent', may: ['src/api', 'src/base', 'src/client', 'src/proxy', 'src/dns'] },
  { folder: 'src/proxy', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/dns', may: ['src/api', 'src/base', 'src/client'] },
  { folder: 'src/cli', may: ['src/api', 'src/base', 'src/client', 'src/server', 'src/agent'] },
  { folder: 'src/main.ts', may: ['src/base', 'src/cli'] },
];

/** One place per third-party package, so that it can be replaced there. */
const OWNERS: Readonly<Record<string, string>> = {
  'better-sqlite3': 'src/kvstore/sqlite/',
  dockerode: 'src/agent/runtime/docker/',
  fastify: 'src/base/http-server.ts',
  yaml: 'src/base/yaml.ts',
  pino: 'src/base/logger.ts',
  ws: 'src/base/',
};

interface Import {
  file: string;
  target: string;
  typeOnly: boolean;
}

const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
const imports: Import[] = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern =
    /^\s*(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|\bimport\(\s*'([^']+)'|^import\s+'([^']+)'/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    target: match[2] ?? match[3] ?? match[4] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

/** Path of an import within the repository; undefined for packages. */
function resolve({ file, target }: Import): string | undefined {
  if (target.startsWith('#')) return `src/${target.slice(1)}`;
  if (target.startsWith('.')) return relative(root, join(root, dirname(file), target));
  return undefined;
}

const rowOf = (file: string) => TABLE.find(({ folder }) => file === folder || file.startsWith(`${folder}/`));

test('the scan sees the imports', () => {
  expect(imports.length).toBeGreaterThan(50);
});

test('every source file lies in a folder of the table', () => {
  expect(files.filter((file) => rowOf(file) === undefined)).toEqual([]);
});

test('folders import only what the table allows', () => {
  const wrong = imports.filter((found) => {
    const target = resolve(found);
    const row = rowOf(found.file);
    if (target === undefined || row === undefined) return false;
    return ![row.folder, ...row.may].some((folder) => target === folder || target.startsWith(`${folder}/`));
  });
  expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});

test('units of a list do not import each other', () => {
  const lists = ['src/server/controllers', 'src/server/admission', 'src/cli'];
  const contracts = /\/(controller|plugin|command|manager|chain|all)\.ts$/;
  const wrong = imports.filter((found) => {
    const target = resolve(found);
    const list = lists.find((folder) => dirname(found.file) === folder);
    if (target === undefined || list === undefined || dirname(target) !== list) return false;
    if (contracts.test(target) || contracts.test(found.file)) return false;
    return isUnit(target) && isUnit(found.file);
  });
  expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});

/** A file named in its folder's all.ts. */
function isUnit(file: string): boolean {
  const all = join(dirname(file), 'all.ts');
  return files.includes(all) && imports.some((found) => found.file === all && resolve(found) === file);
}

test('across folders imports are written with #, inside a folder with a dot', () => {
  const wrong = imports.filter((found) => {
    const target = resolve(found);
    if (target === undefined || found.file === 'src/main.ts') return false;
    const same = target.split('/')[1] === found.file.split('/')[1];
    return found.target.startsWith('.') && !same;
  });
  expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});

test('each third-party package has one owner', () => {
  const wrong = imports.filter(({ file, target, typeOnly }) => {
    if (target.startsWith('#') || target.startsWith('.') || target.startsWith('node:')) return false;
    const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] ?? '');
    const owner = OWNERS[name];
    return owner !== undefined && !typeOnly && !file.startsWith(owner);
  });
  expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});
