import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { execCapture } from '#agent/kubelet/exec-capture.ts';
import { BridgeNetwork } from '#agent/network/bridge-network.ts';
import { DockerRuntime } from '#agent/runtime/docker/docker-runtime.ts';
import { configMaps, type PodSpec, pods, secrets, serviceAccounts } from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { run } from '#base/process.ts';
import { canRunDocker, type DockerDaemon, startDockerDaemon } from '#test/support/docker-daemon.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive, pauseImage } from '#test/support/images.ts';
import { connectNamespaces, createNamespace, type TestNamespace } from '#test/support/netns.ts';
import { conditionOf, containerOf, TestNode } from './test-node.ts';

const log = createLogger({ level: 'silent' });
const base64 = (text: string) => Buffer.from(text).toString('base64');

if (!canRunDocker()) process.stderr.write('docker-pods: not root on Linux, NOT tested\n');

describe.runIf(canRunDocker()).each(['path', 'pod'] as const)('pods on Docker in %s sandboxes', (sandboxMode) => {
  const namespaces: TestNamespace[] = [];
  let daemon: DockerDaemon;
  let runtime: DockerRuntime;
  let network: BridgeNetwork;
  let node: TestNode;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skiff-pods-'));
    await mkdir(join(folder, 'host'));
    const own = await createNamespace();
    namespaces.push(own);
    namespaces.push(await connectNamespaces([own], '172.31.9'));
    daemon = await startDockerDaemon({ networkNamespace: own.name });
    runtime = new DockerRuntime({ socket: daemon.socket, owner: 'node-1', pauseImage, log });
    await runtime.start(AbortSignal.timeout(10_000));
    await runtime.loadImage(Readable.from([await busyboxArchive()]));
    network = new BridgeNetwork({
      stateDir: join(folder, 'state'),
      namespaceDir: join(folder, 'netns'),
      log,
      exec: own.exec,
      nodeNamespacePath: own.path,
      probe: async () => undefined,
    });
    await network.start();
    const config = { resolvConf: join(folder, 'resolv.conf'), nodeIps: ['172.31.9.1'], sandboxMode };
    await writeFile(config.resolvConf, 'nameserver 192.0.2.53\nsearch example.test\n');
    node = await TestNode.start({ runtime, network, config });
    const metadata = (name: string) => ({ name, namespace: 'default' });
    await node.server.client.create(serviceAccounts, { metadata: metadata('default') });
    await node.server.client.create(configMaps, {
      metadata: metadata('settings'),
      data: { 'a.txt': 'one', 'b.txt': 'two', word: 'three' },
    });
    await node.server.client.create(secrets, { metadata: metadata('keys'), data: { key: base64('hidden') } });
  });

  afterAll(async () => {
    await node?.stop();
    await network?.removeAll();
    await network?.stop();
    await runtime?.stop();
    await daemon?.stop();
    for (const namespace of namespaces) await namespace.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  const idOf = async (pod: string, container = 'app') => {
    const id = containerOf(await node.get(pod), container)?.containerID?.replace('docker://', '');
    if (id === undefined) throw new Error(`container "${container}" of pod "${pod}" was never made`);
    return id;
  };

  const shell = async (pod: string, script: string) => {
    const { output } = await execCapture(
      runtime,
      { id: await idOf(pod), command: ['sh', '-c', script] },
      AbortSignal.timeout(10_000),
    );
    return output.trimEnd();
  };

  const startPod = async (name: string, spec: Partial<PodSpec>, script = 'sleep 1000') => {
    const [first, ...others] = spec.containers ?? [{ name: 'app' }];
    const app = { image: BUSYBOX, command: ['sh', '-c', script], ...first, name: 'app' };
    await node.create(
      name,
      { terminationGracePeriodSeconds: 1, ...spec, containers: [app, ...others] },
      { labels: { app: name } },
    );
    return node.until(name, (pod) => expect(conditionOf(pod, 'Ready')).toBe('True'), 20_000);
  };

  test('a pod has its own name, address, hosts and resolver', async () => {
    const pod = await startPod('web-0', {
      subdomain: 'web',
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['alias.test'] }],
      dnsConfig: { options: [{ name: 'timeout', value: '1' }] },
    });
    const ip = pod.status?.podIP ?? '';
    expect(await shell('web-0', 'hostname')).toBe('web-0');
    expect(await shell('web-0', 'echo $HOSTNAME')).toBe('web-0');
    expect(await shell('web-0', 'cat /etc/hostname')).toBe('web-0');
    expect(await shell('web-0', 'ip -4 addr show eth0')).toContain(`${ip}/`);
    const hosts = await shell('web-0', 'cat /etc/hosts');
    expect(hosts).toContain(`${ip}\tweb-0.web.default.svc.cluster.local\tweb-0`);
    expect(hosts).toContain('192.0.2.7\talias.test');
    expect(await shell('web-0', 'cat /etc/resolv.conf')).toBe(
      [
        'search default.svc.cluster.local svc.cluster.local cluster.local example.test',
        'nameserver 10.43.0.10',
        'options ndots:5 timeout:1',
      ].join('\n'),
    );
  });

  test("a pod in the node's network has the node's name and resolver", async () => {
    const pod = await startPod('on-node', { hostNetwork: true });
    expect(pod.status?.podIP).toBe('172.31.9.1');
    expect(await shell('on-node', 'hostname')).toBe(hostname());
    expect(await shell('on-node', 'cat /etc/resolv.conf')).toContain('nameserver 192.0.2.53');
    expect(await shell('on-node', 'ls /sys/class/net')).toContain('eth0');
  });

  test('volumes show what they stand for', async () => {
    await writeFile(join(folder, 'host', 'file'), 'from the node');
    await startPod('volumes', {
      containers: [
        {
          name: 'app',
          volumeMounts: [
            { name: 'settings', mountPath: '/settings' },
            { name: 'keys', mountPath: '/keys' },
            { name: 'scratch', mountPath: '/scratch' },
            { name: 'memory', mountPath: '/memory' },
            { name: 'node', mountPath: '/node', readOnly: true },
            { name: 'about', mountPath: '/about' },
            { name: 'settings', mountPath: '/one.txt', subPath: 'a.txt' },
            { name: 'scratch', mountPath: '/part', subPath: 'deep/er' },
          ],
        },
      ],
      volumes: [
        { name: 'settings', configMap: { name: 'settings' } },
        { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
        { name: 'scratch', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'node', hostPath: { path: join(folder, 'host'), type: 'Directory' } },
        {
          name: 'about',
          projected: {
            sources: [
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              { configMap: { name: 'settings', items: [{ key: 'b.txt', path: 'sub/b', mode: 0o755 }] } },
              { serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } },
            ],
          },
        },
      ],
      securityContext: { fsGroup: 2000 },
      serviceAccountName: 'default',
    });
    expect(await shell('volumes', 'cat /settings/a.txt /settings/b.txt')).toBe('onetwo');
    expect(await shell('volumes', 'cat /keys/key; stat -L -c " %a %g" /keys/key')).toBe('hidden 440 2000');
    expect(await shell('volumes', 'stat -c "%a %g" /scratch')).toBe('2777 2000');
    expect(await shell('volumes', 'grep " /memory " /proc/mounts')).toMatch(/^tmpfs \/memory tmpfs .*size=1024k/);
    expect(await shell('volumes', 'cat /node/file; touch /node/new 2>&1')).toMatch(/^from the node.*Read-only/s);
    expect(await shell('volumes', 'cat /about/labels; echo; cat /about/sub/b; stat -L -c " %a" /about/sub/b')).toBe(
      'app="volumes"\ntwo 755',
    );
    const [, claims = ''] = (await shell('volumes', 'cat /about/token')).split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      aud: ['vault'],
      'kubernetes.io': { namespace: 'default', pod: { name: 'volumes' }, serviceaccount: { name: 'default' } },
    });
    expect(await shell('volumes', 'cat /one.txt')).toBe('one');
    expect(await shell('volumes', 'touch /part/x; ls /scratch/deep/er')).toBe('x');
    expect(await shell('volumes', 'touch /settings/new 2>&1')).toContain('Read-only');
    expect(await shell('volumes', 'id -G')).toContain('2000');
  });

  test('a changed ConfigMap shows in running containers, but not below a sub path', async () => {
    const data = { 'a.txt': 'changed' };
    const key = { namespace: 'default', name: 'settings' };
    await node.server.client.patch(configMaps, key, { data }, { type: 'merge' });
    await eventually(async () => expect(await shell('volumes', 'cat /settings/a.txt')).toBe('changed'));
    expect(await shell('volumes', 'cat /one.txt')).toBe('one');
  });

  test('the environment comes from everywhere it can', async () => {
    await startPod('env', {
      containers: [
        {
          name: 'app',
          env: [
            { name: 'PLAIN', value: '$(POD) and $(NONE) and $$(POD)' },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'AFTER', value: '$(POD)!' },
            { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'key' } } },
            { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
          ],
          envFrom: [{ prefix: 'S_', configMapRef: { name: 'settings' } }],
          resources: { limits: { cpu: '250m', memory: '32Mi' } },
        },
      ],
    });
    expect(await shell('env', 'echo "$PLAIN|$POD|$AFTER|$KEY|$CPU"')).toBe(
      '$(POD) and $(NONE) and $(POD)|env|env!|hidden|250',
    );
    expect(await shell('env', 'echo $S_word')).toBe('three');
  });

  test('limits are given to the kernel', async () => {
    const state = await runtime.inspect(await idOf('env'));
    const memory = await readFile(`/sys/fs/cgroup/memory${state?.cgroupPath}/memory.limit_in_bytes`, 'utf8').catch(() =>
      readFile(`/sys/fs/cgroup${state?.cgroupPath}/memory.max`, 'utf8'),
    );
    expect(Number(memory)).toBe(32 * 1024 * 1024);
  });

  test('a container that uses too much memory is ended and says so', async () => {
    const script = 'a=x; while true; do a=$a$a; done';
    const containers = [
      { name: 'app', image: BUSYBOX, command: ['sh', '-c', script], resources: { limits: { memory: '8Mi' } } },
    ];
    await node.create('greedy', { containers, restartPolicy: 'Never' });
    const pod = await node.until('greedy', ({ status }) => expect(status?.phase).toBe('Failed'), 20_000);
    expect(containerOf(pod)?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  test('last words come from the message file, or from the log', async () => {
    const word = (name: string, script: string, terminationMessagePolicy = 'File') => ({
      name,
      image: BUSYBOX,
      command: ['sh', '-c', script],
      terminationMessagePolicy,
    });
    const containers = [
      word('file', 'echo -n written > /dev/termination-log; exit 1'),
      word('log', 'echo said; exit 1', 'FallbackToLogsOnError'),
      word('none', 'echo said; exit 1'),
    ];
    await node.create('words', { containers, restartPolicy: 'Never' });
    const pod = await node.until('words', ({ status }) => expect(status?.phase).toBe('Failed'), 20_000);
    const message = (name: string) => containerOf(pod, name)?.state?.terminated?.message;
    expect([message('file'), message('log'), message('none')]).toEqual(['written', 'said\n', undefined]);
  });

  test('log collectors find the log', async () => {
    const pod = await startPod('logged', {}, 'echo hello; sleep 1000');
    const id = await idOf('logged');
    const paths = [`pods/default_logged_${pod.metadata.uid}/app/0.log`, `containers/logged_default_app-${id}.log`];
    for (const path of paths) {
      const content = await readFile(join(node.dataDir, 'log', path), 'utf8');
      expect(JSON.parse(content.split('\n')[0] ?? '')).toMatchObject({ log: 'hello\n', stream: 'stdout' });
    }
  });

  test('rights are as the security context says', async () => {
    await startPod('rights', {
      containers: [
        {
          name: 'app',
          securityContext: {
            runAsUser: 1234,
            runAsGroup: 99,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
          },
        },
      ],
      securityContext: { supplementalGroups: [77] },
    });
    expect(await shell('rights', 'id -u; id -G')).toBe('1234\n99 77');
    expect(await shell('rights', 'touch /x 2>&1')).toContain('Read-only');
    expect(await shell('rights', 'grep NoNewPrivs /proc/self/status')).toMatch(/1$/);
    expect(await shell('rights', 'grep CapBnd /proc/self/status')).toMatch(/0000000000000400$/);
  });

  test('an image that runs as root may not where that is forbidden', async () => {
    const containers = [{ name: 'app', image: BUSYBOX, securityContext: { runAsNonRoot: true } }];
    const { metadata } = await node.create('no-root', { containers });
    const pod = await node.until('no-root', (found) =>
      expect(containerOf(found)?.state?.waiting?.reason).toBe('CreateContainerConfigError'),
    );
    expect(containerOf(pod)?.state?.waiting?.message).toBe(
      `container has runAsNonRoot and image will run as root (pod: "no-root_default(${metadata.uid})", container: app)`,
    );
  });

  test('a command that does not exist is reported', async () => {
    await node.create('no-command', {
      containers: [{ name: 'app', image: BUSYBOX, command: ['/no/such/program'] }],
      restartPolicy: 'Never',
    });
    const pod = await node.until('no-command', ({ status }) => expect(status?.phase).toBe('Failed'), 20_000);
    expect(containerOf(pod)?.state?.terminated).toMatchObject({
      reason: 'StartError',
      message: expect.stringContaining('/no/such/program'),
    });
  });

  test('hooks run before the container counts as started and before it ends', async () => {
    const lifecycle = {
      postStart: { exec: { command: ['sh', '-c', 'echo started > /shared/log'] } },
      preStop: { exec: { command: ['sh', '-c', 'echo stopping >> /shared/log'] } },
    };
    const shared = join(folder, 'host');
    await startPod('hooks', {
      containers: [{ name: 'app', lifecycle, volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }],
      volumes: [{ name: 'shared', hostPath: { path: shared } }],
      terminationGracePeriodSeconds: 5,
    });
    expect(await readFile(join(shared, 'log'), 'utf8')).toBe('started\n');
    await node.server.client.delete(pods, { namespace: 'default', name: 'hooks' });
    await node.gone('hooks', 20_000);
    expect(await readFile(join(shared, 'log'), 'utf8')).toBe('started\nstopping\n');
  });

  test('a restart of the agent leaves containers alone', async () => {
    const before = containerOf(await node.get('web-0'));
    await node.restart();
    await startPod('later', {});
    expect(containerOf(await node.get('web-0'))).toEqual(before);
  });

  test('a restart of Docker brings all pods back with their addresses', async () => {
    const before = await node.get('web-0');
    await daemon.halt();
    await daemon.start();
    const after = await node.until(
      'web-0',
      (pod) => {
        expect(containerOf(pod)?.ready).toBe(true);
        expect(containerOf(pod)?.restartCount).toBeGreaterThan(0);
      },
      40_000,
    );
    expect(after.status?.podIP).toBe(before.status?.podIP);
    expect(await shell('web-0', 'hostname')).toBe('web-0');
  });

  test('nothing is left of pods that are gone', async () => {
    await node.server.client.deleteCollection(pods, { namespace: 'default', gracePeriodSeconds: 1 });
    await eventually(
      async () => {
        expect((await node.server.client.list(pods, { namespace: 'default' })).items).toEqual([]);
        expect(await runtime.list()).toEqual([]);
        expect(await network.attached()).toEqual([]);
        expect(await run('find', [join(node.dataDir, 'pods'), '-mindepth', '1'])).toBe('');
      },
      { withinMs: 30_000 },
    );
    expect((await readFile('/proc/self/mountinfo', 'utf8')).includes(`${node.dataDir}/pods`)).toBe(false);
  });
});
