import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requirePackages } from '#test/lab/traces.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive } from '#test/support/images.ts';
import { connectNamespaces, createNamespace, type TestNamespace } from '#test/support/netns.ts';
import { FreshMachine, type Snapshot } from './machine.ts';

const KUBECONFIG = '/etc/skiff/kubeconfig.yaml';
const FLAGS = ['--write-kubeconfig-mode=644'];

/** One story in order: each part starts from what the one before left. */
describe('install.sh', () => {
  const networks: TestNamespace[] = [];
  let first: FreshMachine;
  let second: FreshMachine;
  const before = new Map<FreshMachine, Snapshot>();

  beforeAll(async () => {
    await requirePackages();
    const nodes = [await createNamespace('ski'), await createNamespace('ski')] as const;
    networks.push(...nodes, await connectNamespaces(nodes, '172.31.22'));
    first = await FreshMachine.boot('alpha', nodes[0]);
    second = await FreshMachine.boot('beta', nodes[1]);
    const archive = await busyboxArchive();
    for (const machine of [first, second]) await machine.startUsedDocker({ name: BUSYBOX, archive });
    // On this one Docker is there and has run before, but does not now.
    await first.stopDocker();
    for (const machine of [first, second]) before.set(machine, await machine.snapshot());
  });
  afterAll(async () => {
    await first?.destroy();
    await second?.destroy();
    for (const network of networks) await network.destroy();
  });

  const kubectl = (...args: string[]) => first.exec('kubectl', ['--kubeconfig', KUBECONFIG, ...args]);
  const nodesReady = async () => {
    const text = await kubectl(
      'get',
      'nodes',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}',
    );
    return text.trim();
  };
  const runPod = async (name: string, node: string) => {
    const command = ['--image', BUSYBOX, '--image-pull-policy=Never', '--restart=Always'];
    const overrides = JSON.stringify({ spec: { nodeName: node } });
    await kubectl('run', name, ...command, '--overrides', overrides, '--', 'httpd', '-f', '-p', '80', '-h', '/etc');
    await kubectl('wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
  };

  test('a server, in the background where there is no init system: starts Docker, waits, says what to type next', async () => {
    const { code, stdout, stderr } = await first.install(FLAGS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'There is no init system: starting dockerd in the background (log: /var/log/skiff-docker.log, process: /run/skiff-docker.pid)',
      'There is no init system: starting skiff in the background (log: /var/log/skiff.log, process: /run/skiff.pid)',
      'Waiting for the node to be Ready',
      'alpha: Ready',
      '',
      'Kubernetes is ready. Type next:',
      `  export KUBECONFIG=${KUBECONFIG}`,
      '  kubectl get nodes',
    ]);
    expect(await nodesReady()).toBe('alpha=True');
  });

  test('the kubeconfig has the mode that was asked for, so that anybody may use kubectl', async () => {
    expect(await first.exec('stat', ['-c', '%a', KUBECONFIG])).toBe('644\n');
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'env', 'HOME=/tmp', `KUBECONFIG=${KUBECONFIG}`];
    expect(await first.exec('setpriv', [...nobody, 'kubectl', 'get', 'nodes', '-o', 'name'])).toBe('node/alpha\n');
  });

  test('again: the same cluster, pods untouched', async () => {
    await runPod('web', 'alpha');
    const state = async () => ({
      ledger: await first.read('/etc/skiff/installed'),
      containers: await first.exec('docker', ['ps', '-q', '--no-trunc']),
      docker: await first.read('/run/skiff-docker.pid'),
      authority: await first.exec('sha256sum', ['/var/lib/skiff/server/tls/ca.crt']),
    });
    const old = await state();
    const process = await first.read('/run/skiff.pid');
    expect(await first.install(FLAGS)).toMatchObject({ code: 0, stderr: '' });
    expect(await state()).toEqual(old);
    expect(await first.read('/run/skiff.pid')).not.toBe(process);
    expect((await first.exec('pgrep', ['-fc', '^/usr/local/bin/skiff server'])).trim()).toBe('1');
    expect(await kubectl('get', 'pod', 'web', '-o', 'jsonpath={.status.containerStatuses[0].restartCount}')).toBe('0');
  });

  test('with flags that skiff refuses: fails at once and shows why', async () => {
    const { code, stderr } = await first.install(['--write-kubeconfig-mod=644']);
    expect(stderr).toContain('skiff: Unknown flag "--write-kubeconfig-mod"; did you mean "--write-kubeconfig-mode"?');
    expect(stderr).toContain('skiff: skiff has ended; why stands above');
    expect(code).toBe(1);
    expect(await first.install(FLAGS)).toMatchObject({ code: 0 });
  });

  test('an agent with a wrong token: fails and shows why', async () => {
    const token = (await first.read('/var/lib/skiff/server/token')).trim();
    const env = { SKIFF_URL: 'https://172.31.22.1:6443', SKIFF_TOKEN: `${token.slice(0, -4)}0000` };
    const { code, stderr } = await second.install([], env);
    expect(stderr).toContain('skiff: The server does not accept this token: it is wrong or has expired');
    expect(stderr).toContain('skiff: the agent has ended; why stands above');
    expect(code).toBe(1);
  });

  test('an agent joins with a token made by the server', async () => {
    const token = (await first.exec('skiff', ['token', 'create'])).trim();
    const env = { SKIFF_URL: 'https://172.31.22.1:6443', SKIFF_TOKEN: token };
    const { code, stdout, stderr } = await second.install(['--node-name', 'edge-1', '--node-label=zone=b'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      'There is no init system: starting skiff in the background (log: /var/log/skiff.log, process: /run/skiff.pid)',
      'Waiting for the server to take this node',
      '',
      'This machine is a node of the cluster now. On the server, type next:',
      '  kubectl get nodes',
    ]);
    expect(await second.exec('stat', ['-c', '%a', '/etc/skiff/skiff.env'])).toBe('600\n');
    await eventually(async () => expect(await nodesReady()).toBe('alpha=True edge-1=True'), { withinMs: 30_000 });
    expect(await kubectl('get', 'nodes', '-l', 'zone=b', '-o', 'name')).toBe('node/edge-1\n');
    await runPod('far', 'edge-1');
    expect(await kubectl('exec', 'far', '--', 'cat', '/etc/hostname')).toBe('far\n');
  });

  test('--uninstall on the agent leaves nothing', async () => {
    const { code, stdout, stderr } = await second.install(['--uninstall']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('skiff is gone.\n');
    expect(await second.snapshot()).toEqual(before.get(second));
    expect(await second.exec('docker', ['ps', '-aq'])).toBe('');
    expect(await second.exec('docker', ['images', '--format', '{{.Repository}}'])).toBe('skiff-test/busybox\n');
  });

  test('--uninstall on the server leaves nothing, nor the Docker that it started', async () => {
    const { code, stdout, stderr } = await first.install(['--uninstall']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('skiff is gone.\n');
    expect(await first.snapshot()).toEqual(before.get(first));
    await first.startDocker();
    expect(await first.exec('docker', ['ps', '-aq'])).toBe('');
    expect(await first.exec('docker', ['images', '--format', '{{.Repository}}'])).toBe('skiff-test/busybox\n');
    await first.stopDocker();
  });

  test('--uninstall where nothing is installed is fine', async () => {
    expect(await first.install(['--uninstall'])).toMatchObject({ code: 0, stderr: '' });
    expect(await first.snapshot()).toEqual(before.get(first));
  });

  describe('where there is an init system', () => {
    /** Arguments that have to be quoted differently everywhere. */
    const ODD = ['--node-label=a=b', '--data-dir=/srv/my data', '--tls-san=50%-$HOME-"x"'];
    /** Commands that only note how they were called. */
    const stub = async (names: readonly string[]) => {
      for (const name of names) {
        await second.write(`/usr/local/bin/${name}`, `#!/bin/sh\necho "${name} $*" >>/tmp/called\n`);
        await second.exec('chmod', ['755', `/usr/local/bin/${name}`]);
      }
      await second.write('/tmp/called', '');
      // Waiting for it would take long, as nothing is started.
      await second.write('/tmp/skiff', '#!/bin/sh\n[ "$1" != args ] || { shift; printf "<%s>" "$@"; }\n');
      await second.exec('chmod', ['755', '/tmp/skiff']);
    };
    const install = () => second.install(['server', ...ODD], { INSTALL_SKIFF_BINARY: '/tmp/skiff' });

    test('systemd gets a unit that it accepts, and it is started', async () => {
      await second.exec('mkdir', ['-p', '/run/systemd/system']);
      await stub(['systemctl', 'journalctl']);
      expect(await install()).toMatchObject({ code: 0 });
      expect((await second.read('/tmp/called')).split('\n')).toEqual([
        'systemctl daemon-reload',
        'systemctl enable skiff',
        'systemctl restart skiff',
        '',
      ]);
      const unit = await second.read('/etc/systemd/system/skiff.service');
      expect(unit).toContain(
        'ExecStart=/usr/local/bin/skiff server "--node-label=a=b" "--data-dir=/srv/my data" "--tls-san=50%%-$$HOME-\\"x\\""\n',
      );
      expect(unit).toMatch(/^Restart=always$/m);
      expect(unit).toMatch(/^KillMode=process$/m);
      const verified = await second.attempt('systemd-analyze', ['verify', '/etc/systemd/system/skiff.service']);
      // On PATH it is part of Debian's package systemd, without which only the text above is checked.
      if (verified.code === 127) process.stderr.write('install: no systemd-analyze here, unit NOT verified\n');
      const about = verified.stderr.split('\n').filter((line) => line.includes('skiff'));
      expect(about).toEqual([]);
      expect(await second.install(['--uninstall'])).toMatchObject({ code: 0 });
      expect((await second.read('/tmp/called')).split('\n').slice(3)).toEqual([
        'systemctl disable --now skiff',
        'systemctl daemon-reload',
        '',
      ]);
      await second.exec('rm', ['-r', '/run/systemd', '/usr/local/bin/systemctl', '/usr/local/bin/journalctl']);
    });

    test('OpenRC gets a script that keeps the arguments apart, and it is started', async () => {
      await second.exec('mkdir', ['-p', '/run/openrc']);
      await stub(['rc-service', 'rc-update']);
      expect(await install()).toMatchObject({ code: 0 });
      expect((await second.read('/tmp/called')).split('\n')).toEqual([
        'rc-update add skiff default',
        'rc-service skiff restart',
        '',
      ]);
      // What openrc-run and supervise-daemon do with it: read it, then evaluate the arguments once more.
      const script = '. /etc/init.d/skiff; eval "set -- $command_args"; $command args "$@"';
      expect(await second.exec('sh', ['-euc', script])).toBe(
        '<server><--node-label=a=b><--data-dir=/srv/my data><--tls-san=50%-$HOME-"x">',
      );
      expect(await second.exec('stat', ['-c', '%a', '/etc/init.d/skiff'])).toBe('755\n');
      expect(await second.install(['--uninstall'])).toMatchObject({ code: 0 });
      await second.exec('rm', ['-r', '/run/openrc', '/usr/local/bin/rc-service', '/usr/local/bin/rc-update']);
    });

    test('nothing of it is left', async () => {
      expect(await second.snapshot()).toEqual(before.get(second));
    });

    test('what is missing comes from the distribution, and is named at the end', async () => {
      await stub(['apt-get']);
      await second.exec('mv', ['/usr/sbin/conntrack', '/tmp']);
      const put = 'case "$*" in install*) mv /tmp/conntrack /usr/sbin ;; esac';
      await second.exec('tee', ['-a', '/usr/local/bin/apt-get'], `${put}\n`);
      const env = { INSTALL_SKIFF_BINARY: '/tmp/skiff', INSTALL_SKIFF_SKIP_START: 'true' };
      const { code, stdout } = await second.install(['--disable=dns'], env);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout:
          'Installing from the distribution: conntrack\nInstalled /usr/local/bin/skiff. Start it with: skiff server --disable=dns\n',
      });
      expect(await second.read('/tmp/called')).toContain('apt-get install -y -qq --no-install-recommends conntrack\n');
      const removed = await second.install(['--uninstall']);
      expect(removed.stdout).toContain('Packages that were installed for it are still there');
      expect(removed.stdout).toMatch(/: +conntrack *\n$/);
    });
  });
});
