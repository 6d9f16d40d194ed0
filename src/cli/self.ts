import { isSea } from 'node:sea';

/** Program and arguments that run another command of this very program. */
export function selfCommand(...command: readonly string[]): readonly string[] {
  return isSea() ? [process.execPath, ...command] : [process.execPath, process.argv[1] ?? '', ...command];
}
