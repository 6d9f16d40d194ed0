import { expect, test } from 'vitest';
import type { Service } from '#api/core/v1.ts';
import { serviceVariables } from './service-env.ts';

const service = (name: string, namespace: string, spec: Service['spec']): Service => ({
  metadata: { name, namespace },
  spec,
});

const api = service('kubernetes', 'default', { clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443 }] });
const database = service('my-db', 'shop', {
  clusterIP: '10.43.0.9',
  ports: [
    { name: 'sql-main', port: 5432 },
    { port: 53, protocol: 'UDP' },
  ],
});

test('describes each port as Docker links did', () => {
  const variables = serviceVariables([database], { namespace: 'shop', enableServiceLinks: true });
  expect(Object.fromEntries(variables)).toEqual({
    MY_DB_SERVICE_HOST: '10.43.0.9',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL_MAIN: '5432',
    MY_DB_PORT: 'tcp://10.43.0.9:5432',
    MY_DB_PORT_5432_TCP: 'tcp://10.43.0.9:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '10.43.0.9',
    MY_DB_PORT_53_UDP: 'udp://10.43.0.9:53',
    MY_DB_PORT_53_UDP_PROTO: 'udp',
    MY_DB_PORT_53_UDP_PORT: '53',
    MY_DB_PORT_53_UDP_ADDR: '10.43.0.9',
  });
});

test.each([
  { name: 'those of other namespaces', given: { ...database, metadata: { name: 'my-db', namespace: 'other' } } },
  { name: 'headless ones', given: service('db', 'shop', { clusterIP: 'None', ports: [{ port: 1 }] }) },
  { name: 'those without an address', given: service('db', 'shop', { ports: [{ port: 1 }] }) },
  {
    name: 'other names',
    given: service('db', 'shop', { type: 'ExternalName', clusterIP: '10.43.0.3', ports: [{ port: 1 }] }),
  },
])('leaves out $name', ({ given }) => {
  expect(serviceVariables([given], { namespace: 'shop', enableServiceLinks: true }).size).toBe(0);
});

test('tells of the API everywhere, and of nothing else where links are switched off', () => {
  const variables = serviceVariables([api, database], { namespace: 'shop', enableServiceLinks: false });
  expect(variables.get('KUBERNETES_SERVICE_HOST')).toBe('10.43.0.1');
  expect(variables.get('KUBERNETES_SERVICE_PORT_HTTPS')).toBe('443');
  expect([...variables.keys()].some((key) => key.startsWith('MY_DB'))).toBe(false);
});

test('an own service named like the API wins', () => {
  const own = service('kubernetes', 'shop', { clusterIP: '10.43.0.77', ports: [{ port: 80 }] });
  const variables = serviceVariables([own, api], { namespace: 'shop', enableServiceLinks: true });
  expect(variables.get('KUBERNETES_SERVICE_HOST')).toBe('10.43.0.77');
});

test('puts IPv6 addresses into brackets', () => {
  const six = service('six', 'shop', { clusterIP: 'fd00::1', ports: [{ port: 80 }] });
  expect(serviceVariables([six], { namespace: 'shop', enableServiceLinks: true }).get('SIX_PORT')).toBe(
    'tcp://[fd00::1]:80',
  );
});
