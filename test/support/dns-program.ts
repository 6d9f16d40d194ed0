import { namespaces, services } from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { DnsServer } from '#dns/dns-server.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { service } from './services.ts';

// Run as a program in a node's network namespace: the cluster DNS on 10.43.0.10 with one service, until it is killed.
const cache = new MemoryCache();
cache.put(namespaces, { metadata: { name: 'default' }, spec: {} });
cache.put(services, service('web'));
const server = new DnsServer({
  cache,
  log: createLogger({ level: 'error' }),
  zone: 'cluster.local',
  dnsIp: '10.43.0.10',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  resolvConfFiles: [],
});
await server.start(AbortSignal.timeout(5000));
await server.listening(AbortSignal.timeout(5000));
process.stdout.write('ready\n');
