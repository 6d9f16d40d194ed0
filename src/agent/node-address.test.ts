import { expect, test } from 'vitest';
import { chooseNodeIp } from './node-address.ts';

const link = (ifname: string, local: string) => ({ ifname, addr_info: [{ family: 'inet', local, scope: 'global' }] });

test.each([
  {
    name: 'the device of the default route',
    routes: [{ dst: 'default', dev: 'eth1' }],
    links: [link('eth0', '10.0.0.1'), link('eth1', '10.0.0.2')],
    expected: '10.0.0.2',
  },
  {
    name: 'the address that the route prefers',
    routes: [{ dst: 'default', dev: 'eth1', prefsrc: '10.0.0.9' }],
    links: [link('eth1', '10.0.0.2')],
    expected: '10.0.0.9',
  },
  {
    name: 'the default route of least metric',
    routes: [
      { dst: 'default', dev: 'wlan0', metric: 600 },
      { dst: 'default', dev: 'eth0', metric: 100 },
    ],
    links: [link('wlan0', '10.0.0.1'), link('eth0', '10.0.0.2')],
    expected: '10.0.0.2',
  },
  {
    name: 'without a default route the first real device',
    routes: [],
    links: [link('docker0', '172.17.0.1'), link('eth0', '10.0.0.3')],
    expected: '10.0.0.3',
  },
  { name: 'nothing where there is nothing', routes: [], links: [link('skiff0', '10.42.0.1')], expected: undefined },
])('$name', ({ routes, links, expected }) => {
  expect(chooseNodeIp(routes, links)).toBe(expected);
});
