import { hostname } from 'node:os';
import { join } from 'node:path';
import { agentComponents, agentInformers } from '#agent/agent.ts';
import { loadClusterSettings } from '#agent/cluster-settings.ts';
import { agentOptions, type NodeConfig, nodeConfig } from '#agent/config.ts';
import { NodeIdentity } from '#agent/identity/node-identity.ts';
import { findNodeIp } from '#agent/node-address.ts';
import { configMaps, secrets } from '#api/core/v1.ts';
import { Lifecycle } from '#base/component.ts';
import { createLogger, type Logger } from '#base/logger.ts';
import { type OptionValues, UsageError } from '#base/options.ts';
import { Client } from '#client/client.ts';
import { HttpsTransport } from '#client/https-transport.ts';
import { InformerCache } from '#client/informer-cache.ts';
import { openAssets } from './assets.ts';
import { defineCommand } from './command.ts';
import { prepareFolder, rememberNodeName } from './data-folder.ts';
import { explainStart } from './explain.ts';
import { untilStopped } from './lifetime.ts';
import { logOutput } from './log-output.ts';
import { VERSION } from './product-version.ts';
import { requireRoot } from './require-root.ts';
import { selfCommand } from './self.ts';
import { readToken } from './token-file.ts';

type Options = OptionValues<typeof agentOptions>;

/** `skiff agent`: a node of a cluster whose server is elsewhere. Joins with a token once, then knows its own key. */
export const agent = defineCommand({
  name: 'agent',
  summary: 'Run a node that joins a server',
  configurable: true,
  options: agentOptions,
  async run({ options, env, signal }) {
    const { config, server } = parse(options);
    requireRoot();
    const token = await readToken(options);
    const log = createLogger({ level: options['log-level'], destination: logOutput() });
    const around = { dataDir: config.dataDir, signal, portFlags: { [config.kubeletPort]: '--kubelet-port' } };
    await runNode({ config, server, token, env, log, signal }).catch(async (error: unknown) => {
      throw await explainStart(error, around);
    });
  },
});

interface NodeRun {
  readonly config: NodeConfig;
  readonly server: string;
  readonly token: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Joins if it has not yet, then runs pods until it is told to stop. */
async function runNode({ config, server, token, env, log, signal }: NodeRun): Promise<void> {
  prepareFolder(config.dataDir);
  const nodeIp = config.nodeIp ?? (await findNodeIp());
  const userAgent = `skiff-agent/${VERSION.skiff}`;
  const identity = new NodeIdentity({
    folder: join(config.dataDir, 'agent', 'tls'),
    server,
    nodeName: config.nodeName,
    token,
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
    await rememberNodeName(config.dataDir, config.nodeName);
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
}

function parse(options: Options): { config: NodeConfig; server: string } {
  const problems: string[] = [];
  const config = nodeConfig(options, problems);
  const { server = '' } = options;
  if (server === '')
    problems.push('--server is missing: give the address of the server, such as https://10.0.0.1:6443');
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { config, server };
}
