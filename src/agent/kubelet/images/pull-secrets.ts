import type { RegistryAuth } from '#agent/runtime/container-runtime.ts';
import type { Secret } from '#api/core/v1.ts';
import { type ImageName, parseImageName } from './image-name.ts';

interface AuthEntry {
  readonly username?: unknown;
  readonly password?: unknown;
  readonly auth?: unknown;
  readonly identitytoken?: unknown;
}

/** Credentials that pull secrets hold for an image, the most specific first. Secrets that make no sense are skipped. */
export function credentialsFor(image: string, secrets: readonly Secret[]): RegistryAuth[] {
  const name = parseImageName(image);
  if (name === undefined) return [];
  return secrets
    .flatMap((secret) => Object.entries(entriesOf(secret)))
    .filter(([key]) => matches(key, name))
    .sort(([a], [b]) => bare(b).length - bare(a).length)
    .map(([key, entry]) => toAuth(key, entry));
}

function entriesOf({ data = {} }: Secret): Record<string, AuthEntry> {
  try {
    const modern = data['.dockerconfigjson'];
    if (modern !== undefined) return (decode(modern) as { auths?: Record<string, AuthEntry> }).auths ?? {};
    const old = data['.dockercfg'];
    return old === undefined ? {} : (decode(old) as Record<string, AuthEntry>);
  } catch {
    return {};
  }
}

const decode = (base64: string): unknown => JSON.parse(Buffer.from(base64, 'base64').toString()) ?? {};

const bare = (key: string) => key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');

/** A key is a host, perhaps with `*` for parts of it, a port, and perhaps the beginning of a path. */
function matches(key: string, { registry, repository }: ImageName): boolean {
  const [host = '', ...path] = bare(key).split('/');
  if (!hostMatches(host, registry)) return false;
  const prefix = path.join('/');
  return prefix === '' || repository === prefix || repository.startsWith(`${prefix}/`);
}

function hostMatches(pattern: string, registry: string): boolean {
  const isHub = (host: string) => host === 'docker.io' || host === 'index.docker.io';
  if (isHub(registry)) return isHub(pattern);
  const [wantedName = '', wantedPort] = pattern.split(':');
  const [name = '', port] = registry.split(':');
  const wanted = wantedName.split('.');
  const parts = name.split('.');
  if (wantedPort !== port || wanted.length !== parts.length) return false;
  return wanted.every((glob, i) => globMatches(glob, parts[i] ?? ''));
}

function globMatches(glob: string, text: string): boolean {
  const pattern = glob.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(text);
}

function toAuth(serverAddress: string, entry: AuthEntry): RegistryAuth {
  const [user, ...rest] = typeof entry.auth === 'string' ? Buffer.from(entry.auth, 'base64').toString().split(':') : [];
  const username = typeof entry.username === 'string' ? entry.username : user;
  const password = typeof entry.password === 'string' ? entry.password : rest.join(':');
  return {
    serverAddress,
    ...(username === undefined ? {} : { username, password }),
    ...(typeof entry.identitytoken === 'string' ? { identityToken: entry.identitytoken } : {}),
  };
}
