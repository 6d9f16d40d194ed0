import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Deployment, deployments, type ReplicaSet, replicaSets } from '#api/apps/v1.ts';
import { type Pod, pods, resourceQuotas } from '#api/core/v1.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

const REVISION = 'deployment.kubernetes.io/revision';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1', 'n2'] });
});
afterAll(() => cluster.stop());

type Spec = NonNullable<Deployment['spec']>;

const template = (image: string, annotations: Record<string, string> = {}): Spec['template'] => ({
  metadata: { name: '', labels: { app: 'web' }, annotations },
  spec: { containers: [{ name: 'c', image }] },
});

class Rollout {
  readonly namespace: string;

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  static async start(replicas: number, more: Partial<Spec> = {}): Promise<Rollout> {
    const rollout = new Rollout(await cluster.namespace());
    const spec = { replicas, selector: { matchLabels: { app: 'web' } }, template: template('web:1'), ...more };
    await cluster.client.create(deployments, { metadata: { name: 'web', namespace: rollout.namespace }, spec });
    return rollout;
  }

  get(): Promise<Deployment> {
    return cluster.client.get(deployments, { namespace: this.namespace, name: 'web' });
  }

  async change(spec: Partial<Spec>): Promise<void> {
    await cluster.client.patch(deployments, { namespace: this.namespace, name: 'web' }, { spec }, { type: 'merge' });
  }

  async image(image: string, annotations: Record<string, string | null> = { [HOLLOW.ready]: null }): Promise<void> {
    const { metadata, ...rest } = template(image);
    const patch = { spec: { template: { ...rest, metadata: { ...metadata, annotations } } } };
    await cluster.client.patch(deployments, { namespace: this.namespace, name: 'web' }, patch, { type: 'merge' });
  }

  /** Like `kubectl rollout status`: everything is new and available. */
  complete(replicas: number, withinMs = 10_000): Promise<Deployment> {
    return this.until(async (deployment) => {
      expect(deployment.status).toMatchObject({
        observedGeneration: deployment.metadata.generation,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      });
    }, withinMs);
  }

  until(check: (deployment: Deployment) => void | Promise<void>, withinMs = 10_000): Promise<Deployment> {
    return eventually(
      async () => {
        const deployment = await this.get();
        await check(deployment);
        return deployment;
      },
      { withinMs, everyMs: 10 },
    );
  }

  /** Sets by the image of their template. */
  async sets(): Promise<Record<string, ReplicaSet>> {
    const { items } = await cluster.client.list(replicaSets, { namespace: this.namespace });
    return Object.fromEntries(items.map((set) => [set.spec?.template?.spec?.containers[0]?.image ?? '', set]));
  }

  async sizes(): Promise<Record<string, number>> {
    const sets = Object.entries(await this.sets());
    return Object.fromEntries(sets.map(([image, { spec }]) => [image, spec?.replicas ?? 0]));
  }

  async pods(): Promise<readonly Pod[]> {
    return (await cluster.client.list(pods, { namespace: this.namespace })).items;
  }

  async reasons(): Promise<Record<string, string>> {
    const { status } = await this.get();
    return Object.fromEntries(
      (status?.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value} ${reason}`]),
    );
  }

  /** Watches the numbers of pods until the returned function is called, which gives the extremes. */
  observe(): () => { most: number; fewestReady: number } {
    let most = 0;
    let fewestReady = Number.POSITIVE_INFINITY;
    const stop = cluster.cache.onChange(pods, () => {
      const own = cluster.cache.list(pods, { namespace: this.namespace });
      const active = own.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const ready = active.filter(({ status }) => status?.conditions?.some(isReady));
      most = Math.max(most, active.length);
      fewestReady = Math.min(fewestReady, ready.length);
    });
    return () => {
      stop();
      return { most, fewestReady };
    };
  }
}

const isReady = ({ type, status }: { type: string; status: string }) => type === 'Ready' && status === 'True';
const BROKEN = { [HOLLOW.ready]: 'false' };

describe('a rolling update', () => {
  test('replaces all pods within its limits and tells how it went', async () => {
    const web = await Rollout.start(4);
    const first = await web.complete(4);
    expect(first.metadata.annotations?.[REVISION]).toBe('1');
    const observed = web.observe();
    await web.image('web:2');
    const done = await web.complete(4);
    // 25 % of 4: one more, or one fewer.
    const { most, fewestReady } = observed();
    expect(most).toBe(5);
    expect(fewestReady).toBeGreaterThanOrEqual(3);
    expect(done.metadata.annotations?.[REVISION]).toBe('2');
    await eventually(async () => expect(await web.sizes()).toEqual({ 'web:1': 0, 'web:2': 4 }));
    expect(await web.reasons()).toEqual({
      Available: 'True MinimumReplicasAvailable',
      Progressing: 'True NewReplicaSetAvailable',
    });
    const { 'web:1': old, 'web:2': current } = await web.sets();
    const progressing = done.status?.conditions?.find(({ type }) => type === 'Progressing');
    expect(progressing?.message).toBe(`ReplicaSet "${current?.metadata.name}" has successfully progressed.`);
    const words = await cluster.events(done);
    expect(words).toContain(`ScalingReplicaSet: Scaled up replica set ${old?.metadata.name} from 0 to 4`);
    expect(words).toContain(`ScalingReplicaSet: Scaled up replica set ${current?.metadata.name} from 0 to 1`);
    expect(words).toContain(`ScalingReplicaSet: Scaled down replica set ${old?.metadata.name} from 1 to 0`);
    for (const pod of await web.pods())
      expect(pod.metadata.labels?.['pod-template-hash']).toBe(current?.metadata.labels?.['pod-template-hash']);
  });

  test('never has too few pods ready when none may be missing', async () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 2 } };
    const web = await Rollout.start(3, { strategy });
    await web.complete(3);
    const observed = web.observe();
    await web.image('web:2');
    await web.complete(3);
    await eventually(async () => expect(await web.pods()).toHaveLength(3));
    const { most, fewestReady } = observed();
    expect(fewestReady).toBe(3);
    expect(most).toBeLessThanOrEqual(5);
  });

  test('stops at pods that do not become ready, tells when it is too late, and goes back', async () => {
    const web = await Rollout.start(4, { progressDeadlineSeconds: 2, minReadySeconds: 0 });
    await web.complete(4);
    await web.image('web:bad', BROKEN);
    await web.until(async () => expect(await web.sizes()).toEqual({ 'web:1': 3, 'web:bad': 2 }));
    const late = await web.until(async () => {
      expect(await web.reasons()).toEqual({
        Available: 'True MinimumReplicasAvailable',
        Progressing: 'False ProgressDeadlineExceeded',
      });
    });
    expect(late.status).toMatchObject({
      replicas: 5,
      updatedReplicas: 2,
      availableReplicas: 3,
      unavailableReplicas: 2,
    });
    const { 'web:1': good } = await web.sets();
    await web.image('web:1');
    await web.complete(4);
    // The old set is used again, as the newest revision.
    const { 'web:1': again } = await web.sets();
    expect(again?.metadata.uid).toBe(good?.metadata.uid);
    expect(again?.metadata.annotations).toMatchObject({
      [REVISION]: '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect((await web.get()).metadata.annotations?.[REVISION]).toBe('3');
    expect((await web.reasons())['Progressing']).toBe('True NewReplicaSetAvailable');
  });

  test('follows the last of several quick changes', async () => {
    const web = await Rollout.start(3);
    await web.image('web:2');
    await web.image('web:3');
    await web.image('web:4');
    await web.complete(3);
    await eventually(async () => {
      const sizes = await web.sizes();
      expect(sizes['web:4']).toBe(3);
      expect(Object.values(sizes).reduce((sum, size) => sum + size, 0)).toBe(3);
      expect(await web.pods()).toHaveLength(3);
    });
  });
});

describe('pausing', () => {
  test('holds changes back until it is resumed, and scales meanwhile', async () => {
    const web = await Rollout.start(2);
    await web.complete(2);
    await web.change({ paused: true });
    await web.until(async () => expect((await web.reasons())['Progressing']).toBe('Unknown DeploymentPaused'));
    await web.image('web:2');
    await web.change({ replicas: 4 });
    await web.until(async (deployment) => {
      expect(deployment.status).toMatchObject({
        observedGeneration: deployment.metadata.generation,
        replicas: 4,
        availableReplicas: 4,
      });
      expect(deployment.status?.updatedReplicas ?? 0).toBe(0);
    });
    expect(await web.sizes()).toEqual({ 'web:1': 4 });
    await web.change({ paused: false });
    await web.complete(4);
    await eventually(async () => expect(await web.sizes()).toEqual({ 'web:1': 0, 'web:2': 4 }));
    expect((await web.reasons())['Progressing']).toBe('True NewReplicaSetAvailable');
  });
});

describe('scaling', () => {
  test('goes up, down and to nothing', async () => {
    const web = await Rollout.start(1);
    await web.complete(1);
    await web.change({ replicas: 5 });
    await web.complete(5);
    await web.change({ replicas: 0 });
    await web.until(async (deployment) => {
      expect(deployment.status?.observedGeneration).toBe(deployment.metadata.generation);
      expect(await web.pods()).toEqual([]);
    });
    await web.change({ replicas: 2 });
    await web.complete(2);
  });

  test('in the middle of a rollout is shared by old and new', async () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2, maxSurge: 3 } };
    const web = await Rollout.start(10, { strategy });
    await web.complete(10);
    await web.image('web:bad', BROKEN);
    await web.until(async () => expect(await web.sizes()).toEqual({ 'web:1': 8, 'web:bad': 5 }));
    await web.change({ replicas: 15 });
    // 18 pods in all, as 13 were: 8 and 5 become 11 and 7.
    await web.until(async () => expect(await web.sizes()).toEqual({ 'web:1': 11, 'web:bad': 7 }));
  });
});

describe('Recreate', () => {
  test('starts new pods when the old ones are gone', async () => {
    const web = await Rollout.start(2, {
      strategy: { type: 'Recreate' },
      template: template('web:1', { [HOLLOW.lingers]: 'true' }),
    });
    await web.complete(2);
    await web.image('web:2');
    await eventually(async () =>
      expect((await web.pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toHaveLength(2),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await web.sizes()).toEqual({ 'web:1': 0 });
    for (const { metadata } of await web.pods()) await cluster.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    await web.complete(2);
    expect(await web.sizes()).toEqual({ 'web:1': 0, 'web:2': 2 });
  });
});

describe('history', () => {
  test('keeps as many old sets as it is asked to', async () => {
    const web = await Rollout.start(1, { revisionHistoryLimit: 2 });
    for (const version of [1, 2, 3, 4, 5]) {
      await web.image(`web:${version}`);
      await web.complete(1);
    }
    await eventually(async () => expect(Object.keys(await web.sizes()).sort()).toEqual(['web:3', 'web:4', 'web:5']));
    expect((await web.get()).metadata.annotations?.[REVISION]).toBe('5');
  });
});

describe('a deployment', () => {
  test('adopts a matching set and its pods', async () => {
    const web = await Rollout.start(2);
    await web.complete(2);
    const before = (await web.pods()).map(({ metadata }) => metadata.uid).sort();
    const { metadata, spec } = await web.get();
    await cluster.client.delete(deployments, metadata, { propagationPolicy: 'Orphan' });
    await eventually(async () => {
      const [set] = Object.values(await web.sets());
      expect(set?.metadata.ownerReferences ?? []).toEqual([]);
      expect((await cluster.client.list(deployments, { namespace: web.namespace })).items).toEqual([]);
    });
    const again = await cluster.client.create(deployments, {
      metadata: { name: 'web', namespace: web.namespace },
      ...(spec && { spec }),
    });
    await web.complete(2);
    const [set] = Object.values(await web.sets());
    expect(set?.metadata.ownerReferences).toMatchObject([{ uid: again.metadata.uid }]);
    expect((await web.pods()).map((pod) => pod.metadata.uid).sort()).toEqual(before);
  });

  test('goes with its sets and pods', async () => {
    const web = await Rollout.start(2);
    await web.complete(2);
    await cluster.client.delete(deployments, (await web.get()).metadata);
    await eventually(async () => {
      expect(await web.sets()).toEqual({});
      expect(await web.pods()).toEqual([]);
    });
  });

  test('shows what keeps its sets from making pods', async () => {
    const namespace = await cluster.namespace();
    const hard = { pods: '1' };
    await cluster.client.create(resourceQuotas, { metadata: { name: 'few', namespace }, spec: { hard } });
    // Until it has been counted, a quota lets nothing in.
    await eventually(async () => {
      const { status } = await cluster.client.get(resourceQuotas, { namespace, name: 'few' });
      expect(status?.used).toEqual({ pods: '0' });
    });
    await cluster.client.create(deployments, {
      metadata: { name: 'web', namespace },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: template('web:1') },
    });
    await eventually(async () => {
      const { status } = await cluster.client.get(deployments, { namespace, name: 'web' });
      expect(status?.conditions?.find(({ type }) => type === 'ReplicaFailure')).toMatchObject({
        status: 'True',
        reason: 'FailedCreate',
        message: expect.stringMatching(/exceeded quota: few/),
      });
    });
  });

  test('is at rest when nothing happens', async () => {
    const web = await Rollout.start(3);
    await web.complete(3);
    await eventually(async () => expect((await web.reasons())['Progressing']).toBe('True NewReplicaSetAvailable'));
    const versions = async () =>
      [await web.get(), ...Object.values(await web.sets())].map((each) => each.metadata.resourceVersion);
    const before = await versions();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await versions()).toEqual(before);
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
