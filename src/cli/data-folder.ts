import { accessSync, constants, mkdirSync } from 'node:fs';

/** Makes the data folder if it is not there; throws the system's own error if it cannot be written to. */
export function prepareFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  // Root may write to everything but a read-only file system, and what fails there later says no such thing.
  accessSync(path, constants.W_OK);
}
