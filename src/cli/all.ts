import { agent } from './agent.ts';
import { cleanup } from './cleanup.ts';
import type { Command } from './command.ts';
import { dial } from './dial.ts';
import { server } from './server.ts';
import { status } from './status.ts';
import { tokenCreate, tokenList, tokenShow } from './token-create.ts';
import { version } from './version.ts';

/** Every command, in the order of help. */
export const allCommands: readonly Command[] = [
  server,
  agent,
  status,
  tokenCreate,
  tokenList,
  tokenShow,
  cleanup,
  version,
  dial,
];
