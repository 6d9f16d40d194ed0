import { run } from '#base/process.ts';

interface Route {
  dst: string;
  dev: string;
  prefsrc?: string;
  metric?: number;
}
interface Link {
  ifname: string;
  addr_info: { family: string; local: string; scope: string }[];
}

/**
 * This machine's address as others reach it: that of the default route, else the first of a real device. Throws, with the
 * cure, when there is none.
 */
export async function findNodeIp(exec: typeof run = run): Promise<string> {
  const [routes, links] = await Promise.all([
    exec('ip', ['-j', '-4', 'route', 'show', 'default']),
    exec('ip', ['-j', '-4', 'address', 'show', 'scope', 'global', 'up']),
  ]);
  const found = chooseNodeIp(JSON.parse(routes || '[]') as Route[], JSON.parse(links || '[]') as Link[]);
  if (found === undefined) throw new Error("Cannot find this node's address: give it with --node-ip");
  return found;
}

/** Devices of container engines and of ourselves: their addresses mean nothing to other machines. */
const INNER = /^(lo|docker\d|br-|veth|skiff|cni|virbr|flannel)/;

/** Pure. */
export function chooseNodeIp(routes: readonly Route[], links: readonly Link[]): string | undefined {
  const addressOf = (device: string) =>
    links.find(({ ifname }) => ifname === device)?.addr_info.find(({ family }) => family === 'inet')?.local;
  const [best] = [...routes].sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  const byRoute = best?.prefsrc ?? (best === undefined ? undefined : addressOf(best.dev));
  if (byRoute !== undefined) return byRoute;
  const outer = links.find(({ ifname, addr_info }) => !INNER.test(ifname) && addr_info.length > 0);
  return outer === undefined ? undefined : addressOf(outer.ifname);
}
