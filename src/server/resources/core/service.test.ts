import { beforeEach, describe, expect, test } from 'vitest';
import { type Service, type ServiceSpec, services } from '#api/core/v1.ts';
import type { ResourceDefinition } from '#server/apiserver/resource.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { cells, create, requestContext, update } from '#test/support/resource-rules.ts';
import { serviceResource } from './service.ts';
import { ServiceAllocator } from './service-allocator.ts';

let cache = new MemoryCache();
let definition: ResourceDefinition<Service>;

beforeEach(() => {
  cache = new MemoryCache();
  definition = serviceResource(
    new ServiceAllocator({ serviceCidr: '10.43.0.0/16', nodePorts: [30_000, 32_767], random: () => 0 }),
  );
});

const context = () => requestContext({ cache });
const service = (name: string, spec: Partial<ServiceSpec> = {}): Service => ({
  metadata: { name, namespace: 'dev' },
  spec: { ports: [{ port: 80 }], selector: { app: 'x' }, ...spec },
});

/** Creates and stores, as a commit would. */
function store(name: string, spec: Partial<ServiceSpec> = {}): Service {
  const { object, errors } = create(definition, service(name, spec), context());
  expect(errors).toEqual([]);
  return cache.put(services, object);
}

describe('addresses', () => {
  test('differ, stay within the range and leave the lower part to those who choose', () => {
    const addresses = ['a', 'b', 'c'].map((name) => store(name).spec?.clusterIP);
    expect(addresses).toEqual(['10.43.1.1', '10.43.1.2', '10.43.1.3']);
  });

  test('are filled in with their families', () => {
    expect(store('a').spec).toMatchObject({
      clusterIPs: ['10.43.1.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
    });
  });

  test('asked for are given once', () => {
    expect(store('a', { clusterIP: '10.43.0.10' }).spec?.clusterIP).toBe('10.43.0.10');
    expect(create(definition, service('b', { clusterIP: '10.43.0.10' }), context()).errors).toEqual([
      'spec.clusterIPs: Invalid value: ["10.43.0.10"]: failed to allocate IP 10.43.0.10: provided IP is already allocated',
    ]);
  });

  test.each(['192.168.0.1', '10.43.0.0', '10.43.255.255'])('outside of the range are refused: %s', (clusterIP) => {
    expect(create(definition, service('a', { clusterIP }), context()).errors[0]).toMatch(
      /is not in the valid range\. The range of valid IPs is 10\.43\.0\.0\/16|not in the valid range/,
    );
  });

  test('of a write that failed are free again', () => {
    const first = create(definition, service('a', { clusterIP: '10.43.0.50' }), context());
    expect(create(definition, service('b', { clusterIP: '10.43.0.50' }), context()).errors).toHaveLength(1);
    definition.release?.(first.object, undefined);
    expect(create(definition, service('b', { clusterIP: '10.43.0.50' }), context()).errors).toEqual([]);
  });

  test('of a deleted service are free again', () => {
    store('a', { clusterIP: '10.43.0.50' });
    cache.remove(services, { namespace: 'dev', name: 'a' });
    expect(create(definition, service('b', { clusterIP: '10.43.0.50' }), context()).errors).toEqual([]);
  });

  test('stored before a restart are known', () => {
    store('a');
    definition = serviceResource(
      new ServiceAllocator({ serviceCidr: '10.43.0.0/16', nodePorts: [30_000, 32_767], random: () => 0 }),
    );
    expect(store('b').spec?.clusterIP).toBe('10.43.1.2');
  });

  test('run out', () => {
    definition = serviceResource(new ServiceAllocator({ serviceCidr: '10.43.0.0/30', nodePorts: [30_000, 30_000] }));
    expect([store('a'), store('b')].map(({ spec }) => spec?.clusterIP).sort()).toEqual(['10.43.0.1', '10.43.0.2']);
    expect(create(definition, service('c'), context()).errors).toEqual([
      'spec.clusterIPs: Internal error: failed to allocate a serviceIP: range is full',
    ]);
  });

  test('do not change, and need not be repeated', () => {
    const old = store('a');
    const { object, errors } = update(definition, { input: service('a'), old }, context());
    expect([errors, object.spec?.clusterIP]).toEqual([[], old.spec?.clusterIP]);
    expect(update(definition, { input: service('a', { clusterIP: '10.43.0.99' }), old }, context()).errors).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.43.0.99"]: may not change once set',
    ]);
  });
});

describe('headless services', () => {
  test('have no address and need no ports', () => {
    const { spec } = store('a', { clusterIP: 'None', ports: [] });
    expect([spec?.clusterIP, spec?.clusterIPs, spec?.ipFamilies]).toEqual(['None', ['None'], ['IPv4']]);
  });

  test('without selector may have endpoints of any family', () => {
    expect(
      create(definition, { metadata: { name: 'a', namespace: 'dev' }, spec: { clusterIP: 'None' } }, context()).object
        .spec,
    ).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
  });

  test('have no node ports', () => {
    expect(create(definition, service('a', { clusterIP: 'None', type: 'NodePort' }), context()).errors).toContain(
      'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    );
  });
});

describe('node ports', () => {
  test('are given to every port, one number for both protocols of a port', () => {
    const { spec } = store('a', {
      type: 'NodePort',
      ports: [
        { name: 'u', port: 53, protocol: 'UDP' },
        { name: 't', port: 53, protocol: 'TCP' },
        { name: 'h', port: 80 },
      ],
    });
    expect(spec?.ports?.map(({ nodePort }) => nodePort)).toEqual([30_086, 30_086, 30_087]);
  });

  test('asked for are given once', () => {
    store('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    expect(
      create(definition, service('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }), context()).errors,
    ).toEqual(['spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated']);
    expect(
      create(definition, service('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }), context()).errors,
    ).toEqual([
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ]);
  });

  test('stay over an update that leaves them out', () => {
    const old = store('a', { type: 'NodePort' });
    expect(
      update(definition, { input: service('a', { type: 'NodePort' }), old }, context()).object.spec?.ports,
    ).toEqual(old.spec?.ports);
  });

  test('go with the type, and the number with them', () => {
    const old = store('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    const input = structuredClone(old);
    Object.assign(input.spec ?? {}, { type: 'ClusterIP' });
    const { object, errors } = update(definition, { input, old }, context());
    expect([errors, object.spec?.ports?.[0]?.nodePort, object.spec?.externalTrafficPolicy]).toEqual([
      [],
      undefined,
      undefined,
    ]);
    cache.put(services, object);
    expect(
      create(definition, service('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }), context()).errors,
    ).toEqual([]);
  });

  test('of load balancers can be done without', () => {
    const { spec } = store('a', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false });
    expect(spec?.ports?.[0]?.nodePort).toBeUndefined();
  });

  test('for health checks come with local traffic', () => {
    expect(store('a', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }).spec?.healthCheckNodePort).toBe(30_087);
  });
});

test('an external name has no address, and becomes a normal service again', () => {
  const old = store('a', { type: 'ExternalName', externalName: 'example.com', ports: [] });
  expect([old.spec?.clusterIP, old.spec?.internalTrafficPolicy]).toEqual([undefined, undefined]);
  expect(
    update(definition, { input: service('a', { type: 'ClusterIP' }), old }, context()).object.spec?.clusterIP,
  ).toBe('10.43.1.1');
});

test.each([
  { name: 'no ports', spec: { ports: [] }, error: 'spec.ports: Required value' },
  {
    name: 'an unknown type',
    spec: { type: 'Magic' },
    error:
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
  },
  {
    name: 'two ports without names',
    spec: { ports: [{ port: 80 }, { port: 81 }] },
    error: 'spec.ports[0].name: Required value',
  },
  {
    name: 'two ports of one name',
    spec: {
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    },
    error: 'spec.ports[1].name: Duplicate value: "a"',
  },
  {
    name: 'the same port twice',
    spec: {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    error: 'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}',
  },
  {
    name: 'a port out of range',
    spec: { ports: [{ port: 0 }] },
    error: 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  },
  { name: 'no external name', spec: { type: 'ExternalName', ports: [] }, error: 'spec.externalName: Required value' },
  {
    name: 'an address of this host from outside',
    spec: { externalIPs: ['127.0.0.1'] },
    error: 'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  },
  {
    name: 'traffic policy where nothing comes from outside',
    spec: { externalTrafficPolicy: 'Local' },
    error: 'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  },
])('refuses $name', ({ spec, error }) => {
  expect(create(definition, service('a', spec as Partial<ServiceSpec>), context()).errors.join('\n')).toContain(error);
});

test.each([
  {
    name: 'a cluster address',
    spec: {},
    status: {},
    row: {
      Type: 'ClusterIP',
      'Cluster-IP': '10.43.1.1',
      'External-IP': '<none>',
      'Port(s)': '80/TCP',
      Selector: 'app=x',
    },
  },
  { name: 'node ports', spec: { type: 'NodePort' }, status: {}, row: { Type: 'NodePort', 'Port(s)': '80:30086/TCP' } },
  {
    name: 'a load balancer on its way',
    spec: { type: 'LoadBalancer' },
    status: {},
    row: { 'External-IP': '<pending>' },
  },
  {
    name: 'a load balancer',
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: 'h' }] } },
    row: { 'External-IP': '1.2.3.4,h' },
  },
  {
    name: 'an external name',
    spec: { type: 'ExternalName', externalName: 'e.com', ports: [], selector: {} },
    status: {},
    row: { 'External-IP': 'e.com', 'Cluster-IP': '<none>', 'Port(s)': '<none>', Selector: '<none>' },
  },
])('columns show $name', ({ spec, status, row }) => {
  expect(cells(definition, { ...store('a', spec as Partial<ServiceSpec>), status })).toMatchObject(row);
});
