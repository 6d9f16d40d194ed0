import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '#test/support/eventually.ts';
import { createMachine, isRoot, type Machine } from './machine.ts';
import type { Program } from './program.ts';

describe.runIf(isRoot)('an agent', () => {
  let machine: Machine;
  let server: Program;
  let token: string;
  let count = 0;
  const agents: Program[] = [];

  beforeAll(async () => {
    machine = await createMachine();
    server = machine.server(['--disable-agent']);
    await server.logged('server started');
    token = (await readFile(join(machine.dataDir, 'server/token'), 'utf8')).trim();
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.kill();
  });
  afterAll(() => machine?.destroy());

  const folderName = () => `agent-${count}`;
  /** Each has a data folder and a name of its own, unless it is told to come again. */
  const agent = ({ flags, again = false }: { flags: readonly string[]; again?: boolean }) => {
    if (!again) count++;
    const name = ['--node-name', folderName()];
    const program = machine.program(['agent', ...machine.nodeFlags(folderName()), ...name, ...flags]);
    agents.push(program);
    return program;
  };
  const url = 'https://127.0.0.1:6443';

  test.each([
    {
      name: 'no token',
      flags: () => ['--server', url],
      code: 1,
      says: 'This node has not joined yet: start it with --token, as the server has it in <data-dir>/server/token',
    },
    {
      name: 'a token that is none',
      flags: () => ['--server', url, '--token', 'secret'],
      code: 1,
      says: 'The token is malformed: expected K10<hash>::<user>:<secret> as printed by "skiff token create"',
    },
    {
      name: 'a wrong secret',
      flags: () => ['--server', url, '--token', `${token.slice(0, -4)}0000`],
      code: 1,
      says: 'The server does not accept this token: it is wrong or has expired; make a new one there with "skiff token create"',
    },
    {
      name: "another cluster's token",
      flags: () => ['--server', url, '--token', `K10${'0'.repeat(64)}::${token.split('::')[1]}`],
      code: 1,
      says: `The server at ${url} is not the one this token is for: it shows another certificate authority. Check the address, and take the token from that server`,
    },
    {
      name: 'a token file that is not there',
      flags: () => ['--server', url, '--token-file', '/nowhere/token'],
      code: 2,
      says: '--token-file: cannot read "/nowhere/token": ENOENT: no such file or directory, open \'/nowhere/token\'',
    },
  ])('with $name ends and says what to do', async ({ flags, code, says }) => {
    const ended = await agent({ flags: flags() }).ended;
    expect(ended).toMatchObject({ code, stderr: `skiff: ${says}\n` });
  });

  test('whose server does not answer keeps trying, and joins once it does; ends with 0 while it tries', async () => {
    const flags = ['--server', 'https://127.0.0.1:6444', '--token', token];
    const waiting = agent({ flags });
    await waiting.logged('cannot join yet');
    await waiting.logged('ECONNREFUSED');
    expect(await waiting.stop()).toMatchObject({ code: 0 });
    expect(waiting.stderr).not.toMatch(/^skiff: /m);
    const trying = agent({ flags, again: true });
    await trying.logged('cannot join yet');
    // The same server on the other port.
    expect(await server.stop()).toMatchObject({ code: 0 });
    server = machine.server(['--disable-agent', '--https-listen-port', '6444']);
    await server.logged('server started');
    await trying.logged('agent started', 30_000);
    await server.stop();
    server = machine.server(['--disable-agent']);
    await server.logged('server started');
  });

  test('without Docker is a node that is not ready and says why; needs no token to come again', async () => {
    const first = agent({ flags: ['--server', url, '--token', token] });
    await first.logged('agent started');
    const reported = async () => {
      expect(await machine.ready(folderName())).toMatchObject({
        status: 'False',
        message: expect.stringContaining(
          `container runtime is down: Cannot reach Docker at "${machine.dockerSocket}": connect ENOENT`,
        ),
      });
    };
    await eventually(reported, { withinMs: 15_000 });
    expect(await first.stop()).toMatchObject({ code: 0 });
    const second = agent({ flags: ['--server', url], again: true });
    await second.logged('agent started');
    const ended = await second.stop();
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.durationMs).toBeLessThan(5000);
  });

  test('that joined starts without its server', async () => {
    const first = agent({ flags: ['--server', url, '--token', token] });
    await first.logged('agent started');
    await first.stop();
    expect(await server.stop()).toMatchObject({ code: 0 });
    const alone = agent({ flags: ['--server', url], again: true });
    await alone.logged('agent started');
    expect(alone.stderr).toContain('server is away, going on with the settings it gave last');
    expect(await alone.stop()).toMatchObject({ code: 0 });
    server = machine.server(['--disable-agent']);
    await server.logged('server started');
  });

  test('under another name than it joined with says so', async () => {
    const first = agent({ flags: ['--server', url, '--token', token] });
    await first.logged('agent started');
    await first.stop();
    const { code, stderr } = await machine.program([
      'agent',
      ...machine.nodeFlags(folderName()),
      ...['--node-name', 'somebody-else', '--server', url],
    ]).ended;
    expect(stderr).toBe(
      `skiff: This machine joined under another name; start it with --node-name ${folderName()}, or remove ${machine.folder}/${folderName()}/agent/tls to join as "somebody-else"\n`,
    );
    expect(code).toBe(1);
  });
});
