import { spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs the bundle once through a start of the server, so that V8's cache holds the functions a start needs and not
 * only the top level (80 KB and 170 ms to the first answer without, 1 MB and 105 ms with). Writes `app.cache` beside it.
 */
export async function warmCodeCache(node: string, loader: string, folder: string): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'skiff-warm-'));
  try {
    const args = [loader, 'server', '--data-dir', dataDir, '--warm-up'];
    const env = { ...process.env, SKIFF_WARM_FOLDER: folder };
    const child = spawn(node, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (code !== 0) throw new Error(`The warm-up run ended with exit code ${code}:\n${errors.slice(-4000)}`);
    await stat(join(folder, 'app.cache'));
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
