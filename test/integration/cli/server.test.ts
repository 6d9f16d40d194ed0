import { chmodSync, closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '#base/process.ts';
import { eventually } from '#test/support/eventually.ts';
import { createMachine, isRoot, type Machine } from './machine.ts';
import { runProgram } from './program.ts';

let machine: Machine;

/** What the program said at its end: the last line, without those of the log. */
function lastWords(stderr: string): string {
  return stderr.trimEnd().split('\n').at(-1) ?? '';
}

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, sizeBytes = 0) => ({ metadata: { name }, data: { text: 'x'.repeat(sizeBytes) } });

describe.runIf(isRoot)('a server', () => {
  beforeEach(async () => {
    machine = await createMachine();
  });
  afterEach(() => machine.destroy());

  /** A small file system of its own in the data folder's place. */
  const mountDisk = async (size: string) => {
    await mkdir(machine.dataDir);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'skiff-test', machine.dataDir]);
  };
  const fillDisk = () =>
    run('dd', ['if=/dev/zero', `of=${join(machine.dataDir, 'ballast')}`, 'bs=4k']).then(
      () => Promise.reject(new Error('The disk is too large for the test')),
      () => undefined,
    );
  const freeDisk = () => rm(join(machine.dataDir, 'ballast'));

  describe('whose port is in use', () => {
    test.each([
      { name: 'that of the API', port: 6443, flag: '--https-listen-port' },
      { name: "that of the node's API", port: 10250, flag: '--kubelet-port' },
    ])('$name: says who holds it and how to go around', async ({ port, flag }) => {
      const listen = `require('net').createServer().listen(${port}, () => console.error('listens'))`;
      const holder = machine.spawn(process.execPath, ['-e', listen]);
      await holder.logged('listens');
      const { code, stderr } = await machine.server().ended;
      expect(lastWords(stderr)).toMatch(
        new RegExp(
          `^skiff: Port ${port} is in use: \\S+ \\(process ${holder.pid}\\) listens there; stop it, or choose another port with ${flag}$`,
        ),
      );
      expect(code).toBe(1);
    });
  });

  test('whose data folder is read-only says so and touches nothing', async () => {
    await mountDisk('4m');
    await run('mount', ['-o', 'remount,ro', machine.dataDir]);
    const { code, stderr } = await machine.server().ended;
    expect(stderr).toBe(
      `skiff: Cannot use the data folder "${machine.dataDir}": the file system is read-only; mount it writable, or choose another data folder with --data-dir\n`,
    );
    expect(code).toBe(1);
    expect(await readdir(machine.dataDir)).toEqual([]);
  });

  test('whose data folder is a file says so', async () => {
    await writeFile(machine.dataDir, 'a file');
    const { code, stderr } = await machine.server().ended;
    expect(stderr).toBe(
      `skiff: Cannot use the data folder "${machine.dataDir}": it is a file, not a folder; choose another data folder with --data-dir\n`,
    );
    expect(code).toBe(1);
  });

  test('whose kubeconfig cannot be written says so', async () => {
    await writeFile(join(machine.folder, 'file'), '');
    const { code, stderr } = await machine.server(['--write-kubeconfig', join(machine.folder, 'file/config')]).ended;
    expect(lastWords(stderr)).toMatch(
      new RegExp(
        `^skiff: Cannot write the kubeconfig "${machine.folder}/file/config": ENOTDIR: .*; choose another place with --write-kubeconfig$`,
      ),
    );
    expect(code).toBe(1);
  });

  test('whose disk is full from the start says so, and starts once there is space', async () => {
    await mountDisk('32m');
    await fillDisk();
    const { code, stderr } = await machine.server().ended;
    expect(stderr).toBe(
      `skiff: Cannot use the data folder "${machine.dataDir}": the disk is full; free some space and start again\n`,
    );
    expect(code).toBe(1);
    await freeDisk();
    const server = machine.server();
    await server.logged('server started');
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  test('whose disk fills while it runs, its log too: refuses writes, serves reads, goes on when there is space', async () => {
    await mountDisk('32m');
    const log = openSync(join(machine.dataDir, 'log'), 'a');
    const server = machine.server([], { stderrTo: log });
    closeSync(log);
    await eventually(() => stat(machine.kubeconfig), { withinMs: 20_000 });
    expect(await machine.ask('POST', CONFIG_MAPS, configMap('before'))).toMatchObject({ code: 201 });
    await fillDisk();
    // What is left of the journal's last block may take some.
    const refused = await eventually(
      async () => {
        const answer = await machine.ask('POST', CONFIG_MAPS, configMap(`more-${Date.now()}`, 100_000));
        expect(answer.code).toBeGreaterThanOrEqual(500);
        return answer;
      },
      { withinMs: 30_000 },
    );
    expect(JSON.parse(refused.body)).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      message: expect.stringContaining(
        `the disk is full; free some space on the file system of "${machine.dataDir}/server/db", no restart is needed`,
      ),
    });
    expect(await machine.ask('GET', `${CONFIG_MAPS}/before`)).toMatchObject({ code: 200 });
    // Long enough for everything that writes by itself to have tried.
    await sleep(3000);
    expect(server.isRunning).toBe(true);
    await freeDisk();
    await eventually(
      async () => expect(await machine.ask('POST', CONFIG_MAPS, configMap('after'))).toMatchObject({ code: 201 }),
      { withinMs: 20_000 },
    );
    expect((await machine.ask('GET', `${CONFIG_MAPS}/before`)).code).toBe(200);
    expect(await server.stop()).toMatchObject({ code: 0 });
  });

  test('whose database is damaged says so and leaves it alone', async () => {
    const first = machine.server();
    await first.logged('server started');
    await first.stop();
    const path = join(machine.dataDir, 'server/db/state.db');
    const damaged = Buffer.alloc(64 * 1024, 'not a database ');
    await writeFile(path, damaged);
    const { code, stderr } = await machine.server().ended;
    expect(lastWords(stderr)).toBe(
      `skiff: Cannot open the database "${path}": the file is not a skiff database; restore it from a backup, or move it and its "-wal" file away to start with an empty cluster`,
    );
    expect(code).toBe(1);
    expect((await readFile(path)).equals(damaged)).toBe(true);
  });

  test('beside another one on the same data folder: the second gives way, the first goes on', async () => {
    const first = machine.server();
    await first.logged('server started');
    const second = machine.server(['--https-listen-port=6444', '--kubelet-port=10251']);
    const { code, stderr } = await second.ended;
    expect(lastWords(stderr)).toBe(
      `skiff: Cannot open the database "${machine.dataDir}/server/db/state.db": another skiff is using it; stop that one, or give this one a data folder of its own`,
    );
    expect(code).toBe(1);
    expect(await machine.ask('POST', CONFIG_MAPS, configMap('still-here'))).toMatchObject({ code: 201 });
  });

  test('as somebody else than root: says what to do; without a node it runs', async () => {
    chmodSync(machine.folder, 0o777);
    const flags = ['--data-dir', join(machine.folder, 'mine'), '--write-kubeconfig', join(machine.folder, 'mine.yaml')];
    const { code, stderr } = await runProgram(['server', ...flags], { uid: 65_534 });
    expect(stderr).toBe(
      'skiff: Running pods needs root: put sudo in front, or run the control plane alone with --disable-agent\n',
    );
    expect(code).toBe(1);
    const agent = await runProgram(['agent', '--server=https://127.0.0.1:1', '--token=x'], { uid: 65_534 });
    expect(agent).toMatchObject({ code: 1, stderr: 'skiff: Running pods needs root: put sudo in front\n' });
    const alone = await runProgram(['server', ...flags, '--disable-agent', '--bind-address', '127.0.0.1'], {
      uid: 65_534,
      preload: await stopOnceStarted(),
    });
    expect(alone.stderr).toContain('server started');
    expect(alone.code).toBe(0);
  });

  /** A program that asks the process it is loaded into to end as soon as its kubeconfig is there. */
  async function stopOnceStarted(): Promise<string> {
    const path = join(machine.folder, 'stop.cjs');
    const file = JSON.stringify(join(machine.folder, 'mine.yaml'));
    await writeFile(
      path,
      `setInterval(() => require('fs').existsSync(${file}) && process.kill(process.pid, 'SIGTERM'), 500).unref();\n`,
    );
    return path;
  }

  describe('asked to end', () => {
    test('ends in time with exit code 0, also while a client watches', async () => {
      const server = machine.server();
      await server.logged('server started');
      const watch = machine.ask('GET', '/api/v1/namespaces?watch=true').catch(() => undefined);
      await sleep(1000);
      const ended = await server.stop();
      expect(ended).toMatchObject({ code: 0 });
      expect(ended.durationMs).toBeLessThan(5000);
      expect(lastWords(ended.stderr)).toContain('server stopped');
      await watch;
    });

    test('while it starts: no failure', async () => {
      const server = machine.server();
      await server.logged('issued server certificate');
      const { code, stderr } = await server.stop();
      expect(stderr).not.toMatch(/^skiff: /m);
      expect(code).toBe(0);
    });

    test('twice: ends at once', async () => {
      const server = machine.server();
      await server.logged('server started');
      // Both wait for it when it wakes up.
      server.signal('SIGSTOP');
      server.signal('SIGTERM');
      server.signal('SIGINT');
      server.signal('SIGCONT');
      expect((await server.ended).code).toBe(130);
      // It was no crash: the next one finds everything.
      const next = machine.server();
      await next.logged('server started');
      expect(await next.stop()).toMatchObject({ code: 0 });
    });
  });
});
