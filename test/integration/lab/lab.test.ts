import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '#base/process.ts';
import { IMAGES } from '#test/lab/images.ts';
import { createLab, type Lab, setLink } from '#test/lab/lab.ts';
import { isAlive } from '#test/lab/traces.ts';
import { eventually } from '#test/support/eventually.ts';
import { ask, serveName } from '#test/support/net-traffic.ts';

describe.skipIf(process.getuid?.() !== 0)('lab', () => {
  let lab: Lab;
  let routes: string;

  beforeAll(async () => {
    routes = await run('ip', ['route']);
    lab = await createLab({ nodes: 2, images: ['nginx', 'api', 'redis', 'busybox'] });
  });
  afterAll(() => lab?.destroy());

  const get = (address: string) =>
    lab.outside.exec('bash', [
      '-c',
      `exec 3<>/dev/tcp/${address.replace(':', '/')} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`,
    ]);

  test('nodes have a name, reach each other and nothing else', async () => {
    const [n1, n2] = lab.nodes;
    expect((await n1!.exec('hostname', [])).trim()).toBe('n1');
    const server = await serveName(n1!.netnsPath, 'n1', [7000]);
    expect(await ask(n2!.netnsPath, `${n1!.ip}:7000`)).toEqual({ name: 'n1', seenAs: n2!.ip });
    await setLink(lab, n2!, 'down');
    await expect(ask(n2!.netnsPath, `${n1!.ip}:7000`, { timeoutMs: 500 })).rejects.toThrow();
    await setLink(lab, n2!, 'up');
    await server.stop();
    expect(await n1!.exec('ip', ['route', 'show', 'default'])).toBe('');
  });

  test('real servers run as containers, under Docker rules that drop what they do not know', async () => {
    const [n1] = lab.nodes;
    expect(await n1!.exec('iptables', ['-S', 'FORWARD'])).toContain('-P FORWARD DROP');
    await n1!.exec('docker', ['run', '-d', '--name', 'web', '-p', '8080:80', IMAGES.nginx]);
    await n1!.exec('docker', [
      'run',
      '-d',
      '--name',
      'api',
      '-p',
      '8081:8080',
      '-h',
      'pod-x',
      '-e',
      'GREETING=hello',
      IMAGES.api,
    ]);
    await n1!.exec('docker', ['run', '-d', '--name', 'redis', IMAGES.redis]);
    await eventually(async () => expect(await get(`${n1!.ip}:8080`)).toContain('<h1>nginx</h1>'));
    await eventually(async () =>
      expect(await get(`${n1!.ip}:8081`)).toContain('"pod":"pod-x","version":"1","greeting":"hello"'),
    );
    await eventually(async () =>
      expect(await n1!.exec('docker', ['exec', 'redis', 'redis-cli', 'ping'])).toBe('PONG\n'),
    );
    expect(await n1!.exec('docker', ['exec', 'web', 'tar', 'cf', '-', '/etc/group'])).toContain('www-data');
  });

  test('a reboot takes programs, containers, devices and rules, and leaves data', async () => {
    const [n1] = lab.nodes;
    const program = n1!.spawn('sleep', ['1000']);
    await n1!.exec('ip', ['link', 'add', 'own0', 'type', 'bridge']);
    await n1!.reboot();
    expect(isAlive(program.pid!)).toBe(false);
    expect(await n1!.exec('ip', ['-br', 'link'])).not.toMatch(/own0|docker0/);
    expect(await n1!.exec('iptables-save', [])).not.toContain('DOCKER');
    await n1!.startDocker();
    expect(await n1!.exec('docker', ['ps', '-a', '--format', '{{.Names}} {{.State}}'])).toContain('web exited');
    await n1!.exec('docker', ['start', 'web']);
    await eventually(async () => expect(await get(`${n1!.ip}:8080`)).toContain('nginx'));
  });

  test('leaves no trace', async () => {
    const { id, folder } = lab;
    const program = lab.nodes[1]!.spawn('sleep', ['1000']);
    await lab.nodes[0]!.exec('docker', ['run', '-d', '--name', 'late', IMAGES.busybox, 'sleep', '1000']);
    await lab.destroy();
    expect(isAlive(program.pid!)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    expect(await run('ip', ['netns', 'list'])).not.toContain(id);
    expect(await readFile('/proc/self/mounts', 'utf8')).not.toContain(folder);
    const cgroups = await readdir('/sys/fs/cgroup', { withFileTypes: true });
    for (const { name } of cgroups) expect(existsSync(`/sys/fs/cgroup/${name}/${id}-n1`), name).toBe(false);
    expect(await run('pgrep', ['-fc', folder]).catch(() => '0\n')).toBe('0\n');
    expect(await run('ip', ['route'])).toBe(routes);
    await lab.destroy();
  });
});
