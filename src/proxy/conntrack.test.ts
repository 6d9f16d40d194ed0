import { describe, expect, test } from 'vitest';
import { service, slice } from '#test/support/services.ts';
import { planForget } from './conntrack.ts';
import { planService } from './service-rules.ts';

const node = { nodeName: 'n1', clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', bridge: 'skiff0' };
const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
const rules = (ips: string[], nodePort?: number) =>
  planService(
    service('dns', { ports: [{ ...ports[0]!, ...(nodePort && { nodePort }) }] }),
    [slice('dns', ips, { ports })],
    node,
  );
const front = ['-D', '-p', 'udp', '--orig-dst', '10.43.0.80', '--orig-port-dst', '53'];

describe('planForget', () => {
  test.each([
    {
      name: 'nothing when endpoints stay',
      before: rules(['10.42.0.2']),
      after: rules(['10.42.0.2', '10.42.0.3']),
      expected: [],
    },
    {
      name: 'flows to an endpoint that left',
      before: rules(['10.42.0.2', '10.42.0.3']),
      after: rules(['10.42.0.3']),
      expected: [[...front, '--dst-nat', '10.42.0.2']],
    },
    {
      name: 'flows of a deleted service',
      before: rules(['10.42.0.2']),
      after: undefined,
      expected: [[...front, '--dst-nat', '10.42.0.2']],
    },
    { name: 'flows that found no endpoint before', before: rules([]), after: rules(['10.42.0.2']), expected: [front] },
    {
      name: 'also those by the node port',
      before: rules(['10.42.0.2'], 30053),
      after: undefined,
      expected: [
        [...front, '--dst-nat', '10.42.0.2'],
        ['-D', '-p', 'udp', '--orig-port-dst', '30053', '--dst-nat', '10.42.0.2'],
      ],
    },
  ])('forgets $name', ({ before, after, expected }) => {
    expect(planForget(before, after)).toEqual(expected);
  });
});
