import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { getRawAsset, isSea } from 'node:sea';

/** What the executable carries besides its program. Run from source, most of it is not needed or stands in files. */
export interface Assets {
  readonly storeWorker: string | undefined;
  readonly dnsWorker: string | undefined;
  /** A path that the addon of the database can be loaded from. */
  readonly sqliteAddon: string | undefined;
  readonly pauseImage: () => Buffer;
}

/**
 * Opens what this process was started with. `scratchDir` is an existing folder on a file system that allows programs;
 * `folder` holds the assets as files while the executable is being built.
 */
export function openAssets(scratchDir: string, folder?: string): Assets {
  if (!isSea() && folder === undefined) {
    return { storeWorker: undefined, dnsWorker: undefined, sqliteAddon: undefined, pauseImage: developmentPauseImage };
  }
  const read = (name: string) =>
    folder === undefined ? Buffer.from(getRawAsset(name)) : readFileSync(join(folder, name));
  const text = (name: string) => read(name).toString('latin1');
  return {
    storeWorker: text('kvstore-worker.js'),
    dnsWorker: text('dns-worker.js'),
    sqliteAddon: addonPath(read('sqlite.node'), scratchDir),
    pauseImage: () => read('pause.tar'),
  };
}

function developmentPauseImage(): Buffer {
  const path = join(import.meta.dirname, `../../.cache/build/${process.arch}/pause.tar`);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`There is no pause image at ${path}: run "npm run build" once`, { cause });
  }
}

/**
 * The addon must be a file to be loaded. It is one without a name, which is gone with the process: nothing is left behind.
 * The descriptor stays open on purpose.
 */
function addonPath(content: Buffer, folder: string): string {
  const O_TMPFILE = 0o20_200_000;
  let file: number;
  try {
    file = openSync(folder, constants.O_RDWR | O_TMPFILE, 0o700);
  } catch {
    // Some file systems have no nameless files; then one that loses its name at once.
    const path = join(folder, `.addon-${randomBytes(4).toString('hex')}`);
    const named = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o700);
    writeAll(named, content);
    closeSync(named);
    file = openSync(path, constants.O_RDONLY);
    unlinkSync(path);
    return `/proc/self/fd/${file}`;
  }
  writeAll(file, content);
  return `/proc/self/fd/${file}`;
}

function writeAll(file: number, content: Buffer): void {
  for (let written = 0; written < content.length; ) written += writeSync(file, content, written);
}
