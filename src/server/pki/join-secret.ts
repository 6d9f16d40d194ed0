import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '#base/atomic-file.ts';
import { formatJoinToken, JOIN_USER } from '#base/join-token.ts';
import { readIfExists } from './files.ts';

/** Reads the cluster's join secret, or makes it when there is none; `given` replaces what is there. */
export async function ensureJoinSecret(folder: string, certPem: string, given?: string): Promise<string> {
  const path = join(folder, 'token');
  const stored = await readIfExists(path);
  const present = stored === undefined ? undefined : secretOf(stored);
  const secret = (given === undefined ? present : secretOf(given)) ?? randomBytes(24).toString('hex');
  const token = `${formatJoinToken(certPem, `${JOIN_USER}:${secret}`)}\n`;
  if (stored !== token) await writeFileAtomic(path, token);
  return secret;
}

/** A secret may be given bare or as a whole token. */
function secretOf(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const match = /^(?:K10[0-9a-f]{64}::)?(?:[a-z0-9]+:)?(.+)$/.exec(trimmed);
  return match?.[1];
}
