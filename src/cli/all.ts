import type { Command } from './command.ts';
import { version } from './version.ts';

/** Every command, in the order of help. */
export const allCommands: readonly Command[] = [version];
