import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run test:e2e -- SCENARIO...`: builds the executable if the sources are newer, then runs the scenarios named, or all. */
const root = join(import.meta.dirname, '../..');
const scenarios = process.argv.slice(2);
const known = globSync('test/e2e/*/*.test.ts', { cwd: root }).map((file) => file.split('/')[2] ?? '');
const unknown = scenarios.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no scenario "${unknown[0]}"; there are ${[...new Set(known)].sort().join(', ')}`);
  process.exit(2);
}
if (isStale()) {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const filters = scenarios.map((name) => `test/e2e/${name}/`);
const result = spawnSync(join(root, 'build/node'), [vitest, 'run', '--project', 'e2e', ...filters], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(result.status ?? 1);

function isStale(): boolean {
  const builtMs = statSync(join(root, 'dist/skiff'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync(['src/**/*.ts', 'build/**/*', 'package-lock.json'], { cwd: root });
  return sources.some(
    (file) =>
      !file.includes('/generated/') && (statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0) > builtMs,
  );
}
