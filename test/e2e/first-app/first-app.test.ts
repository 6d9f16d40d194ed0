import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Node, Pod, Service } from '#api/core/v1.ts';
import { IMAGES } from '#test/lab/images.ts';
import { eventually } from '#test/support/eventually.ts';
import { useCluster } from '../support/cluster.ts';
import { httpGet, startLoad } from '../support/http.ts';
import { findKubectls } from '../support/kubectl.ts';
import { endpointsOf, isReady, podsOf, restartsOf } from '../support/objects.ts';

const MANIFESTS = join(import.meta.dirname, 'manifests');
const NODE_PORT = 30080;

/** What the API tier answers. */
interface ApiAnswer {
  server: string;
  pod: string;
  version: string;
  greeting: string;
  token: string;
}

describe.each(await findKubectls())('first app with kubectl $version', (binary) => {
  const cluster = useCluster({ kubectl: binary, images: ['nginx', 'api', 'api2', 'busybox'] });
  const kubectl = () => cluster().kubectl.in('shop');
  const node = () => cluster().node(1);
  const outside = () => cluster().lab.outside;
  const fromPod = (...command: string[]) => kubectl().run(['exec', 'client', '--', ...command]);
  const throughWeb = () => `http://${node().ip}:${NODE_PORT}/api/`;
  const rolledOut = (name: string) =>
    kubectl().run(['rollout', 'status', `deployment/${name}`, '--timeout=60s'], { timeoutMs: 70_000 });

  test('kubectl explains, creates and applies', async () => {
    const path = 'deployment.spec.template.spec.containers.readinessProbe';
    expect(await kubectl().run(['explain', path])).toMatch(
      /KIND: +Deployment.*FIELD: +readinessProbe.*Probe describes a health check.*httpGet/s,
    );
    await cluster().kubectl.run(['create', 'namespace', 'shop']);
    await kubectl().run(['create', 'secret', 'generic', 'api-token', '--from-literal=token=s3cret']);
    const watched = kubectl().start(['get', 'pods', '--watch']);
    try {
      const created = await kubectl().run(['apply', '-f', MANIFESTS]);
      expect(created.trim().split('\n').sort()).toEqual([
        'configmap/api-settings created',
        'configmap/web-site created',
        'deployment.apps/api created',
        'deployment.apps/web created',
        'service/api created',
        'service/web created',
        'service/web-public created',
      ]);
      const again = await kubectl().run(['apply', '-f', MANIFESTS]);
      expect(
        again
          .trim()
          .split('\n')
          .filter((line) => !line.endsWith(' unchanged')),
      ).toEqual([]);
      await Promise.all([rolledOut('api'), rolledOut('web')]);
      // One line of each pod in each of its states, as a reader would see them pass by.
      await eventually(() => {
        expect(new Set(watched.stdout().match(/^web-\w+-\w+ +1\/1 +Running/gm)).size).toBeGreaterThanOrEqual(3);
        expect(watched.stdout()).toMatch(/^api-\w+-\w+ +0\/1 +Pending/m);
      });
    } finally {
      await watched.stop();
    }
  });

  test('get and describe show what runs', async () => {
    const all = await kubectl().run(['get', 'all', '-o', 'wide']);
    expect(all).toMatch(/deployment\.apps\/api +3\/3 +3 +3/);
    expect(all).toMatch(/service\/web +NodePort +10\.43\.\S+ +<none> +80:30080\/TCP/);
    expect(all).toMatch(/service\/web-public +LoadBalancer +\S+ +172\.31\.77\.1 /);
    expect(await kubectl().run(['describe', 'deployment', 'api'])).toMatch(
      /3 desired \| 3 updated \| 3 total \| 3 available.*ScalingReplicaSet/s,
    );
    const [pod] = await podsOf(kubectl(), 'api');
    const described = await kubectl().run(['describe', 'pod', pod!.metadata.name!]);
    expect(described).toMatch(/Ready +True.*Events:.*Scheduled.*Pulled.*Created.*Started/s);
    expect(await kubectl().run(['describe', 'service', 'web'])).toMatch(/Endpoints: +10\.42\.\d+\.\d+:80/);
    expect(await cluster().kubectl.run(['describe', 'node', 'n1'])).toMatch(/Non-terminated Pods: +\(6 in total\)/);
  });

  test('tiers find each other by name', async () => {
    await kubectl().run(['run', 'client', `--image=${IMAGES.busybox}`, '--', 'sleep', '100000']);
    await kubectl().run(['wait', '--for=condition=Ready', 'pod/client', '--timeout=30s']);
    const { spec } = await kubectl().json<Service>(['get', 'service', 'api']);
    for (const name of ['api', 'api.shop', 'api.shop.svc.cluster.local']) {
      const answer = JSON.parse(await fromPod('wget', '-qO-', `http://${name}:8080/`)) as ApiAnswer;
      expect(answer).toMatchObject({ server: 'lighttpd', version: '1', greeting: 'hello', token: 's3cret' });
    }
    expect(await fromPod('nslookup', 'api.shop.svc.cluster.local')).toContain(spec?.clusterIP);
    const [pod] = await podsOf(kubectl(), 'web');
    const answers = await kubectl().run(['exec', pod!.metadata.name!, '--', 'wget', '-qO-', 'http://localhost/api/']);
    expect(JSON.parse(answers)).toMatchObject({ server: 'lighttpd', greeting: 'hello' });
  });

  test('the app is reached by ClusterIP, NodePort and LoadBalancer, and every replica answers', async () => {
    const { spec } = await kubectl().json<Service>(['get', 'service', 'web']);
    const page = '<h1>The shop is open</h1>\n';
    expect(await fromPod('wget', '-qO-', `http://${spec?.clusterIP}/`)).toBe(page);
    expect(await fromPod('wget', '-qO-', `http://${node().ip}:${NODE_PORT}/`)).toBe(page);
    expect(await httpGet(node(), `http://${spec?.clusterIP}/`)).toEqual({ status: 200, body: page });
    for (const [machine, address] of [
      [outside(), `${node().ip}:${NODE_PORT}`],
      [node(), `${node().ip}:${NODE_PORT}`],
      [node(), `127.0.0.1:${NODE_PORT}`],
      [outside(), node().ip],
      [node(), node().ip],
    ] as const) {
      expect(await httpGet(machine, `http://${address}/`), address).toEqual({ status: 200, body: page });
    }
    const load = startLoad(outside(), throughWeb(), { everyMs: 20 });
    await sleep(1500);
    const { bodies, failures } = await load.stop();
    expect(failures).toEqual([]);
    const pods = new Set(Object.keys(bodies).map((body) => (JSON.parse(body) as ApiAnswer).pod));
    expect([...pods].sort()).toEqual((await podsOf(kubectl(), 'api')).map(({ metadata }) => metadata.name).sort());
  });

  test('port-forward reaches a service and a pod', async () => {
    const [pod] = await podsOf(kubectl(), 'api');
    for (const [target, port] of [
      ['service/web', ':80'],
      [`pod/${pod!.metadata.name}`, ':8080'],
    ] as const) {
      const forward = kubectl().start(['port-forward', target, port]);
      try {
        const local = await eventually(() => {
          const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(forward.stdout())?.[1];
          if (found === undefined) throw new Error(`No port yet: ${forward.stdout()}`);
          return found;
        });
        for (let asked = 0; asked < 3; asked++)
          expect((await httpGet(node(), `http://127.0.0.1:${local}/`)).status, target).toBe(200);
      } finally {
        await forward.stop();
      }
    }
  });

  test('scaling up and down moves pods and endpoints', async () => {
    for (const replicas of [5, 2, 3]) {
      await kubectl().run(['scale', 'deployment/api', `--replicas=${replicas}`]);
      await rolledOut('api');
      await eventually(
        async () => {
          const pods = await podsOf(kubectl(), 'api');
          expect(pods).toHaveLength(replicas);
          expect(await endpointsOf(kubectl(), 'api')).toEqual(pods.map(({ status }) => status?.podIP).sort());
        },
        { withinMs: 15_000, everyMs: 250 },
      );
    }
  });

  test('a rolling update and a rollback lose no request', async () => {
    const load = startLoad(outside(), throughWeb());
    await kubectl().run(['set', 'image', 'deployment/api', `api=${IMAGES.api2}`]);
    await rolledOut('api');
    await kubectl().run(['rollout', 'restart', 'deployment/web']);
    await rolledOut('web');
    const versions = async () => JSON.parse((await httpGet(outside(), throughWeb())).body) as ApiAnswer;
    expect(await versions()).toMatchObject({ version: '2', greeting: 'hello' });
    expect(await kubectl().run(['rollout', 'history', 'deployment/api'])).toMatch(/^1 .*^2 /ms);
    await kubectl().run(['rollout', 'undo', 'deployment/api']);
    await rolledOut('api');
    expect(await versions()).toMatchObject({ version: '1' });
    // Old pods still answer while they stop: the load has to outlive them.
    await eventually(
      async () => {
        const { items } = await kubectl().json<{ items: Pod[] }>(['get', 'pods', '--selector', 'app in (api, web)']);
        expect(items).toHaveLength(6);
      },
      { withinMs: 30_000, everyMs: 250 },
    );
    const { sent, bodies, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    const seen = new Set(Object.keys(bodies).map((body) => (JSON.parse(body) as ApiAnswer).version));
    expect([...seen].sort()).toEqual(['1', '2']);
  });

  test('exec, logs and cp look inside', async () => {
    const [pod] = await podsOf(kubectl(), 'web');
    const name = pod!.metadata.name!;
    expect(await kubectl().run(['exec', name, '--', 'hostname'])).toBe(`${name}\n`);
    expect(await kubectl().run(['exec', '-i', name, '--', 'cat'], { input: 'through stdin' })).toBe('through stdin');
    await expect(kubectl().run(['exec', name, '--', 'sh', '-c', 'echo oops >&2; exit 3'])).rejects.toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('oops'),
    });
    const logs = kubectl().start(['logs', '--follow', '--tail=0', name]);
    try {
      await eventually(
        async () => {
          await httpGet(node(), `http://${pod!.status?.podIP}/followed`);
          expect(logs.stdout()).toContain('GET /followed HTTP/1.1');
        },
        { everyMs: 250 },
      );
    } finally {
      await logs.stop();
    }
    expect(await kubectl().run(['logs', '--selector', 'app=web', '--tail=-1'])).toContain('GET /followed');
    const folder = join(cluster().lab.folder, 'cp');
    await mkdir(folder);
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 251));
    await writeFile(join(folder, 'there'), content);
    await kubectl().run(['cp', join(folder, 'there'), `${name}:/tmp/there`]);
    await kubectl().run(['cp', `${name}:/tmp/there`, join(folder, 'back')]);
    expect((await readFile(join(folder, 'back'))).equals(content)).toBe(true);
  });

  test('a killed and a removed container come back in the same pod', async () => {
    const [pod] = await podsOf(kubectl(), 'api');
    const before = pod!.metadata.name!;
    const restarts = Object.values(restartsOf([pod!]))[0] ?? 0;
    for (const [index, command] of [['kill'], ['rm', '--force']].entries()) {
      const [now] = await containersOf(before);
      await node().exec('docker', [...command, now!]);
      await eventually(
        async () => {
          const found = await kubectl().json<Pod>(['get', 'pod', before]);
          expect(isReady(found)).toBe(true);
          expect(await containersOf(before)).not.toContain(now);
          expect(restartsOf([found])).toEqual({ [before]: restarts + index + 1 });
          expect([found.metadata.uid, found.status?.podIP]).toEqual([pod!.metadata.uid, pod!.status?.podIP]);
        },
        { withinMs: 45_000, everyMs: 250 },
      );
    }
    expect((await kubectl().run(['get', 'events'])).toString()).toContain('Started');
  });

  /** The containers Kubernetes knows of a pod with one container, by id. */
  async function containersOf(name: string): Promise<string[]> {
    const { status } = await kubectl().json<Pod>(['get', 'pod', name]);
    return (status?.containerStatuses ?? []).flatMap(({ containerID }) => containerID?.replace('docker://', '') ?? []);
  }

  test('a deleted pod is replaced', async () => {
    const [pod] = await podsOf(kubectl(), 'api');
    await kubectl().run(['delete', 'pod', pod!.metadata.name!]);
    await eventually(
      async () => {
        const pods = await podsOf(kubectl(), 'api');
        expect(pods.map(({ metadata }) => metadata.uid)).not.toContain(pod!.metadata.uid);
        expect(pods.filter(isReady)).toHaveLength(3);
      },
      { withinMs: 15_000, everyMs: 250 },
    );
  });

  /** Breaks something and mends it, under load; neither a request nor a container may notice. */
  const unnoticed = async (breakAndMend: () => Promise<void>) => {
    const before = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
    const wasReady = await readyCondition();
    const load = startLoad(outside(), throughWeb());
    await breakAndMend();
    await Promise.all([rolledOut('api'), rolledOut('web')]);
    // Long enough for a wrong verdict about a pod to show.
    await sleep(4000);
    const { sent, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(100);
    const after = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
    expect(restartsOf(after)).toEqual(restartsOf(before));
    expect(after.map(({ status }) => status?.podIP)).toEqual(before.map(({ status }) => status?.podIP));
    expect(await readyCondition()).toEqual(wasReady);
  };

  const readyCondition = async () => {
    const { status } = await kubectl().json<Node>(['get', 'node', 'n1']);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    return { status: ready?.status, since: ready?.lastTransitionTime };
  };

  test('traffic goes on while skiff is killed, and nothing restarts when it returns', () =>
    unnoticed(async () => {
      await cluster().stop(node(), { signal: 'SIGKILL' });
      await sleep(3000);
      await cluster().start(node());
    }));

  test('traffic goes on while Docker restarts, and nothing else restarts', () =>
    unnoticed(async () => {
      await node().stopDocker();
      // More than one look at Docker fails in this time.
      await sleep(12_000);
      await node().startDocker();
    }));

  test('a reboot of the machine brings everything back', async () => {
    const before = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
    await cluster().reboot(node());
    await eventually(
      async () => {
        const pods = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
        expect(pods.filter(isReady).map(({ metadata }) => metadata.uid)).toEqual(
          before.map(({ metadata }) => metadata.uid),
        );
        const { status, body } = await httpGet(outside(), throughWeb());
        expect([status, body]).toEqual([200, expect.stringContaining('"greeting":"hello"')]);
      },
      { withinMs: 60_000, everyMs: 500 },
    );
    expect(JSON.parse(await fromPod('wget', '-qO-', 'http://api:8080/'))).toMatchObject({ greeting: 'hello' });
  });

  test('a deleted namespace ends, and leaves no container behind', async () => {
    // A shell's sleep as first process hears no polite signal.
    await kubectl().run(['delete', 'pod', 'client', '--now']);
    await cluster().kubectl.run(['delete', 'namespace', 'shop', '--timeout=60s']);
    await expect(cluster().kubectl.run(['get', 'namespace', 'shop'])).rejects.toThrow('"shop" not found');
    expect(await cluster().kubectl.run(['get', 'pods,deployments,services', '-n', 'shop', '-o', 'name'])).toBe('');
    await eventually(async () => expect(await node().exec('docker', ['ps', '--all', '--quiet'])).toBe(''), {
      withinMs: 15_000,
    });
    await expect(httpGet(outside(), throughWeb())).rejects.toThrow();
  });
});
