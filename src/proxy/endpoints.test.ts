import { describe, expect, test } from 'vitest';
import type { Endpoint } from '#api/discovery/v1.ts';
import { slice } from '#test/support/services.ts';
import { countLocalReady, selectTargets } from './endpoints.ts';

const node = { nodeName: 'n1', zone: 'z1' };
const http = { name: 'http', protocol: 'TCP' };
const at = (ip: string, nodeName: string, changes: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions: { ready: true },
  ...changes,
});
const ending = { conditions: { ready: false, serving: true, terminating: true } };

describe('selectTargets', () => {
  test.each<{ name: string; endpoints: (string | Endpoint)[]; cluster: string[]; local?: string[] }>([
    {
      name: 'takes ready ones, in stable order',
      endpoints: ['10.42.0.9', '10.42.0.2'],
      cluster: ['10.42.0.2', '10.42.0.9'],
    },
    { name: 'counts an unset condition as ready', endpoints: [{ addresses: ['10.42.0.2'] }], cluster: ['10.42.0.2'] },
    {
      name: 'leaves out those that are not ready',
      endpoints: [{ addresses: ['10.42.0.2'], conditions: { ready: false } }],
      cluster: [],
    },
    {
      name: 'knows which are here',
      endpoints: [at('10.42.1.2', 'n1'), at('10.42.2.2', 'n2')],
      cluster: ['10.42.1.2', '10.42.2.2'],
      local: ['10.42.1.2'],
    },
    {
      name: 'leaves out terminating ones while others are ready',
      endpoints: [at('10.42.1.2', 'n1', ending), at('10.42.2.2', 'n2')],
      cluster: ['10.42.2.2'],
      local: ['10.42.1.2'],
    },
    {
      name: 'falls back on terminating ones that still serve',
      endpoints: [at('10.42.1.2', 'n2', ending)],
      cluster: ['10.42.1.2'],
    },
    {
      name: 'never takes one that ended serving',
      endpoints: [at('10.42.1.2', 'n2', { conditions: { ready: false, serving: false, terminating: true } })],
      cluster: [],
    },
    {
      name: 'follows zone hints',
      endpoints: [
        at('10.42.1.2', 'n1', { hints: { forZones: [{ name: 'z1' }] } }),
        at('10.42.2.2', 'n2', { hints: { forZones: [{ name: 'z2' }] } }),
      ],
      cluster: ['10.42.1.2'],
      local: ['10.42.1.2'],
    },
    {
      name: 'ignores zone hints that not every endpoint has',
      endpoints: [at('10.42.2.1', 'n2', { hints: { forZones: [{ name: 'z1' }] } }), at('10.42.2.2', 'n2')],
      cluster: ['10.42.2.1', '10.42.2.2'],
    },
    {
      name: 'prefers hints for this very node',
      endpoints: [
        at('10.42.2.1', 'n2', { hints: { forNodes: [{ name: 'n2' }], forZones: [{ name: 'z1' }] } }),
        at('10.42.2.2', 'n2', { hints: { forNodes: [{ name: 'n1' }], forZones: [{ name: 'z1' }] } }),
      ],
      cluster: ['10.42.2.2'],
    },
    { name: 'skips other address families', endpoints: [{ addresses: ['fd00::1'] }], cluster: [] },
  ])('$name', ({ endpoints, cluster, local = [] }) => {
    const found = selectTargets([slice('web', endpoints)], http, node);
    expect(found.cluster.map(({ ip }) => ip)).toEqual(cluster);
    expect(found.local.map(({ ip }) => ip)).toEqual(local);
  });

  test('takes each slice by its own port number, which is how named ports differ from pod to pod', () => {
    const slices = [
      slice('web', ['10.42.0.2']),
      slice('web', ['10.42.0.3'], { ports: [{ name: 'http', port: 9090, protocol: 'TCP' }] }),
      slice('web', ['10.42.0.4'], { ports: [{ name: 'other', port: 1, protocol: 'TCP' }] }),
      slice('web', ['10.42.0.5'], { ports: [{ name: 'http', port: 2, protocol: 'UDP' }] }),
    ];
    expect(selectTargets(slices, http, node).cluster).toEqual([
      { ip: '10.42.0.2', port: 8080 },
      { ip: '10.42.0.3', port: 9090 },
    ]);
  });

  test('counts an endpoint in two slices once', () => {
    expect(selectTargets([slice('web', ['10.42.0.2']), slice('web', ['10.42.0.2'])], http, node).cluster).toHaveLength(
      1,
    );
  });
});

test('countLocalReady counts addresses of this node', () => {
  const slices = [
    slice('web', [at('10.42.1.2', 'n1'), at('10.42.1.3', 'n1', ending), at('10.42.2.2', 'n2')]),
    slice('web', [at('10.42.1.2', 'n1')]),
  ];
  expect(countLocalReady(slices, 'n1')).toBe(1);
});
