import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import { tarArchive } from '#build/pause/image-archive.ts';

/**
 * A registry with one image, `team/app:1`, which only `reader` with password `secret` may have.
 * Run as a program in a daemon's network namespace: `registry-program.ts PORT`. Prints a line once it listens.
 */
const ACCOUNT = `Basic ${btoa('reader:secret')}`;
const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const layer = tarArchive([{ path: 'hello', mode: 0o644, content: 'from the registry' }]);
const blob = gzipSync(layer);
const config = Buffer.from(
  JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { User: '1000', Env: ['A=b'], StopSignal: 'SIGINT' },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  }),
);
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: config.length,
      digest: digestOf(config),
    },
    layers: [
      { mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: blob.length, digest: digestOf(blob) },
    ],
  }),
);
const contents = new Map<string, { type: string; content: Buffer }>([
  ['/v2/', { type: 'application/json', content: Buffer.from('{}') }],
  ['/v2/team/app/manifests/1', { type: MANIFEST_TYPE, content: manifest }],
  [`/v2/team/app/manifests/${digestOf(manifest)}`, { type: MANIFEST_TYPE, content: manifest }],
  [`/v2/team/app/blobs/${digestOf(config)}`, { type: 'application/octet-stream', content: config }],
  [`/v2/team/app/blobs/${digestOf(blob)}`, { type: 'application/octet-stream', content: blob }],
]);

createServer((request, response) => {
  const refuse = (status: number, code: string) => {
    response.writeHead(status, { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="test"' });
    response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }));
  };
  if (request.headers.authorization !== ACCOUNT) return refuse(401, 'UNAUTHORIZED');
  const found = contents.get(request.url ?? '');
  if (found === undefined) return refuse(404, 'MANIFEST_UNKNOWN');
  const { type, content } = found;
  response.writeHead(200, {
    'content-type': type,
    'content-length': content.length,
    'docker-content-digest': digestOf(content),
    'docker-distribution-api-version': 'registry/2.0',
  });
  response.end(request.method === 'HEAD' ? undefined : content);
}).listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('listening\n'));
