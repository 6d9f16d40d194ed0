import { describe, expect, test } from 'vitest';
import { formatQuantity } from '../../meta/quantity.ts';
import type { ResourceRef } from '../../meta/resource-ref.ts';
import type { ApiObject } from '../../meta/types.ts';
import { type PersistentVolumeClaim, type Pod, persistentVolumeClaims, pods, services } from '../v1.ts';
import { evaluatorFor } from './evaluators.ts';

function pod(resources: Pod['spec']['resources']): Pod {
  return {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', ...(resources && { resources }) }] },
  };
}

describe('usage', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z');
  const usageOf = (ref: ResourceRef, object: ApiObject) =>
    Object.fromEntries(
      [...(evaluatorFor(ref)?.usage(object, NOW) ?? [])].map(([name, amount]) => [name, formatQuantity(amount)]),
    );
  const ended = (part: Partial<Pod>) => ({ ...pod({ requests: { cpu: '1' } }), ...part });
  const stuck = { deletionTimestamp: '2025-12-31T23:00:00Z', deletionGracePeriodSeconds: 30 };
  const claim: PersistentVolumeClaim = {
    metadata: { name: 'data', namespace: 'default' },
    spec: { storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } },
    status: { allocatedResources: { storage: '3Gi' } },
  };

  test.each([
    {
      name: 'a pod counts what it asks for in all its names',
      ref: pods,
      object: pod({
        requests: { cpu: '1', 'hugepages-2Mi': '4Mi', 'example.com/gpu': '2' },
        limits: { memory: '1Gi' },
      }),
      expected: {
        'count/pods': '1',
        pods: '1',
        cpu: '1',
        'requests.cpu': '1',
        'hugepages-2Mi': '4Mi',
        'requests.hugepages-2Mi': '4Mi',
        'requests.example.com/gpu': '2',
        'limits.memory': '1Gi',
      },
    },
    {
      name: 'a pod that has ended is only an object',
      ref: pods,
      object: ended({ status: { phase: 'Succeeded' } }),
      expected: { 'count/pods': '1' },
    },
    {
      name: 'so is one that should be gone',
      ref: pods,
      object: ended({ metadata: { name: 'p', ...stuck } }),
      expected: { 'count/pods': '1' },
    },
    {
      name: 'a load balancer without node ports takes none',
      ref: services,
      object: {
        metadata: { name: 's' },
        spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] },
      },
      expected: { 'count/services': '1', services: '1', 'services.nodeports': '0', 'services.loadbalancers': '1' },
    },
    {
      name: 'a claim counts in total, by class, and what it still holds',
      ref: persistentVolumeClaims,
      object: claim,
      expected: {
        'count/persistentvolumeclaims': '1',
        persistentvolumeclaims: '1',
        'requests.storage': '3Gi',
        'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
        'gold.storageclass.storage.k8s.io/requests.storage': '3Gi',
      },
    },
  ])('$name', ({ ref, object, expected }) => {
    expect(usageOf(ref, object as ApiObject)).toEqual(expected);
  });
});
