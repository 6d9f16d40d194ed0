import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Secret, secrets } from '#api/core/v1.ts';
import { parseDuration } from '#api/meta/time.ts';
import { formatJoinToken } from '#base/join-token.ts';
import { option, UsageError } from '#base/options.ts';
import { readKubeconfig } from '#client/kubeconfig.ts';
import { kubeconfigOption, withAdmin } from './admin.ts';
import { defineCommand } from './command.ts';

/** `skiff token create`: prints one join token on stdout and nothing else, so scripts can capture it. */
export const tokenCreate = defineCommand({
  name: 'token create',
  summary: 'Create a token that lets new nodes join the cluster',
  options: {
    kubeconfig: kubeconfigOption,
    ttl: option.string({
      help: 'how long the token is valid, e.g. 30m; "0" never expires',
      value: 'TIME',
      default: '24h',
    }),
  },
  async run({ options, stdout, signal }) {
    const expiration = expirationOf(options.ttl);
    const [id, secret] = [randomText(6), randomText(16)];
    const { credentials } = await readKubeconfig(options.kubeconfig);
    await withAdmin(options.kubeconfig, (client) =>
      client.create(secrets, bootstrapSecret({ id, secret, expiration }), { signal }),
    );
    stdout.write(`${formatJoinToken(credentials.ca, `${id}.${secret}`)}\n`);
  },
});

/** `skiff token list`: the tokens that `token create` made. */
export const tokenList = defineCommand({
  name: 'token list',
  summary: 'List the tokens that let nodes join',
  options: { kubeconfig: kubeconfigOption },
  async run({ options, stdout, signal }) {
    const fieldSelector = 'type=bootstrap.kubernetes.io/token';
    const { items } = await withAdmin(options.kubeconfig, (client) =>
      client.list(secrets, { namespace: 'kube-system', fieldSelector, signal }),
    );
    stdout.write('ID      EXPIRES\n');
    for (const { data = {} } of items) {
      const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
      stdout.write(`${text('token-id')}  ${text('expiration') || 'never'}\n`);
    }
  },
});

/** `skiff token show`: the token that the server made on its first start. */
export const tokenShow = defineCommand({
  name: 'token show',
  summary: "Print the token of the server's data folder, for nodes to join with",
  options: { 'data-dir': option.string({ help: 'where all state is kept', value: 'DIR', default: '/var/lib/skiff' }) },
  async run({ options, stdout }) {
    const path = `${options['data-dir']}/server/token`;
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new Error(`Cannot read the token in ${path}: is this a server, and are you root?`, { cause });
    });
    stdout.write(`${text.trim()}\n`);
  },
});

function expirationOf(ttl: string): string | undefined {
  if (ttl === '0') return undefined;
  let ms: number;
  try {
    ms = parseDuration(ttl);
  } catch {
    throw new UsageError(`--ttl: must be a time such as 30m or 24h, or 0 (got "${ttl}")`);
  }
  return new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The form that upstream's bootstrap tokens have, so that its tools know them too. */
function bootstrapSecret({
  id,
  secret,
  expiration,
}: {
  id: string;
  secret: string;
  expiration: string | undefined;
}): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      ...(expiration !== undefined && { expiration }),
    },
  };
}

function randomText(length: number): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
