import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/core/v1.ts';
import { setLink } from '#test/lab/lab.ts';
import { eventually } from '#test/support/eventually.ts';
import { useCluster } from '../support/cluster.ts';
import { httpGet, type LoadReport, startLoad } from '../support/http.ts';
import { findKubectls } from '../support/kubectl.ts';
import { endpointsOf, isReady, podsOf, restartsOf } from '../support/objects.ts';

const MANIFESTS = join(import.meta.dirname, 'manifests');
const NODES = ['n1', 'n2'] as const;
/** A node counts as lost after 40 s of silence. */
const LOST_MS = 60_000;

const newest = (await findKubectls()).slice(-1);

describe.each(newest)('two nodes with kubectl $version', (binary) => {
  const cluster = useCluster({ kubectl: binary, nodes: 2, images: ['nginx', 'api'] });
  const kubectl = () => cluster().kubectl;
  const outside = () => cluster().lab.outside;
  const onPort = (number: number) => `http://${cluster().node(number).ip}:30080/`;

  const podsOn = async (app: string, node: string) =>
    (await podsOf(kubectl(), app)).filter(({ spec }) => spec.nodeName === node);
  const addressesOn = async (app: string, ...nodes: string[]) => {
    const pods = (await podsOf(kubectl(), app)).filter(({ spec }) => nodes.includes(spec.nodeName ?? ''));
    return pods.map(({ status }) => status?.podIP ?? '').sort();
  };
  const nodeReadiness = async (name: string) => {
    const { status } = await kubectl().json<Node>(['get', 'node', name]);
    return status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  };
  /** The nodes that the API tier answered from; it greets with the name of its node. */
  const answeredBy = ({ bodies }: LoadReport) =>
    [...new Set(Object.keys(bodies).map((body) => (JSON.parse(body) as { greeting: string }).greeting))].sort();

  const loadFor = async (ms: number, number: number) => {
    const load = startLoad(outside(), onPort(number));
    await sleep(ms);
    return load.stop();
  };

  test('an agent joins with the token of the server', async () => {
    await cluster().start(cluster().node(2));
    const shown = await kubectl().run(['get', 'nodes', '-o', 'wide']);
    expect(shown).toMatch(/^n1 +Ready +control-plane .* 172\.31\.77\.1 /m);
    expect(shown).toMatch(/^n2 +Ready +<none> .* 172\.31\.77\.2 /m);
    const { items } = await kubectl().json<{ items: Node[] }>(['get', 'nodes']);
    expect(new Set(items.map(({ spec }) => spec.podCIDR)).size).toBe(2);
  });

  test('the tiers spread over both nodes', async () => {
    await kubectl().run(['apply', '-f', MANIFESTS]);
    for (const name of ['api', 'web']) {
      await kubectl().run(['rollout', 'status', `deployment/${name}`, '--timeout=60s']);
    }
    for (const node of NODES) {
      expect(await podsOn('api', node), node).toHaveLength(2);
      expect(await podsOn('web', node), node).toHaveLength(1);
    }
  });

  test('they talk by name within and across nodes', async () => {
    for (const node of NODES) {
      const [web] = await podsOn('web', node);
      const names = new Set<string>();
      await eventually(
        async () => {
          const command = ['wget', '-qO-', 'http://api.default.svc.cluster.local:8080/'];
          const answer = await kubectl().run(['exec', web!.metadata.name!, '--', ...command]);
          names.add((JSON.parse(answer) as { greeting: string }).greeting);
          expect([...names].sort(), `from ${node}`).toEqual([...NODES]);
        },
        { everyMs: 1 },
      );
    }
    for (const number of [1, 2]) {
      const report = await loadFor(1500, number);
      expect(report.failures, `port of node ${number}`).toEqual([]);
      expect(answeredBy(report)).toEqual([...NODES]);
    }
    // Pods also reach each other without a Service, in both directions, by their own addresses.
    for (const [from, to] of [NODES, NODES.toReversed()]) {
      const [source] = await podsOn('web', from!);
      const [target] = await podsOn('api', to!);
      const answer = await kubectl().run([
        'exec',
        source!.metadata.name!,
        '--',
        'wget',
        '-qO-',
        `http://${target!.status?.podIP}:8080/`,
      ]);
      expect(JSON.parse(answer)).toMatchObject({ greeting: to, client: source!.status?.podIP });
    }
  });

  test('logs, exec, cp and port-forward work on both nodes', async () => {
    const folder = cluster().lab.folder;
    for (const node of NODES) {
      const [web] = await podsOn('web', node);
      const followed = kubectl().start(['logs', '--follow', '--tail=0', web!.metadata.name!]);
      const forward = kubectl().start(['port-forward', web!.metadata.name!, ':80']);
      try {
        const local = await eventually(() => {
          const found = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(forward.stdout())?.[1];
          if (found === undefined) throw new Error(`No port yet: ${forward.stdout()}`);
          return found;
        });
        await eventually(
          async () => {
            await httpGet(cluster().node(1), `http://127.0.0.1:${local}/followed-on-${node}`);
            expect(followed.stdout()).toContain(`GET /followed-on-${node}`);
          },
          { everyMs: 250 },
        );
      } finally {
        await forward.stop();
        await followed.stop();
      }
      const [pod] = await podsOn('api', node);
      const name = pod!.metadata.name!;
      expect(await kubectl().run(['logs', name])).toContain('server started (lighttpd');
      expect(await kubectl().run(['exec', name, '--', 'hostname'])).toBe(`${name}\n`);
      expect(await kubectl().run(['exec', '-i', name, '--', 'cat'], { input: node })).toBe(node);
      const [there, back] = [join(folder, `there-${node}`), join(folder, `back-${node}`)];
      await writeFile(there, `for ${node}\n`);
      await kubectl().run(['cp', there, `${name}:/tmp/there`]);
      await kubectl().run(['cp', `${name}:/tmp/there`, back]);
      expect(await readFile(back, 'utf8')).toBe(`for ${node}\n`);
    }
    expect(await kubectl().run(['describe', 'node', 'n2'])).toMatch(/Non-terminated Pods: +\(3 in total\)/);
  });

  /** Takes the second node away and back, and looks at the Service meanwhile and afterwards. */
  const losing = async ({ leave, comeBack }: { leave: () => Promise<void>; comeBack: () => Promise<void> }) => {
    const before = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
    await leave();
    await eventually(
      async () => {
        expect(await nodeReadiness('n2')).toBe('Unknown');
        for (const app of ['api', 'web']) {
          expect(await endpointsOf(kubectl(), app)).toEqual(await addressesOn(app, 'n1'));
        }
      },
      { withinMs: LOST_MS, everyMs: 500 },
    );
    expect(await kubectl().run(['get', 'nodes'])).toMatch(/^n2 +NotReady /m);
    const alone = await loadFor(1500, 1);
    expect(alone.failures).toEqual([]);
    expect(answeredBy(alone)).toEqual(['n1']);
    await comeBack();
    await eventually(
      async () => {
        expect(await nodeReadiness('n2')).toBe('True');
        for (const app of ['api', 'web']) {
          expect(await endpointsOf(kubectl(), app)).toEqual(await addressesOn(app, ...NODES));
        }
      },
      { withinMs: LOST_MS, everyMs: 500 },
    );
    for (const number of [1, 2]) {
      const report = await loadFor(1500, number);
      expect(report.failures).toEqual([]);
      expect(answeredBy(report)).toEqual([...NODES]);
    }
    const after: Pod[] = [...(await podsOf(kubectl(), 'api')), ...(await podsOf(kubectl(), 'web'))];
    expect(restartsOf(after)).toEqual(restartsOf(before));
    expect(after.every(isReady)).toBe(true);
    const [remote] = await podsOn('api', 'n2');
    expect(await kubectl().run(['exec', remote!.metadata.name!, '--', 'hostname'])).toBe(`${remote!.metadata.name}\n`);
  };

  test('when the agent stops, its endpoints leave; when it returns, nothing has restarted', () =>
    losing({
      leave: () => cluster().stop(cluster().node(2)),
      comeBack: () => cluster().start(cluster().node(2)),
    }));

  test('the same when its cable is pulled', () =>
    losing({
      leave: () => setLink(cluster().lab, cluster().node(2), 'down'),
      comeBack: () => setLink(cluster().lab, cluster().node(2), 'up'),
    }));
});
