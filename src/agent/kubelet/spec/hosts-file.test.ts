import { expect, test } from 'vitest';
import { hostsFile } from './hosts-file.ts';

const aliases = [{ ip: '192.0.2.7', hostnames: ['a.test', 'b.test'] }];

test('names loopback, the pod and its aliases', () => {
  const content = hostsFile({
    hostname: { hostname: 'web-0', fqdn: 'web-0.web.shop.svc.cluster.local' },
    ips: ['10.42.0.5'],
    aliases,
    nodeFile: undefined,
  });
  expect(content.split('\n')).toEqual([
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    '10.42.0.5\tweb-0.web.shop.svc.cluster.local\tweb-0',
    '',
    '# Entries added by HostAliases.',
    '192.0.2.7\ta.test\tb.test',
    '',
  ]);
});

test('a full name that is the host name stands once', () => {
  const hostname = { hostname: 'x.y', fqdn: 'x.y' };
  expect(hostsFile({ hostname, ips: ['10.42.0.5'], aliases: [], nodeFile: undefined })).toMatch(
    /\n10\.42\.0\.5\tx\.y\n$/,
  );
});

test("in the node's network it is the node's file with the aliases", () => {
  const hostname = { hostname: 'web', fqdn: undefined };
  const content = hostsFile({
    hostname,
    ips: ['192.0.2.1'],
    aliases,
    nodeFile: '127.0.0.1 localhost\n192.0.2.1 node\n',
  });
  expect(content).toBe(
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n192.0.2.1 node\n\n# Entries added by HostAliases.\n192.0.2.7\ta.test\tb.test\n',
  );
});
