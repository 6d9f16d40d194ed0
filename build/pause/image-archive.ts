import { createHash } from 'node:crypto';

export interface ImageFile {
  /** Without a leading slash. */
  path: string;
  /** Permissions, e.g. 0o755. */
  mode: number;
  content: Buffer | string;
}

export interface ImageLink {
  path: string;
  target: string;
}

export interface ImageOptions {
  /** With tag, e.g. `skiff/pause:1`. */
  name: string;
  architecture: 'amd64' | 'arm64';
  /** The image's configuration: `Entrypoint`, `Env` and so on. */
  config: Record<string, unknown>;
}

/** An archive with one layer that `docker load` takes. The same input gives the same bytes. */
export function imageArchive(entries: readonly (ImageFile | ImageLink)[], options: ImageOptions): Buffer {
  return imageOfLayer(tarArchive(entries), options);
}

/** As `imageArchive`, around a layer that is a tar archive already. */
export function imageOfLayer(layer: Buffer, { name, architecture, config }: ImageOptions): Buffer {
  const layerDigest = sha256(layer);
  const description = JSON.stringify({
    architecture,
    config,
    created: '1970-01-01T00:00:00Z',
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'skiff' }],
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
  });
  const configName = `${sha256(description)}.json`;
  const layerName = `${layerDigest}/layer.tar`;
  return tarArchive([
    { path: configName, mode: 0o644, content: description },
    { path: layerName, mode: 0o644, content: layer },
    {
      path: 'manifest.json',
      mode: 0o644,
      content: JSON.stringify([{ Config: configName, RepoTags: [name], Layers: [layerName] }]),
    },
  ]);
}

/** A ustar archive. Everything in it belongs to root and is as old as Unix. */
export function tarArchive(entries: readonly (ImageFile | ImageLink)[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    if ('target' in entry) return [header({ path: entry.path, mode: 0o777, size: 0, type: '2', target: entry.target })];
    const content = Buffer.from(entry.content);
    const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [
      header({ path: entry.path, mode: entry.mode, size: content.length, type: '0', target: '' }),
      content,
      padding,
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

const BLOCK = 512;

function header(entry: { path: string; mode: number; size: number; type: string; target: string }): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  if (Buffer.byteLength(entry.path) > 100 || Buffer.byteLength(entry.target) > 100) {
    throw new Error(`Cannot archive "${entry.path}": the name is too long`);
  }
  block.write(entry.path, 0);
  block.write(octal(entry.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(entry.size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(entry.type, 156);
  block.write(entry.target, 157);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function sha256(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex');
}
