import { join } from 'node:path';
import { agentComponents } from '#agent/agent.ts';
import { type NodeConfig, nodeConfig, nodeOptions } from '#agent/config.ts';
import { findNodeIp } from '#agent/node-address.ts';
import { nodes } from '#api/core/v1.ts';
import type { Component } from '#base/component.ts';
import { Lifecycle } from '#base/component.ts';
import { createLogger, type Logger } from '#base/logger.ts';
import { type OptionValues, UsageError } from '#base/options.ts';
import { type ServerConfig, serverConfig, serverOptions } from '#server/config.ts';
import { createServer, type Server } from '#server/server.ts';
import { type Assets, openAssets } from './assets.ts';
import { defineCommand } from './command.ts';
import { prepareFolder, rememberNodeName } from './data-folder.ts';
import { explainStart, type Surroundings } from './explain.ts';
import { untilStopped } from './lifetime.ts';
import { logOutput } from './log-output.ts';
import { VERSION } from './product-version.ts';
import { requireRoot } from './require-root.ts';
import { selfCommand } from './self.ts';
import { readToken } from './token-file.ts';

const options = { ...serverOptions, ...nodeOptions };
type Options = OptionValues<typeof options>;

/** `skiff server`: the control plane and, unless told otherwise, a node on this machine. Runs until it is told to stop. */
export const server = defineCommand({
  name: 'server',
  summary: 'Run the control plane and a node',
  configurable: true,
  options,
  async run({ options: values, env, signal }) {
    const config = parse(values);
    if (runsPods(values)) requireRoot('or run the control plane alone with --disable-agent');
    const log = createLogger({ level: values['log-level'], destination: logOutput() });
    const { created, lifecycle } = await start(values, config, { env, log, signal }).catch(async (error: unknown) => {
      throw await explainStart(error, surroundings(config, signal));
    });
    try {
      if (values['warm-up']) await exercise(created);
      else await untilStopped(signal);
    } finally {
      await lifecycle.stop();
      log.info('server stopped');
    }
  },
});

interface Config {
  readonly server: ServerConfig;
  readonly node: NodeConfig;
}

interface Start {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Resolves once the API serves, the node is on its way and the kubeconfig is written; stops all of it if anything fails. */
async function start(values: Options, config: Config, { env, log, signal }: Start) {
  prepareFolder(config.server.dataDir);
  const assets = openAssets(config.server.dataDir, env['SKIFF_WARM_FOLDER']);
  const nodeIp = config.node.nodeIp ?? (await addressOf(values));
  const secret = { ...config.server, token: await readToken(values) };
  const created = await createServer({
    config: secret,
    nodeIp,
    nodeName: values['disable-agent'] ? undefined : config.node.nodeName,
    version: VERSION.skiff,
    assets,
    log,
  });
  const lifecycle = new Lifecycle([
    ...created.components,
    ...(await ownNode(values, config, { created, assets, nodeIp, log })),
  ]);
  const started = Date.now();
  await lifecycle.start(signal);
  try {
    await created.writeKubeconfig();
  } catch (cause) {
    await lifecycle.stop();
    const { path } = config.server.kubeconfig;
    const { message } = ((cause as Error).cause ?? cause) as Error;
    throw new Error(`Cannot write the kubeconfig "${path}": ${message}; choose another place with --write-kubeconfig`, {
      cause,
    });
  }
  log.info(
    { durationMs: Date.now() - started, port: created.apiServer.port, kubeconfig: config.server.kubeconfig.path },
    'server started',
  );
  return { created, lifecycle };
}

function runsPods(values: Options): boolean {
  return !values['disable-agent'] && !values['warm-up'];
}

function surroundings({ server, node }: Config, signal: AbortSignal): Surroundings {
  return {
    dataDir: server.dataDir,
    signal,
    portFlags: { [server.port]: '--https-listen-port', [node.kubeletPort]: '--kubelet-port' },
  };
}

function parse(values: Options): Config {
  const problems: string[] = [];
  const config = { server: serverConfig(values, problems), node: nodeConfig(values, problems) };
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  // A warm-up disturbs nobody: it listens on loopback, on a free port, and runs no pods.
  if (!values['warm-up']) return config;
  const { dataDir } = config.server;
  return {
    ...config,
    server: {
      ...config.server,
      bindAddress: '127.0.0.1',
      port: 0,
      kubeconfig: { path: join(dataDir, 'kubeconfig.yaml'), mode: 0o600 },
    },
  };
}

async function addressOf(values: Options): Promise<string> {
  return values['warm-up'] ? '127.0.0.1' : findNodeIp();
}

interface OwnNode {
  readonly created: Server;
  readonly assets: Assets;
  readonly nodeIp: string;
  readonly log: Logger;
}

/** The node on the server's own machine speaks to the API in process, as any other node would by HTTPS. */
async function ownNode(
  values: Options,
  config: Config,
  { created, assets, nodeIp, log }: OwnNode,
): Promise<Component[]> {
  if (!runsPods(values)) return [];
  const { nodeName } = config.node;
  await rememberNodeName(config.server.dataDir, nodeName);
  const user = { username: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] };
  const { clusterCidr, serviceCidr, clusterDns, clusterDomain, disabled } = config.server;
  const nodeTls = await created.nodeTls({ nodeName, nodeIp });
  return agentComponents({
    config: config.node,
    nodeIp,
    settings: { clusterCidr, serviceCidr, clusterDns, clusterDomain, disabled: [...disabled] },
    kubernetesVersion: VERSION.kubernetes,
    client: created.clientAs(user),
    cache: created.apiServer.cache,
    tls: { current: () => nodeTls, onReload: () => () => {} },
    dialHelper: selfCommand('dial'),
    assets,
    log,
  });
}

/** What a first client does, so that the build can remember the compiled functions. */
async function exercise(created: Server): Promise<void> {
  const client = created.clientAs({ username: 'warm-up', groups: ['system:masters'] });
  await client.list(nodes);
  await created.probe(['/version', '/readyz', '/api', '/apis', '/api/v1/nodes', '/openapi/v3']);
}
