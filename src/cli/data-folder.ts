import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#base/atomic-file.ts';

/** Makes the data folder if it is not there; throws the system's own error if it cannot be written to. */
export function prepareFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  // Root may write to everything but a read-only file system, and what fails there later says no such thing.
  accessSync(path, constants.W_OK);
}

/** Keeps the name that the node's containers are known by: flags and the host name may be others when they are to be removed. */
export function rememberNodeName(dataDir: string, nodeName: string): Promise<void> {
  return writeFileAtomic(nameFile(dataDir), `${nodeName}\n`, { mode: 0o644 });
}

/** The name that this folder's node had last. */
export function knownNodeName(dataDir: string): string | undefined {
  try {
    return readFileSync(nameFile(dataDir), 'utf8').trim();
  } catch {
    // There was no node here.
    return undefined;
  }
}

function nameFile(dataDir: string): string {
  return join(dataDir, 'agent', 'node-name');
}
