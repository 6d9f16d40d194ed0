import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserInfo } from '#api/admission/request.ts';
import { type SubjectAccessReview, subjectAccessReviews } from '#api/authorization/v1.ts';
import { configMaps, endpoints, namespaces, serviceAccounts, services } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import { flowSchemas, priorityLevelConfigurations } from '#api/flowcontrol/v1.ts';
import { isForbidden } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { serviceCIDRs } from '#api/networking/v1.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '#api/rbac/v1.ts';
import { priorityClasses } from '#api/scheduling/v1.ts';
import { eventually } from '#test/support/eventually.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skiff-bootstrap-'));
  cluster = await TestCluster.start({ dataDir });
});
afterAll(async () => {
  await cluster.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function names(ref: ResourceRef, namespace?: string): Promise<string[]> {
  return (await cluster.client.list(ref, { namespace })).items.map(({ metadata }) => metadata.name);
}

type Attributes = NonNullable<SubjectAccessReview['spec']['resourceAttributes']>;

async function may({ username, groups }: UserInfo, resourceAttributes: Attributes): Promise<boolean> {
  const review = { metadata: { name: '' }, spec: { user: username, groups: [...groups], resourceAttributes } };
  const answer = await cluster.client.create(subjectAccessReviews, review as SubjectAccessReview);
  return answer.status?.allowed === true;
}

describe('a new cluster', () => {
  test('has its namespaces', async () => {
    const { items } = await cluster.client.list(namespaces);
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      const found = items.find(({ metadata }) => metadata.name === name);
      expect(found?.metadata.labels).toMatchObject({ 'kubernetes.io/metadata.name': name });
      expect(found?.status?.phase).toBe('Active');
      await eventually(() => cluster.client.get(serviceAccounts, { namespace: name, name: 'default' }));
      await eventually(() => cluster.client.get(configMaps, { namespace: name, name: 'kube-root-ca.crt' }));
    }
  });

  test('has the services of its API and its DNS', async () => {
    const { port } = cluster.server.apiServer;
    const api = await cluster.client.get(services, { namespace: 'default', name: 'kubernetes' });
    expect(api.metadata.labels).toEqual({ component: 'apiserver', provider: 'kubernetes' });
    expect(api.spec).toMatchObject({ clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443, targetPort: port }] });
    const { subsets } = await cluster.client.get(endpoints, { namespace: 'default', name: 'kubernetes' });
    expect(subsets).toEqual([{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'https', port, protocol: 'TCP' }] }]);
    const slices = await cluster.client.list(endpointSlices, { namespace: 'default' });
    expect(slices.items).toMatchObject([
      {
        metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
        ports: [{ name: 'https', port, protocol: 'TCP' }],
      },
    ]);
    const dns = await cluster.client.get(services, { namespace: 'kube-system', name: 'kube-dns' });
    expect([dns.spec?.clusterIP, dns.spec?.ports?.map(({ name }) => name)]).toEqual([
      '10.43.0.10',
      ['dns', 'dns-tcp', 'metrics'],
    ]);
  });

  test('has what programs look for', async () => {
    const trust = await cluster.client.get(configMaps, {
      namespace: 'kube-system',
      name: 'extension-apiserver-authentication',
    });
    expect(Object.keys(trust.data ?? {})).toEqual(
      expect.arrayContaining(['client-ca-file', 'requestheader-client-ca-file', 'requestheader-username-headers']),
    );
    expect(await names(roles, 'kube-system')).toContain('extension-apiserver-authentication-reader');
    expect(await names(roleBindings, 'kube-system')).toContain('system::extension-apiserver-authentication-reader');
    const classes = await cluster.client.list(priorityClasses);
    expect(Object.fromEntries(classes.items.map(({ metadata, value }) => [metadata.name, value]))).toEqual({
      'system-node-critical': 2_000_001_000,
      'system-cluster-critical': 2_000_000_000,
    });
    expect((await cluster.client.get(serviceCIDRs, { name: 'kubernetes' })).spec?.cidrs).toEqual(['10.43.0.0/16']);
    expect(await names(flowSchemas)).toHaveLength(11);
    expect(await names(priorityLevelConfigurations)).toHaveLength(8);
    const exempt = await cluster.client.get(priorityLevelConfigurations, { name: 'exempt' });
    expect(exempt.spec).toEqual({ type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } });
  });

  test('has roles and bindings for every controller', async () => {
    const found = await names(clusterRoles);
    expect(found).toEqual(expect.arrayContaining(['cluster-admin', 'admin', 'edit', 'view', 'system:node']));
    const controllers = found.filter((name) => name.startsWith('system:controller:'));
    expect(controllers.length).toBeGreaterThanOrEqual(38);
    expect(await names(clusterRoleBindings)).toEqual(expect.arrayContaining(controllers));
  });
});

describe('roles that collect others', () => {
  const inNamespace = (verb: string, resource: string, group = ''): Attributes => ({
    namespace: 'default',
    verb,
    resource,
    group,
  });
  const bound = async (role: string): Promise<UserInfo> => {
    const username = `${role}-user`;
    await cluster.client.create(roleBindings, {
      metadata: { name: username, namespace: 'default' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: username }],
    });
    return { username, groups: ['system:authenticated'] };
  };

  test('let a viewer, an editor and an administrator do what they should', async () => {
    await eventually(async () => {
      const { items } = await cluster.client.list(clusterRoles);
      const sizes = ['view', 'edit', 'admin'].map(
        (name) => items.find(({ metadata }) => metadata.name === name)?.rules?.length ?? 0,
      );
      expect(sizes.every((size, i) => size > (sizes[i - 1] ?? 5))).toBe(true);
    });
    const [view, edit, admin] = [await bound('view'), await bound('edit'), await bound('admin')];
    const answers = async (attributes: Attributes) =>
      [await may(view, attributes), await may(edit, attributes), await may(admin, attributes)].join();
    expect(await answers(inNamespace('list', 'pods'))).toBe('true,true,true');
    expect(await answers(inNamespace('get', 'secrets'))).toBe('false,true,true');
    expect(await answers(inNamespace('create', 'deployments', 'apps'))).toBe('false,true,true');
    expect(await answers({ ...inNamespace('create', 'pods'), subresource: 'exec' })).toBe('false,true,true');
    expect(await answers(inNamespace('create', 'rolebindings', 'rbac.authorization.k8s.io'))).toBe('false,false,true');
    expect(await answers({ ...inNamespace('list', 'pods'), namespace: 'kube-system' })).toBe('false,false,false');
    expect(await answers({ verb: 'list', resource: 'nodes', group: '' })).toBe('false,false,false');
  });

  test('take up the rules of new roles and drop those of old ones', async () => {
    const viewer: UserInfo = { username: 'view-user', groups: ['system:authenticated'] };
    const things = inNamespace('list', 'things', 'example.com');
    const metadata = {
      name: 'things-view',
      labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' },
    };
    await cluster.client.create(clusterRoles, {
      metadata,
      rules: [{ apiGroups: ['example.com'], resources: ['things'], verbs: ['list'] }],
    });
    await eventually(async () => expect(await may(viewer, things)).toBe(true));
    await cluster.client.delete(clusterRoles, metadata);
    await eventually(async () => expect(await may(viewer, things)).toBe(false));
  });

  test('give nobody more than he has', async () => {
    const admin = cluster.server.clientAs({ username: 'admin-user', groups: ['system:authenticated'] });
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'admin-user' }];
    const grant = (name: string) =>
      admin.create(roleBindings, {
        metadata: { name: `grant-${name}`, namespace: 'default' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects,
      });
    await grant('view');
    await expect(grant('cluster-admin')).rejects.toSatisfy(isForbidden);
  });
});

describe('what nobody may lose', () => {
  test('comes back: the service of the API and its endpoints', async () => {
    const { client } = cluster;
    const key = { namespace: 'default', name: 'kubernetes' };
    const { uid } = (await client.get(services, key)).metadata;
    await client.delete(services, key);
    await client.delete(endpoints, key).catch(() => {});
    await client.delete(endpointSlices, key).catch(() => {});
    await eventually(async () => {
      const service = await client.get(services, key);
      expect(service.metadata.uid).not.toBe(uid);
      expect(service.spec?.clusterIP).toBe('10.43.0.1');
      expect((await client.get(endpoints, key)).subsets?.[0]?.addresses).toEqual([{ ip: '192.0.2.1' }]);
      expect((await client.get(endpointSlices, key)).endpoints?.[0]?.addresses).toEqual(['192.0.2.1']);
    });
    await client.patch(endpoints, key, { subsets: [{ addresses: [{ ip: '192.0.2.66' }] }] }, { type: 'merge' });
    await eventually(async () =>
      expect((await client.get(endpoints, key)).subsets?.[0]?.addresses).toEqual([{ ip: '192.0.2.1' }]),
    );
  });
});

describe('a restart', () => {
  test('repairs roles but keeps what was added, and writes nothing when there is nothing to do', async () => {
    const { port } = cluster.server.apiServer;
    const extra = { apiGroups: ['example.com'], resources: ['things'], verbs: ['get'] };
    const own = await cluster.client.get(clusterRoles, { name: 'system:kube-dns' });
    await cluster.client.update(clusterRoles, { ...own, rules: [extra] });
    await cluster.stop();
    cluster = await TestCluster.start({ dataDir, port });
    const repaired = await cluster.client.get(clusterRoles, { name: 'system:kube-dns' });
    expect(repaired.rules).toEqual([extra, ...(own.rules ?? [])]);
    await settled();
    const before = [await revision(), await revisions()];
    await cluster.stop();
    cluster = await TestCluster.start({ dataDir, port });
    await settled();
    expect([await revision(), await revisions()]).toEqual(before);
  });

  /** Everything there is, by kind and key, but for events and heartbeats. */
  async function revisions(): Promise<Record<string, string | undefined>> {
    const found: Record<string, string | undefined> = {};
    for (const { ref, verbs } of cluster.server.apiServer.catalogue.list()) {
      if (!verbs.includes('list') || ['events', 'leases', 'componentstatuses'].includes(ref.plural)) continue;
      for (const { metadata } of (await cluster.client.list(ref)).items)
        found[`${ref.plural}.${ref.group} ${metadata.namespace}/${metadata.name}`] = metadata.resourceVersion;
    }
    return found;
  }

  /** Long enough for every controller to have looked at everything. */
  async function settled(): Promise<void> {
    for (let last = '', next = await revision(); next !== last; next = await revision()) {
      last = next;
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
  }

  async function revision(): Promise<string> {
    return (await cluster.client.list(namespaces)).metadata.resourceVersion ?? '';
  }
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
