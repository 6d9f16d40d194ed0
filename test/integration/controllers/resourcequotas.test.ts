import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployments, replicaSets } from '#api/apps/v1.ts';
import { type Pod, pods, resourceQuotas, type Secret, secrets, services } from '#api/core/v1.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1', 'n2'] });
});
afterAll(() => cluster.stop());

type Amounts = Record<string, string>;

/** A namespace with one quota, `few`. */
class Limited {
  readonly namespace: string;

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

  static async to(hard: Amounts, scopes?: string[]): Promise<Limited> {
    const limited = new Limited(await cluster.namespace());
    await limited.limit(hard, scopes);
    return limited;
  }

  static async later(): Promise<Limited> {
    return new Limited(await cluster.namespace());
  }

  async limit(hard: Amounts, scopes?: string[]): Promise<void> {
    const { namespace } = this;
    const spec = { hard, ...(scopes && { scopes }) };
    await cluster.client.create(resourceQuotas, { metadata: { name: 'few', namespace }, spec });
    await eventually(async () => expect((await this.status())?.hard).toEqual(hard), { everyMs: 5 });
  }

  async status() {
    return (await cluster.client.get(resourceQuotas, { namespace: this.namespace, name: 'few' })).status;
  }

  uses(used: Amounts): Promise<void> {
    return eventually(async () => expect((await this.status())?.used).toEqual(used));
  }

  async raise(hard: Amounts): Promise<void> {
    const key = { namespace: this.namespace, name: 'few' };
    await cluster.client.patch(resourceQuotas, key, { spec: { hard } }, { type: 'merge' });
  }

  pod(name: string, more: { annotations?: Amounts; requests?: Amounts } = {}): Promise<Pod> {
    const { annotations = {}, requests } = more;
    return cluster.client.create(pods, {
      metadata: { name, namespace: this.namespace, annotations },
      spec: { containers: [{ name: 'c', image: 'web', ...(requests && { resources: { requests } }) }] },
    });
  }

  async deploy(replicas: number, name = 'web'): Promise<void> {
    const labels = { app: name };
    await cluster.client.create(deployments, {
      metadata: { name, namespace: this.namespace },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { name: '', labels }, spec: { containers: [{ name: 'c', image: 'web' }] } },
      },
    });
  }

  secret(name: string): Promise<Secret> {
    return cluster.client.create(secrets, { metadata: { name, namespace: this.namespace } });
  }

  remove(ref: ResourceRef, name: string): Promise<unknown> {
    return cluster.client.delete(ref, { namespace: this.namespace, name });
  }

  async names(ref: ResourceRef): Promise<string[]> {
    const { items } = await cluster.client.list<ApiObject>(ref, { namespace: this.namespace });
    return items.map(({ metadata }) => metadata.name);
  }
}

describe('a quota', () => {
  test('keeps a deployment at its limit, says so, and heals it when it is raised', async () => {
    const few = await Limited.to({ pods: '2' });
    await few.deploy(3);
    await few.uses({ pods: '2' });
    const [set] = (await cluster.client.list(replicaSets, { namespace: few.namespace })).items;
    if (set === undefined) throw new Error('no ReplicaSet');
    await eventually(async () =>
      expect(await cluster.events(set)).toContainEqual(
        expect.stringMatching(
          /^FailedCreate: Error creating: pods "web-[\w-]+" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2$/,
        ),
      ),
    );
    expect(await few.names(pods)).toHaveLength(2);
    expect(await few.status()).toEqual({ hard: { pods: '2' }, used: { pods: '2' } });
    await few.raise({ pods: '4' });
    await eventually(async () => expect(await few.names(pods)).toHaveLength(3), { withinMs: 25_000 });
    expect(await few.status()).toEqual({ hard: { pods: '4' }, used: { pods: '3' } });
  });

  test('has room again when a pod goes', async () => {
    const few = await Limited.to({ pods: '1', 'requests.cpu': '1' });
    await few.pod('a', { requests: { cpu: '700m' } });
    await expect(few.pod('b', { requests: { cpu: '500m' } })).rejects.toThrow(
      'pods "b" is forbidden: exceeded quota: few, requested: pods=1,requests.cpu=500m, used: pods=1,requests.cpu=700m, limited: pods=1,requests.cpu=1',
    );
    await few.remove(pods, 'a');
    await few.uses({ pods: '0', 'requests.cpu': '0' });
    await few.pod('b', { requests: { cpu: '500m' } });
    await few.uses({ pods: '1', 'requests.cpu': '500m' });
  });

  test('has room again when a pod ends', async () => {
    const few = await Limited.to({ pods: '1', 'count/pods': '5' });
    await few.pod('job', { annotations: { [HOLLOW.phase]: 'Succeeded' } });
    await few.uses({ pods: '0', 'count/pods': '1' });
    await few.pod('next');
    await few.uses({ pods: '1', 'count/pods': '2' });
  });

  test('counts what was there before it', async () => {
    const few = await Limited.later();
    await Promise.all(['a', 'b', 'c'].map((name) => few.secret(name)));
    await few.limit({ secrets: '3', 'count/secrets': '9' });
    await few.uses({ secrets: '3', 'count/secrets': '3' });
    await expect(few.secret('d')).rejects.toThrow('exceeded quota: few, requested: secrets=1, used: secrets=3');
  });

  test('of a scope counts only what is in it', async () => {
    const few = await Limited.to({ pods: '1' }, ['BestEffort']);
    await few.pod('modest', { requests: { cpu: '100m' } });
    await few.pod('free');
    await expect(few.pod('another')).rejects.toThrow('exceeded quota: few');
    await few.pod('more', { requests: { cpu: '100m' } });
    await few.uses({ pods: '1' });
    await few.remove(pods, 'modest');
    await few.remove(pods, 'free');
    await few.uses({ pods: '0' });
  });

  test('counts objects of any kind by name', async () => {
    const few = await Limited.to({ 'count/deployments.apps': '1' });
    await few.deploy(1, 'one');
    await expect(few.deploy(1, 'two')).rejects.toThrow(
      'deployments.apps "two" is forbidden: exceeded quota: few, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
    await few.remove(deployments, 'one');
    await few.uses({ 'count/deployments.apps': '0' });
    await few.deploy(1, 'two');
  });

  test('sees that a service gives ports back', async () => {
    const few = await Limited.to({ services: '5', 'services.nodeports': '1' });
    const metadata = { name: 's', namespace: few.namespace };
    await cluster.client.create(services, { metadata, spec: { type: 'NodePort', ports: [{ port: 80 }] } });
    await few.uses({ services: '1', 'services.nodeports': '1' });
    await few.remove(services, 's');
    await few.uses({ services: '0', 'services.nodeports': '0' });
  });

  test('takes names in and drops them', async () => {
    const few = await Limited.to({ secrets: '3' });
    await few.secret('a');
    const key = { namespace: few.namespace, name: 'few' };
    const hard = { secrets: null, 'count/secrets': '2' };
    await cluster.client.patch(resourceQuotas, key, { spec: { hard } }, { type: 'merge' });
    await eventually(async () =>
      expect(await few.status()).toEqual({ hard: { 'count/secrets': '2' }, used: { 'count/secrets': '1' } }),
    );
  });
});

describe('the books', () => {
  test('forget what was booked and never came to be', async () => {
    const few = await Limited.to({ secrets: '2' });
    await few.secret('a');
    await expect(few.secret('a')).rejects.toMatchObject({ code: 409 });
    expect((await few.status())?.used).toEqual({ secrets: '2' });
    await few.uses({ secrets: '1' });
    await few.secret('b');
    await few.uses({ secrets: '2' });
  });

  test('never let in more than there is room for, whoever counts meanwhile', async () => {
    const few = await Limited.to({ secrets: '3' });
    const { cache } = cluster;
    let most = 0;
    const stop = cache.onChange(secrets, () => {
      most = Math.max(most, cache.list(secrets, { namespace: few.namespace }).length);
    });
    const end = Date.now() + 2500;
    const writer = async (_: unknown, id: number) => {
      for (let i = 0; Date.now() < end; i++) {
        const made = await few.secret(`s-${id}-${i}`).catch(() => undefined);
        // Writers are out of step, so that there is always a booking on its way while another object goes.
        await new Promise((resolve) => setTimeout(resolve, 20 + id));
        if (made !== undefined) await few.remove(secrets, made.metadata.name);
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
    stop();
    expect(most).toBe(3);
    await few.uses({ secrets: '0' });
  });

  test('rest when nothing happens', async () => {
    const few = await Limited.to({ secrets: '3' });
    await few.secret('a');
    const version = async () =>
      (await cluster.client.get(resourceQuotas, { namespace: few.namespace, name: 'few' })).metadata.resourceVersion;
    const before = await version();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await version()).toBe(before);
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
