import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs everything in order and ends with one line of counts. Any failed step counts as a failed test. */
const root = join(import.meta.dirname, '..');
const reports = mkdtempSync(join(tmpdir(), 'skiff-tests-'));
const counts = { passed: 0, failed: 0, skipped: 0 };
const started = Date.now();

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTestSuites: number;
  success: boolean;
}

await step('generate', ['npm', 'run', '--silent', 'generate']);
await step('types', ['npm', 'run', '--silent', 'types']);
await step('lint', ['npm', 'run', '--silent', 'lint']);
await suite('presubmit and unit', ['presubmit', 'unit']);
await suite('contract and integration', ['contract', 'integration']);
await step('build', ['npm', 'run', '--silent', 'build']);
if (!process.argv.includes('--no-e2e')) await suite('e2e', ['e2e']);

rmSync(reports, { recursive: true, force: true });
const inCi = process.env['CI'] === 'true';
if (inCi && counts.skipped > 0) console.log('CI must not skip tests: install what they say they miss');
console.log(`All took ${Math.round((Date.now() - started) / 1000)} s`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed > 0 || (inCi && counts.skipped > 0) ? 1 : 0);

/** A step without tests of its own counts only when it fails. */
async function step(name: string, command: string[]): Promise<void> {
  if ((await run(name, command)) !== 0) counts.failed++;
}

async function suite(name: string, projects: string[]): Promise<void> {
  const file = join(reports, `${projects.join('-')}.json`);
  const selection = projects.flatMap((project) => ['--project', project]);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await run(name, [join(root, 'build/node'), vitest, 'run', ...selection, ...reporters]);
  const before = counts.failed;
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    counts.passed += report.numPassedTests;
    counts.failed += report.numFailedTests;
    counts.skipped += report.numPendingTests + report.numTodoTests;
  } catch (error) {
    console.error(`No report of ${name}: ${(error as Error).message}`);
  }
  // A file that could not even be loaded has no failed test in it.
  if (code !== 0 && counts.failed === before) counts.failed++;
}

function run(name: string, [file = '', ...args]: string[]): Promise<number> {
  const from = Date.now();
  console.log(`== ${name}`);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => {
      console.log(
        `== ${name}: ${code === 0 ? 'ok' : `failed (${code})`} after ${Math.round((Date.now() - from) / 1000)} s`,
      );
      resolve(code ?? 1);
    });
  });
}
