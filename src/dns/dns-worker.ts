import { parentPort, workerData } from 'node:worker_threads';
import { parseIpv4Range } from '#base/ipv4.ts';
import { DnsListener, type ListenAddress } from './listener.ts';
import type { DnsWorkerOptions, FromWorker, ToWorker } from './messages.ts';
import { clusterZone } from './plugins/cluster-zone.ts';
import { forward } from './plugins/forward.ts';
import { reverseZone } from './plugins/reverse-zone.ts';
import { Resolver } from './resolver.ts';
import { ZoneIndex } from './zone-index.ts';

// The program of the resolver's thread. It imports only what can be bundled into one file with it.

const RETRY_MS = 5000;

/** Serves every address it can, and keeps trying the others: an address may come later than we do. */
function main(
  options: DnsWorkerOptions,
  send: (message: FromWorker) => void,
  onMessage: (listener: (message: ToWorker) => void) => void,
) {
  const { zone, dnsIp } = options;
  const index = new ZoneIndex();
  let { targets } = options;
  const plugins = [
    clusterZone({ zone, dnsIp }, index),
    reverseZone({ zone, ranges: options.ranges.map(parseIpv4Range) }, index),
    forward({ targets: () => targets }),
  ];
  const resolver = new Resolver(plugins, () => index.version);
  const listeners = new Map<ListenAddress, DnsListener>();
  const timers = new Set<NodeJS.Timeout>();

  async function listen(address: ListenAddress): Promise<void> {
    const listener = new DnsListener({ address, answer: (message, transport) => resolver.answer(message, transport) });
    try {
      const bound = await listener.start();
      listeners.set(address, listener);
      send({ type: 'listening', address: bound });
    } catch (error) {
      await listener.stop();
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      send({ type: 'not-listening', address, code, message: error instanceof Error ? error.message : String(error) });
      const timer = setTimeout(() => {
        timers.delete(timer);
        void listen(address);
      }, RETRY_MS);
      timers.add(timer);
    }
  }

  async function stop(): Promise<void> {
    for (const timer of timers) clearTimeout(timer);
    await Promise.all([...listeners.values()].map((listener) => listener.stop()));
    send({ type: 'stopped' });
  }

  onMessage((message) => {
    switch (message.type) {
      case 'zone':
        return index.apply(message.delta);
      case 'targets':
        targets = message.targets;
        return;
      case 'stop':
        void stop();
    }
  });
  for (const address of options.addresses) void listen(address);
}

const port = parentPort;
if (port === null) throw new Error('The resolver runs as a worker thread');
main(
  workerData as DnsWorkerOptions,
  (message) => port.postMessage(message),
  (listener) => port.on('message', listener),
);
