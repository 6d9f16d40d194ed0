import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from './program.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skiff-usage-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `CONFIG` stands for the path of the configuration file. */
  readonly says: readonly string[];
}

/** Nothing of these starts anything, so that they need no machine of their own. */
const rows: Row[] = [
  { name: 'an unknown command', args: ['servr'], says: ['There is no command "servr"; see "skiff --help"'] },
  {
    name: 'half a command',
    args: ['token'],
    says: [
      '"skiff token" needs one more word; commands are "skiff token create", "skiff token list", "skiff token show"',
    ],
  },
  {
    name: 'an unknown flag with a near one',
    args: ['server', '--data-dri', 'x'],
    says: ['Unknown flag "--data-dri"; did you mean "--data-dir"?'],
  },
  { name: 'a flag without its value', args: ['server', '--token'], says: ['Flag "--token" needs a value'] },
  {
    name: 'an argument where none is taken',
    args: ['version', 'now'],
    says: ['"skiff version" takes no argument "now"; see "skiff version --help"'],
  },
  {
    name: 'an unknown key in the file',
    args: ['server'],
    config: 'node-nam: x\nlog-level: info\n',
    says: ['CONFIG: unknown key "node-nam"; did you mean "node-name"?'],
  },
  {
    name: 'broken YAML',
    args: ['server'],
    config: 'node-label: [a\n',
    says: ['The configuration file "CONFIG" is not valid YAML: Flow sequence in block collection'],
  },
  {
    name: 'a file of something else',
    args: ['agent'],
    config: '- a list\n',
    says: ['The configuration file "CONFIG" must hold keys and values, such as "node-name: edge-1"'],
  },
  {
    name: 'nested values',
    args: ['agent'],
    config: 'node-label:\n  zone: a\n',
    says: ['CONFIG: key "node-label" must be a text, a number, true, false or a list of them'],
  },
  {
    name: 'a file that was asked for and is not there',
    args: ['server', '--config=/nowhere/skiff.yaml'],
    says: ['Cannot read the configuration file "/nowhere/skiff.yaml": ENOENT'],
  },
  {
    name: 'several problems, from wherever they come',
    args: ['server', '--cluster-cidr=10.42.0.0/30', '--node-taint', 'here', '--bogus'],
    config: 'https-listen-port: many\nnode-label:\n  - a\n  - b=c d\n',
    env: { SKIFF_WRITE_KUBECONFIG_MODE: '999', SKIFF_DISABLE: 'dns,lunch' },
    says: [
      'CONFIG: key "https-listen-port": must be a whole number (got "many")',
      'CONFIG: key "node-label": must be KEY=VALUE',
      'SKIFF_WRITE_KUBECONFIG_MODE: must be an octal file mode such as 644 (got "999")',
      'SKIFF_DISABLE: there is no part "lunch"; parts are dns,',
      'Unknown flag "--bogus"; see --help',
      'Flag "--cluster-cidr": must be an IPv4 range such as 10.42.0.0/16, no smaller than a /24 (got "10.42.0.0/30")',
      'Flag "--node-taint": must be KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute (got "here")',
    ],
  },
  {
    name: 'values that do not go together',
    args: ['server', '--service-cidr=10.42.128.0/17', '--cluster-dns=10.96.0.10'],
    says: [
      '--service-cidr: must not overlap --cluster-cidr (got "10.42.128.0/17" and "10.42.0.0/16")',
      '--cluster-dns: must be an address within --service-cidr 10.42.128.0/17, after its first two (got "10.96.0.10")',
    ],
  },
  {
    name: 'an agent without a server',
    args: ['agent', '--token', 'x'],
    says: ['--server is missing: give the address of the server, such as https://10.0.0.1:6443'],
  },
  {
    name: 'a server that is no address',
    args: ['agent', '--server', '10.0.0.1'],
    says: ['Flag "--server": must be the address of a server such as https://10.0.0.1:6443 (got "10.0.0.1")'],
  },
  {
    name: 'a bad time',
    args: ['token', 'create', '--ttl', 'soon'],
    says: ['--ttl: must be a time such as 30m or 24h, or 0 (got "soon")'],
  },
];

describe('wrong usage ends with 2 and names every problem', () => {
  test.each(rows)('$name', async ({ args, config, env, says }) => {
    const file = join(folder, 'config.yaml');
    await writeFile(file, config ?? '');
    const { code, stdout, stderr } = await runProgram(args, { env: { ...env, SKIFF_CONFIG: file } });
    const lines = stderr.replaceAll(file, 'CONFIG').trimEnd().split('\n');
    expect(lines).toEqual(says.map((said, index) => expect.stringContaining(index === 0 ? `skiff: ${said}` : said)));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a Node that is too old', async () => {
    const preload = join(folder, 'old.cjs');
    await writeFile(preload, `Object.defineProperty(process.versions, 'node', { value: '22.18.0' });\n`);
    expect(await runProgram(['version'], { preload })).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'skiff: Node 22.18.0 is too old, 24 or newer is needed: start it with build/node, which is the right one\n',
    });
  });
});

describe('right usage', () => {
  test('help of the whole and of a command, on standard output', async () => {
    const all = await runProgram([]);
    expect(all).toMatchObject({ code: 0, stderr: '' });
    expect(all.stdout).toMatch(/^skiff: a whole Kubernetes[\s\S]*\n {2}server +Run the control plane and a node\n/);
    const server = await runProgram(['server', '--help']);
    expect(server.stdout).toMatch(/\n {2}--write-kubeconfig-mode MODE +its file mode, e.g. 644 \(default 600\)\n/);
  });

  test('a key without a value is as good as absent', async () => {
    const file = join(folder, 'empty.yaml');
    await writeFile(file, 'token:\nnode-taint:\nserver: nowhere\n');
    const { stderr } = await runProgram(['agent', '--config', file]);
    expect(stderr).toBe(
      `skiff: ${file}: key "server": must be the address of a server such as https://10.0.0.1:6443 (got "nowhere")\n`,
    );
  });

  test('whoever reads the output may go away', () => {
    const main = join(import.meta.dirname, '../../../src/main.ts');
    const line = 'set -o pipefail; "$0" --no-warnings "$1" server --help | true';
    const { status, stderr } = spawnSync('bash', ['-c', line, process.execPath, main], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

test.each([
  { args: ['status'], says: 'Cannot read the kubeconfig "/nowhere": ENOENT' },
  { args: ['token', 'create'], says: 'Cannot read the kubeconfig "/nowhere": ENOENT' },
])('$args.0 without a cluster ends with 1', async ({ args, says }) => {
  const { code, stderr } = await runProgram([...args, '--kubeconfig', '/nowhere']);
  expect(stderr).toContain(`skiff: ${says}`);
  expect(code).toBe(1);
});
