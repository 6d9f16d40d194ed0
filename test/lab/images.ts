import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { imageOfLayer } from '#build/pause/image-archive.ts';
import { BUSYBOX, busyboxArchive } from '#test/support/images.ts';
import { archiveRootFs, buildRootFs, type RootFsOptions } from './packages.ts';

/** Real servers from Debian packages, as images that need no registry. */
export const IMAGES = {
  busybox: BUSYBOX,
  /** Serves `/usr/share/nginx/html` on 80; `/etc/nginx/conf.d/*.conf` is meant to be mounted over. */
  nginx: 'skiff-test/nginx:1',
  /** On 8080 tells in JSON which pod it is, its version and the variables GREETING and API_TOKEN; `/healthz` says ok. */
  api: 'skiff-test/api:1',
  /** The same under another version. */
  api2: 'skiff-test/api:2',
  redis: 'skiff-test/redis:1',
} as const;

export type ImageName = keyof typeof IMAGES;

const CACHE = join(import.meta.dirname, '../../.cache/images');

interface Recipe extends RootFsOptions {
  /** Files written on top. */
  texts: Readonly<Record<string, { content: string; mode?: number }>>;
  folders?: readonly string[];
  config: Record<string, unknown>;
}

/** Path of an archive for `docker load`, built if it is not in the cache. */
export async function imageArchivePath(name: ImageName): Promise<string> {
  // Another recipe is another file.
  const recipe =
    name === 'busybox' ? '' : createHash('sha256').update(JSON.stringify(RECIPES[name])).digest('hex').slice(0, 8);
  const path = join(CACHE, `lab-${name}-${recipe}.tar`);
  if (existsSync(path)) return path;
  const content = name === 'busybox' ? await busyboxArchive() : await buildImage(IMAGES[name], RECIPES[name]);
  await mkdir(CACHE, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
  return path;
}

async function buildImage(name: string, { texts, folders = [], config, ...options }: Recipe): Promise<Buffer> {
  const root = await buildRootFs(options);
  try {
    for (const folder of folders) await mkdir(join(root.path, folder), { recursive: true });
    for (const [path, { content, mode = 0o644 }] of Object.entries(texts)) {
      await mkdir(dirname(join(root.path, path)), { recursive: true });
      await writeFile(join(root.path, path), content, { mode });
    }
    const layer = await readFile(await archiveRootFs(root));
    return imageOfLayer(layer, { name, architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', config });
  } finally {
    await root.remove();
  }
}

const USERS = {
  '/etc/passwd': { content: 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n' },
  '/etc/group': { content: 'root:x:0:\nwww-data:x:33:\n' },
  '/etc/nsswitch.conf': { content: 'hosts: files dns\n' },
};

const nginx: Recipe = {
  packages: ['nginx', 'nginx-light', 'nginx-common'],
  programs: { '/usr/sbin/nginx': '/usr/sbin/nginx' },
  files: ['/etc/nginx/mime.types'],
  hasShell: true,
  folders: ['/var/log/nginx', '/var/lib/nginx', '/run'],
  texts: {
    ...USERS,
    '/etc/nginx/nginx.conf': {
      content: `user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 512; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  include /etc/nginx/conf.d/*.conf;
}
`,
    },
    '/etc/nginx/conf.d/default.conf': {
      content: `server {
  listen 80;
  root /usr/share/nginx/html;
  location = /healthz { return 200 "ok\\n"; }
  location = /hostname { return 200 "$hostname\\n"; }
}
`,
    },
    '/usr/share/nginx/html/index.html': { content: '<h1>nginx</h1>\n' },
  },
  config: {
    Entrypoint: ['nginx', '-g', 'daemon off;'],
    Env: ['PATH=/usr/sbin:/bin'],
    ExposedPorts: { '80/tcp': {} },
    StopSignal: 'SIGQUIT',
  },
};

const api = (version: string): Recipe => ({
  packages: ['lighttpd'],
  programs: {
    '/usr/sbin/lighttpd': '/usr/sbin/lighttpd',
    ...Object.fromEntries(
      ['cgi', 'accesslog'].map((name) => [`/usr/lib/lighttpd/mod_${name}.so`, `/usr/lib/lighttpd/mod_${name}.so`]),
    ),
  },
  hasShell: true,
  folders: ['/run', '/var/tmp'],
  texts: {
    ...USERS,
    '/etc/lighttpd/lighttpd.conf': {
      content: `server.modules = ("mod_setenv", "mod_cgi", "mod_accesslog")
server.port = 8080
server.document-root = "/www"
index-file.names = ("index.cgi")
cgi.assign = (".cgi" => "/bin/sh")
accesslog.filename = "|exec cat 1>&2"
setenv.add-environment = (
  "PATH" => "/bin",
  "POD" => env.HOSTNAME,
  "VERSION" => env.APP_VERSION,
  "GREETING" => env.GREETING,
  "API_TOKEN" => env.API_TOKEN
)
`,
    },
    '/www/index.cgi': {
      content: `printf 'Content-Type: application/json\\r\\n\\r\\n'
printf '{"server":"lighttpd","pod":"%s","version":"%s","greeting":"%s","token":"%s","client":"%s"}\\n' "$POD" "$VERSION" "$GREETING" "$API_TOKEN" "$REMOTE_ADDR"
`,
    },
    '/www/healthz': { content: 'ok\n' },
    '/start': {
      // A variable that is not there would keep the server from starting.
      content: `#!/bin/sh
export HOSTNAME="$HOSTNAME" GREETING="$GREETING" API_TOKEN="$API_TOKEN"
exec lighttpd -D -f /etc/lighttpd/lighttpd.conf
`,
      mode: 0o755,
    },
  },
  config: {
    Entrypoint: ['/start'],
    Env: ['PATH=/usr/sbin:/bin', `APP_VERSION=${version}`],
    ExposedPorts: { '8080/tcp': {} },
    StopSignal: 'SIGINT',
  },
});

const redis: Recipe = {
  packages: ['redis-tools'],
  // One program under several names: what it does depends on how it is called.
  programs: { '/usr/bin/redis-check-rdb': '/usr/bin/redis-server', '/usr/bin/redis-cli': '/usr/bin/redis-cli' },
  hasShell: true,
  folders: ['/data'],
  texts: USERS,
  config: {
    Entrypoint: ['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--dir', '/data'],
    Env: ['PATH=/usr/bin:/bin'],
    ExposedPorts: { '6379/tcp': {} },
  },
};

const RECIPES: Record<Exclude<ImageName, 'busybox'>, Recipe> = { nginx, api: api('1'), api2: api('2'), redis };
