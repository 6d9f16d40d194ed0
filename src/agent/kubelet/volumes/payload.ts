import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyToPath } from '#api/core/v1.ts';

/** Files of a volume by their path in it. */
export type Payload = ReadonlyMap<string, PayloadFile>;

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Owner; root where absent. */
  readonly uid?: number | undefined;
}

const DATA = '..data';

/**
 * Brings a volume's folder to the payload, as one atomic step for readers:
 *
 *   volume/KEY -> ..data/KEY     volume/..data -> ..2026_01_01_xxxx     volume/..2026_01_01_xxxx/KEY
 *
 * Does nothing when it is that already.
 */
export async function writePayload(
  dir: string,
  payload: Payload,
  { fsGroup }: { fsGroup: number | undefined },
): Promise<void> {
  for (const path of payload.keys()) requireInside(path);
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o755);
  const current = await readlink(join(dir, DATA)).catch(() => undefined);
  if (current === undefined || !(await isSame(join(dir, current), payload, fsGroup))) {
    await switchTo(dir, await writeVersion(dir, payload, fsGroup));
  }
  await linkNames(dir, payload);
  await removeOthers(dir, payload);
}

function requireInside(path: string): void {
  const parts = path.split('/');
  if (path === '' || path.startsWith('/') || parts.includes('..') || path.startsWith('..')) {
    throw new Error(`invalid path "${path}" in a volume`);
  }
}

async function writeVersion(dir: string, payload: Payload, fsGroup: number | undefined): Promise<string> {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const version = await mkdtemp(join(dir, `..${stamp}.`));
  await chmod(version, 0o755);
  for (const [path, { data, mode, uid }] of payload) {
    const file = join(version, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, data);
    if (uid !== undefined || fsGroup !== undefined) await chown(file, uid ?? 0, fsGroup ?? 0);
    // After chown, which may take bits away.
    await chmod(file, modeFor(mode, fsGroup));
  }
  return version;
}

async function switchTo(dir: string, version: string): Promise<void> {
  const temporary = join(dir, '..data_tmp');
  await rm(temporary, { force: true });
  await symlink(version.slice(dir.length + 1), temporary);
  await rename(temporary, join(dir, DATA));
}

const topNames = (payload: Payload) => new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path));

async function linkNames(dir: string, payload: Payload): Promise<void> {
  for (const name of topNames(payload)) {
    await symlink(join(DATA, name), join(dir, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Names that are no more, and versions nobody links to. */
async function removeOthers(dir: string, payload: Payload): Promise<void> {
  const names = topNames(payload);
  const current = await readlink(join(dir, DATA));
  for (const entry of await readdir(dir)) {
    if (entry === DATA || entry === current || names.has(entry)) continue;
    await rm(join(dir, entry), { recursive: true, force: true });
  }
}

/** The pod's group may read everything. */
const modeFor = (mode: number, fsGroup: number | undefined) => (fsGroup === undefined ? mode : mode | 0o440);

async function isSame(version: string, payload: Payload, fsGroup: number | undefined): Promise<boolean> {
  const present = await filesOf(version, '').catch(() => undefined);
  if (present === undefined || present.length !== payload.size) return false;
  for (const path of present) {
    const wanted = payload.get(path);
    if (wanted === undefined) return false;
    const file = join(version, path);
    const [{ mode, uid }, data] = await Promise.all([lstat(file), readFile(file)]);
    const isRight = (mode & 0o777) === modeFor(wanted.mode, fsGroup) && uid === (wanted.uid ?? 0);
    if (!isRight || !data.equals(wanted.data)) return false;
  }
  return true;
}

async function filesOf(dir: string, prefix: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const nested = entries.map(async (entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory() ? filesOf(join(dir, entry.name), `${path}/`) : [path];
  });
  return (await Promise.all(nested)).flat();
}

export interface KeySelection {
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number;
  readonly optional: boolean | undefined;
  /** For messages: `configmap "default/settings"`. */
  readonly source: string;
}

/** Files of an object's keys: all of them, or those that `items` names, at the paths it gives. */
export function selectKeys(
  data: ReadonlyMap<string, Buffer>,
  { items, defaultMode, optional, source }: KeySelection,
): Payload {
  if (items === undefined || items.length === 0) {
    return new Map([...data].map(([key, value]) => [key, { data: value, mode: defaultMode }]));
  }
  const payload = new Map<string, PayloadFile>();
  for (const { key, path, mode } of items) {
    const value = data.get(key);
    if (value !== undefined) payload.set(path, { data: value, mode: mode ?? defaultMode });
    else if (optional !== true) throw new Error(`references non-existent ${source} key: ${key}`);
  }
  return payload;
}
