import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const glob = (pattern: string) => globSync(pattern, { cwd: root }).filter((file) => !file.includes('/generated/'));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const sources = glob('src/**/*.ts').filter((file) => !file.endsWith('.test.ts'));
const tests = [...glob('src/**/*.test.ts'), ...glob('test/**/*.test.ts')];

test('files are named in kebab-case', () => {
  const wrong = [...sources, ...tests].filter((file) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(basename(file)));
  expect(wrong).toEqual([]);
});

test('tests use real parts, not module mocks', () => {
  expect(tests.filter((file) => /\bvi\.mock\(/.test(read(file)) && !file.includes('presubmit'))).toEqual([]);
});

test('only the command line reads the environment or ends the process', () => {
  const may = /^src\/(cli\/|main\.ts)/;
  expect(sources.filter((file) => !may.test(file) && /\bprocess\.(env\b|exit\()/.test(read(file)))).toEqual([]);
});

test('units named by an all.ts exist, and every unit beside one is named in it', () => {
  const contracts = /^(all|controller|manager|plugin|chain|command|cli|.*\.test)\.ts$/;
  const lists = ['src/server/controllers', 'src/server/admission'].filter((folder) =>
    existsSync(join(root, folder, 'all.ts')),
  );
  const missing = lists.flatMap((folder) => {
    const all = read(join(folder, 'all.ts'));
    return glob(`${folder}/*.ts`).filter((file) => {
      const text = read(file);
      // A unit is what exports a function that makes the folder's contract.
      const unit = /export function \w+\([^)]*\): (Controller|AdmissionPlugin)\b/.test(text);
      return unit && !contracts.test(basename(file)) && !all.includes(`./${basename(file)}`);
    });
  });
  expect(missing).toEqual([]);
});

test('folders with a contract explain themselves in at most 40 lines', () => {
  for (const file of glob('src/**/README.md')) {
    expect(read(file).split('\n').length, file).toBeLessThanOrEqual(41);
    expect(existsSync(join(root, dirname(file)))).toBe(true);
  }
});

test('TODO names an issue', () => {
  expect(sources.filter((file) => /\bTODO\b(?!\(#\d+\))/.test(read(file)))).toEqual([]);
});
