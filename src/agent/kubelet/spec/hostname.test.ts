import { expect, test } from 'vitest';
import type { PodSpec } from '#api/core/v1.ts';
import { podHostname } from './hostname.ts';

const hostnameOf = (name: string, spec: Partial<PodSpec>) =>
  podHostname(
    { metadata: { name, namespace: 'shop' }, spec: { containers: [], ...spec } },
    { clusterDomain: 'cluster.local' },
  );

test.each([
  { name: 'web-0', spec: {}, expected: { hostname: 'web-0', fqdn: undefined } },
  { name: 'web-0', spec: { hostname: 'own' }, expected: { hostname: 'own', fqdn: undefined } },
  {
    name: 'web-0',
    spec: { subdomain: 'web' },
    expected: { hostname: 'web-0', fqdn: 'web-0.web.shop.svc.cluster.local' },
  },
  {
    name: 'web-0',
    spec: { hostname: 'own', subdomain: 'web', setHostnameAsFQDN: true },
    expected: { hostname: 'own.web.shop.svc.cluster.local', fqdn: 'own.web.shop.svc.cluster.local' },
  },
  { name: 'web-0', spec: { setHostnameAsFQDN: true }, expected: { hostname: 'web-0', fqdn: undefined } },
  {
    name: 'web-0',
    spec: { hostnameOverride: 'any.name', subdomain: 'web' },
    expected: { hostname: 'any.name', fqdn: undefined },
  },
  { name: `${'a'.repeat(62)}-0`, spec: {}, expected: { hostname: 'a'.repeat(62), fqdn: undefined } },
])('$name with $spec', ({ name, spec, expected }) => {
  expect(hostnameOf(name, spec)).toEqual(expected);
});

test('a name too long for a host is refused', () => {
  const spec = { subdomain: 'b'.repeat(40), setHostnameAsFQDN: true };
  expect(() => hostnameOf('a'.repeat(20), spec)).toThrow(
    /is too long \(64 characters is the max, 84 characters requested\)/,
  );
});
