import { expect, test } from 'vitest';
import {
  configMaps,
  limitRanges,
  namespaces,
  nodes,
  type Pod,
  pods,
  type ResourceQuota,
  resourceQuotas,
  serviceAccounts,
} from '#api/core/v1.ts';
import { isForbidden, isNotFound, type StatusError } from '#api/meta/errors.ts';
import { allPlugins } from '#server/admission/all.ts';
import { admissionChain } from '#server/admission/chain.ts';
import { nodeRestriction } from '#server/admission/node-restriction/node-restriction.ts';
import type { AdmissionPlugin } from '#server/admission/plugin.ts';
import { type RulesServer, startRulesServer } from '../resources/server.ts';

/** A server whose writes pass every plugin, with a namespace to write to. */
async function started(): Promise<RulesServer> {
  const server = await startRulesServer();
  const { apiServer, client, serverClient } = server;
  const deps = { cache: apiServer.cache, client: serverClient, mayDo: () => false, now: Date.now };
  const plugins: AdmissionPlugin[] = [...allPlugins, nodeRestriction].map((create) => create(deps));
  apiServer.admission = admissionChain(plugins);
  await client.create(namespaces, { metadata: { name: 'app' }, spec: {} });
  await client.create(serviceAccounts, { metadata: { name: 'default', namespace: 'app' } });
  return server;
}

function pod(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  return { metadata: { name, namespace: 'app' }, spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec } };
}

async function setQuota({ client }: RulesServer, hard: Record<string, string>, used: Record<string, string>) {
  const quota: ResourceQuota = { metadata: { name: 'q', namespace: 'app' }, spec: { hard } };
  const created = await client.create(resourceQuotas, quota);
  await client.updateStatus(resourceQuotas, { ...created, status: { hard, used } });
}

test('completes a pod on its way in', async () => {
  await using server = await started();
  const limits = [{ type: 'Container', default: { memory: '64Mi' } }];
  await server.client.create(limitRanges, { metadata: { name: 'l', namespace: 'app' }, spec: { limits } });
  const { spec, metadata, status } = await server.client.create(pods, pod('p'));
  expect([spec.serviceAccountName, spec.serviceAccount]).toEqual(['default', 'default']);
  expect([spec.priority, spec.preemptionPolicy]).toEqual([0, 'PreemptLowerPriority']);
  expect(spec.volumes?.[0]?.name).toMatch(/^kube-api-access-/);
  expect(spec.tolerations?.map(({ tolerationSeconds }) => tolerationSeconds)).toEqual([300, 300]);
  expect(spec.containers[0]?.resources).toEqual({ limits: { memory: '64Mi' }, requests: { memory: '64Mi' } });
  expect(metadata.annotations?.['kubernetes.io/limit-ranger']).toContain('memory limit for container c');
  expect(status?.qosClass).toBe('Burstable');
});

test('never lets more pods in than the quota has room for', async () => {
  await using server = await started();
  await setQuota(server, { pods: '3' }, { pods: '0' });
  const created = await Promise.allSettled(
    Array.from({ length: 12 }, (_, index) => server.client.create(pods, pod(`p${index}`))),
  );
  const refused = created.flatMap((result) => (result.status === 'rejected' ? [result.reason as StatusError] : []));
  expect(refused).toHaveLength(9);
  for (const error of refused) {
    expect(error.message).toMatch(
      /^pods "p\d+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/,
    );
  }
  const { items } = await server.client.list(pods, { namespace: 'app' });
  expect(items).toHaveLength(3);
  const quota = await server.client.get(resourceQuotas, { namespace: 'app', name: 'q' });
  expect(quota.status?.used).toEqual({ pods: '3' });
});

test('a dry run takes no room', async () => {
  await using server = await started();
  await setQuota(server, { pods: '1' }, { pods: '0' });
  await server.client.create(pods, pod('p'), { dryRun: true });
  const quota = await server.client.get(resourceQuotas, { namespace: 'app', name: 'q' });
  expect(quota.status?.used).toEqual({ pods: '0' });
});

test('writes nothing where there is no namespace, and keeps the namespaces of the system', async () => {
  await using server = await started();
  const lost = server.client.create(configMaps, { metadata: { name: 'x', namespace: 'nowhere' } });
  await expect(lost).rejects.toSatisfy(isNotFound);
  await server.client.create(namespaces, { metadata: { name: 'kube-system' }, spec: {} });
  await expect(server.client.delete(namespaces, { name: 'kube-system' })).rejects.toSatisfy(isForbidden);
  await server.client.delete(namespaces, { name: 'app' });
  const late = server.client.create(configMaps, { metadata: { name: 'x', namespace: 'app' } });
  await expect(late).rejects.toThrow(
    'configmaps "x" is forbidden: unable to create new content in namespace app because it is being terminated',
  );
});

// Its rights are those of a superuser here: what is refused, admission refuses.
test('a node registers, heartbeats and reports on its pods, and on no others', async () => {
  await using server = await started();
  const node = server.clientAs({ username: 'system:node:self', groups: ['system:nodes', 'system:masters'] });
  const registered = await node.create(nodes, { metadata: { name: 'self' }, spec: {} });
  expect(registered.spec?.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  const ready = { type: 'Ready', status: 'True' };
  await node.updateStatus(nodes, { ...registered, status: { conditions: [ready] } });
  const mine = await server.client.create(pods, pod('mine', { nodeName: 'self' }));
  const theirs = await server.client.create(pods, pod('theirs', { nodeName: 'other' }));
  const reported = await node.updateStatus(pods, { ...mine, status: { ...mine.status, phase: 'Running' } });
  expect(reported.status?.phase).toBe('Running');
  const foreign = node.updateStatus(pods, { ...theirs, status: { ...theirs.status, phase: 'Failed' } });
  await expect(foreign).rejects.toThrow(
    'node "self" can only update pod status for pods with spec.nodeName set to itself',
  );
  await expect(node.delete(pods, theirs.metadata)).rejects.toSatisfy(isForbidden);
  await node.delete(pods, mine.metadata, { gracePeriodSeconds: 0 });
});
