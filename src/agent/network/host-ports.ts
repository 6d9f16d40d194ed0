import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { isAnyAddress } from './firewall.ts';
import { type HostPort, HostPortError } from './pod-network.ts';

/** Whether a program on the node has the port; the error it got, or undefined if it is free. */
export type PortProbe = (port: HostPort) => Promise<Error | undefined>;

/** Tries to listen on the port, as that is the only test that counts every kind of listener. */
export function probePort({ protocol, hostIp, hostPort }: HostPort): Promise<Error | undefined> {
  const address = isAnyAddress(hostIp) ? '0.0.0.0' : hostIp;
  return new Promise((resolve) => {
    if (protocol === 'TCP') {
      const server = createServer();
      server.once('error', resolve);
      server.listen({ port: hostPort, host: address, exclusive: true }, () => server.close(() => resolve(undefined)));
    } else if (protocol === 'UDP') {
      const socket = createSocket('udp4');
      socket.once('error', (error) => socket.close(() => resolve(error)));
      socket.bind({ port: hostPort, ...(address !== undefined && { address }), exclusive: true }, () =>
        socket.close(() => resolve(undefined)),
      );
    } else resolve(undefined);
  });
}

/** Throws `HostPortError` if another pod has one of the ports, or a program on the node does. */
export async function requireFreePorts(
  ports: readonly HostPort[],
  { others, probe }: { others: readonly HostPort[]; probe: PortProbe },
): Promise<void> {
  for (const port of ports) {
    const name = `${port.hostPort}/${port.protocol}`;
    if (others.some((other) => overlaps(other, port))) {
      throw new HostPortError(`Cannot use host port ${name}: another pod on this node has it`);
    }
    const cause = await probe(port);
    if (cause === undefined) continue;
    const why = 'code' in cause && cause.code === 'EADDRINUSE' ? 'a program on this node listens on it' : cause.message;
    throw new HostPortError(`Cannot use host port ${name}: ${why}`, { cause });
  }
}

function overlaps(a: HostPort, b: HostPort): boolean {
  const isSameAddress = isAnyAddress(a.hostIp) || isAnyAddress(b.hostIp) || a.hostIp === b.hostIp;
  return isSameAddress && a.hostPort === b.hostPort && a.protocol === b.protocol;
}
