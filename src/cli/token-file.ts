import { readFile } from 'node:fs/promises';
import { UsageError } from '#base/options.ts';

/** The secret given by `--token`, else what stands in the file given by `--token-file`. */
export async function readToken(options: {
  readonly token: string | undefined;
  readonly 'token-file': string | undefined;
}): Promise<string | undefined> {
  const path = options['token-file'];
  if (options.token !== undefined || path === undefined) return options.token;
  let token: string;
  try {
    token = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new UsageError(`--token-file: cannot read "${path}": ${(error as Error).message}`);
  }
  if (token === '') throw new UsageError(`--token-file: "${path}" is empty`);
  return token;
}
