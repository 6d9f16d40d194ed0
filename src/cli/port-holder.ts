import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Kernel's number for a socket that listens, in `/proc/net/tcp`. */
const LISTENS = '0A';

/** Who listens on a TCP port of this machine, e.g. `nginx (process 812)`; undefined when that cannot be told. */
export async function portHolder(port: number, proc = '/proc'): Promise<string | undefined> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(join(proc, 'self/net', name), 'utf8').catch(() => '')),
  );
  const sockets = new Set(tables.flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir(proc)).filter((name) => /^\d+$/.test(name))) {
    if (!(await holdsAny(join(proc, pid, 'fd'), sockets))) continue;
    const name = (await readFile(join(proc, pid, 'comm'), 'utf8').catch(() => '')).trim();
    return `${name === '' ? 'a program' : name} (process ${pid})`;
  }
  return undefined;
}

/** Pure: `socket:[inode]` of each socket that listens on the port. */
export function listeningSockets(table: string, port: number): string[] {
  const rows = table.split('\n').slice(1);
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/);
    return state === LISTENS && Number.parseInt(local.split(':')[1] ?? '', 16) === port ? [`socket:[${inode}]`] : [];
  });
}

async function holdsAny(folder: string, sockets: ReadonlySet<string>): Promise<boolean> {
  for (const file of await readdir(folder).catch(() => [])) {
    if (sockets.has(await readlink(join(folder, file)).catch(() => ''))) return true;
  }
  return false;
}
