import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#base/process.ts';

export type Arch = 'x64' | 'arm64';

/** Path of the pinned Node for an architecture; npm's own copy for this machine, else the package, unpacked once. */
export async function nodeRuntime(root: string, arch: Arch): Promise<string> {
  const installed = join(root, `node_modules/node-linux-${arch}/bin/node`);
  if (await exists(installed)) return installed;
  const { optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const name = `node-linux-${arch}`;
  const version: string = optionalDependencies[name];
  const folder = join(root, '.cache', `${name}-${version}`);
  const node = join(folder, 'package/bin/node');
  if (await exists(node)) return node;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const file = (await run('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`])).trim();
  await run('tar', ['xzf', join(folder, file), '-C', folder]);
  await rm(join(folder, file));
  return node;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
