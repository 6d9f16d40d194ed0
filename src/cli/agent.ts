import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { agentComponents, agentInformers } from '#agent/agent.ts';
import { loadClusterSettings } from '#agent/cluster-settings.ts';
import { agentOptions, type NodeConfig, nodeConfig } from '#agent/config.ts';
import { NodeIdentity } from '#agent/identity/node-identity.ts';
import { findNodeIp } from '#agent/node-address.ts';
import { configMaps, secrets } from '#api/core/v1.ts';
import { Lifecycle } from '#base/component.ts';
import { createLogger } from '#base/logger.ts';
import { type OptionValues, UsageError } from '#base/options.ts';
import { Client } from '#client/client.ts';
import { HttpsTransport } from '#client/https-transport.ts';
import { InformerCache } from '#client/informer-cache.ts';
import { openAssets } from './assets.ts';
import { defineCommand } from './command.ts';
import { untilStopped } from './lifetime.ts';
import { VERSION } from './product-version.ts';
import { selfCommand } from './self.ts';

type Options = OptionValues<typeof agentOptions>;

/** `skiff agent`: a node of a cluster whose server is elsewhere. Joins with a token once, then knows its own key. */
export const agent = defineCommand({
  name: 'agent',
  summary: 'Run a node that joins a server',
  configurable: true,
  options: agentOptions,
  async run({ options, env, signal }) {
    const { config, server } = parse(options);
    const log = createLogger({ level: options['log-level'] });
    await mkdir(config.dataDir, { recursive: true });
    const nodeIp = config.nodeIp ?? (await findNodeIp());
    const userAgent = `skiff-agent/${VERSION.skiff}`;
    const identity = new NodeIdentity({
      folder: join(config.dataDir, 'agent', 'tls'),
      server,
      nodeName: config.nodeName,
      token: await tokenOf(options),
      names: {
        dnsNames: [...new Set([config.nodeName, hostname().toLowerCase()])],
        ipAddresses: [nodeIp, '127.0.0.1'],
      },
      userAgent,
      log: log.child({ component: 'identity' }),
    });
    const transport = new HttpsTransport({ server, credentials: identity.credentials, userAgent });
    const client = new Client(transport);
    const cache = new InformerCache({
      client,
      informers: agentInformers(config.nodeName),
      log: log.child({ component: 'informers' }),
    });
    const joined = new Lifecycle([identity, cache]);
    await joined.start(signal);
    try {
      const settings = await loadClusterSettings(client, { dataDir: config.dataDir, log, signal });
      const tls = () => ({ ...identity.serving, clientCa: identity.authority });
      const components = agentComponents({
        config,
        nodeIp,
        settings,
        kubernetesVersion: VERSION.kubernetes,
        client,
        cache,
        want: (ref, keys) => cache.want(ref === secrets ? secrets : configMaps, keys),
        tls: { current: tls, onReload: (listener) => identity.onServing(() => listener()) },
        dialHelper: selfCommand('dial'),
        assets: openAssets(config.dataDir, env['SKIFF_WARM_FOLDER']),
        log,
      });
      const node = new Lifecycle(components);
      await node.start(signal);
      log.info({ server, node: config.nodeName }, 'agent started');
      await untilStopped(signal);
      await node.stop();
    } finally {
      await joined.stop();
      transport.close();
      log.info('agent stopped');
    }
  },
});

function parse(options: Options): { config: NodeConfig; server: string } {
  const problems: string[] = [];
  const config = nodeConfig(options, problems);
  const { server = '' } = options;
  if (!/^https:\/\/[^/\s]+$/.test(server)) {
    problems.push(`--server: must be the address of a server such as https://10.0.0.1:6443 (got "${server}")`);
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { config, server };
}

async function tokenOf(options: Options): Promise<string | undefined> {
  const path = options['token-file'];
  if (options.token !== undefined || path === undefined) return options.token;
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new UsageError(`--token-file: cannot read "${path}": ${(error as Error).message}`);
  }
}
