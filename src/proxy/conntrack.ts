import type { ServiceRules, UdpFlows } from './service-rules.ts';

/**
 * Arguments for `conntrack`, one list per call, that make the kernel forget UDP flows which lead to endpoints that are gone,
 * or which were left untranslated because there was no endpoint. TCP needs none of it: its connections end.
 */
export function planForget(before: ServiceRules | undefined, after: ServiceRules | undefined): string[][] {
  const commands: string[][] = [];
  for (const old of before?.flows ?? []) {
    const now = after?.flows.find((flows) => isSamePort(flows, old));
    const gone = old.targetIps.filter((ip) => now?.targetIps.includes(ip) !== true);
    for (const ip of new Set(gone)) commands.push(...forget(old, ['--dst-nat', ip]));
  }
  for (const now of after?.flows ?? []) {
    const old = before?.flows.find((flows) => isSamePort(flows, now));
    if (now.targetIps.length > 0 && (old?.targetIps.length ?? 0) === 0) commands.push(...forget(now, []));
  }
  return commands;
}

function isSamePort(a: UdpFlows, b: UdpFlows): boolean {
  return a.port === b.port && a.nodePort === b.nodePort;
}

function forget({ port, frontIps, nodePort }: UdpFlows, filter: readonly string[]): string[][] {
  const fronts = frontIps.map((ip) => ['--orig-dst', ip, '--orig-port-dst', String(port)]);
  if (nodePort !== undefined) fronts.push(['--orig-port-dst', String(nodePort)]);
  return fronts.map((front) => ['-D', '-p', 'udp', ...front, ...filter]);
}
