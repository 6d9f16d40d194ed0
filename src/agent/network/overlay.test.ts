import { describe, expect, test } from 'vitest';
import { type OverlayState, parseOverlayState, planOverlay } from './overlay.ts';

const peer = (index: number, nodeIp = `192.0.2.${index}`) => ({
  nodeName: `n${index}`,
  nodeIp,
  podCidr: `10.42.${index}.0/24`,
});
const mac = (index: number) => `0a:5c:0a:2a:0${index}:00`;
const state = (...indexes: number[]): OverlayState => ({
  routes: indexes.map((index) => `10.42.${index}.0/24`),
  neighbours: new Map(indexes.map((index) => [`10.42.${index}.0`, mac(index)])),
  forwards: new Map(indexes.map((index) => [mac(index), `192.0.2.${index}`])),
});

describe('planOverlay', () => {
  test('changes nothing when all is there', () => {
    expect(planOverlay('vx', state(2, 3), [peer(2), peer(3)])).toEqual({ ip: [], bridge: [] });
  });

  test('adds a peer, and only it', () => {
    expect(planOverlay('vx', state(2), [peer(2), peer(3)])).toEqual({
      bridge: [`fdb replace ${mac(3)} dev vx dst 192.0.2.3 self permanent`],
      ip: [
        `neigh replace 10.42.3.0 lladdr ${mac(3)} dev vx nud permanent`,
        'route replace 10.42.3.0/24 via 10.42.3.0 dev vx onlink',
      ],
    });
  });

  test('removes a peer that left', () => {
    expect(planOverlay('vx', state(2, 3), [peer(2)])).toEqual({
      bridge: [`fdb del ${mac(3)} dev vx dst 192.0.2.3`],
      ip: ['route del 10.42.3.0/24 dev vx', `neigh del 10.42.3.0 lladdr ${mac(3)} dev vx`],
    });
  });

  test('follows a peer to its new address', () => {
    expect(planOverlay('vx', state(2), [peer(2, '192.0.2.99')])).toEqual({
      bridge: [`fdb replace ${mac(2)} dev vx dst 192.0.2.99 self permanent`],
      ip: [],
    });
  });
});

test('parseOverlayState reads the three tables and ignores what is not ours', () => {
  const found = parseOverlayState({
    routes: '[{"dst":"10.42.2.0/24","gateway":"10.42.2.0","flags":["onlink"]},{"dst":"10.42.1.0"}]',
    neighbours:
      '[{"dst":"10.42.2.0","lladdr":"0a:5c:0a:2a:02:00","state":["PERMANENT"]},{"dst":"10.42.3.0","state":["FAILED"]}]',
    forwards: '[{"mac":"0a:5c:0a:2a:02:00","dst":"192.0.2.2","flags":["self"],"state":"permanent"}]',
  });
  expect(found).toEqual(state(2));
  expect(parseOverlayState({ routes: '', neighbours: '[]', forwards: '' })).toEqual(state());
});
