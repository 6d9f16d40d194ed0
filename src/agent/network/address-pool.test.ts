import { describe, expect, test } from 'vitest';
import { AddressPool, gatewayOf, macOf, overlayIpOf } from './address-pool.ts';

describe('AddressPool', () => {
  test('gives each pod one address and keeps it', () => {
    const pool = new AddressPool('10.42.1.0/24');
    expect([pool.assign('a'), pool.assign('b'), pool.assign('a')]).toEqual(['10.42.1.2', '10.42.1.3', '10.42.1.2']);
    expect(pool.pods()).toEqual(['a', 'b']);
  });

  test('prefers addresses nobody had, then the one freed longest ago', () => {
    const pool = new AddressPool('10.42.1.0/29');
    for (const pod of ['a', 'b', 'c', 'd']) pool.assign(pod);
    pool.release('b');
    pool.release('a');
    expect(pool.assign('e')).toBe('10.42.1.6');
    expect(pool.assign('f')).toBe('10.42.1.3');
    expect(pool.assign('g')).toBe('10.42.1.2');
    expect(() => pool.assign('h')).toThrow('all 5 are in use');
    expect(pool.assign('f')).toBe('10.42.1.3');
  });

  test('goes on from its stored state', () => {
    const before = new AddressPool('10.42.1.0/29');
    for (const pod of ['a', 'b', 'c', 'd', 'e']) before.assign(pod);
    before.release('d');
    before.release('b');
    const pool = new AddressPool('10.42.1.0/29', JSON.parse(JSON.stringify(before.state())));
    expect(pool.get('c')).toBe('10.42.1.4');
    expect([pool.assign('x'), pool.assign('y')]).toEqual(['10.42.1.5', '10.42.1.3']);
  });

  test('forgets addresses of another range', () => {
    const state = { assigned: { a: '10.42.9.2', b: '10.42.1.2' }, freed: ['10.42.9.3', 'nonsense'] };
    const pool = new AddressPool('10.42.1.0/24', state);
    expect(pool.state()).toEqual({ assigned: { b: '10.42.1.2' }, freed: [] });
  });

  test('releasing an unknown pod is fine', () => {
    const pool = new AddressPool('10.42.1.0/24');
    pool.release('nobody');
    expect(pool.state()).toEqual({ assigned: {}, freed: [] });
  });
});

test('the range fixes gateway, overlay address and hardware address', () => {
  expect(gatewayOf('10.42.7.0/24')).toBe('10.42.7.1');
  expect(overlayIpOf('10.42.7.0/24')).toBe('10.42.7.0');
  expect(macOf('10.42.7.0')).toBe('0a:5c:0a:2a:07:00');
});
