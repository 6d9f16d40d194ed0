import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import type { Pod } from '#api/core/v1.ts';
import type { Logger } from '#base/logger.ts';
import { rejectUpgrade, UpgradeError } from '#base/remote-command/upgrade.ts';
import type { Client } from '#client/client.ts';
import { execCapture } from '../exec-capture.ts';
import type { KubeletConfig } from '../kubelet-config.ts';
import { errorText } from '../pod-hook.ts';
import { podFromLabels } from '../pods/orphan.ts';
import type { PodRecord, PodTable } from '../pods/pod-table.ts';
import { type ContainerView, containersOf, latestOf, runningSandbox } from '../pods/pod-view.ts';
import type { RuntimeMirror } from '../pods/runtime-mirror.ts';
import { PodDialer } from '../port-forward/pod-dialer.ts';
import { metric, resourceMetrics, type StatsDeps, statsSummary } from '../stats/stats.ts';
import type { StatusManager } from '../status/status-manager.ts';
import { type ApiRequest, parseApiRequest } from './api-request.ts';
import { ApiAccess } from './authorize.ts';
import { loggedContainer, parseLogQuery, sendLog } from './container-logs.ts';
import { serveAttach, serveExec, servePortForward } from './container-streams.ts';
import { HttpError } from './http-error.ts';

/** The parts of a kubelet that its HTTP API shows. */
export interface ShownKubelet {
  readonly table: PodTable;
  readonly mirror: RuntimeMirror;
  readonly status: StatusManager;
  readonly node: { readonly runtimeInfo: { readonly cgroupVersion: 1 | 2 } | undefined };
}

export interface KubeletApiOptions {
  readonly kubelet: ShownKubelet;
  readonly config: KubeletConfig;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  /** The certificate the client has proved to own, if an authority of the cluster signed it. */
  readonly clientCertificate: (request: IncomingMessage) => X509Certificate | undefined;
  /** Program and arguments of the process that dials within pods; see `serveDials`. */
  readonly dialHelper: readonly string[];
  readonly log: Logger;
}

type Route = (api: ApiRequest, response: ServerResponse) => Promise<void> | void;

const MAX_RUN_BYTES = 1024 * 1024;

/** The node's own HTTP API, for the API server, metrics collectors and people. Knows no HTTP server: it is given requests. */
export class KubeletApi {
  readonly #options: KubeletApiOptions;
  readonly #access: ApiAccess;
  readonly #dialer: PodDialer;
  readonly #stats: StatsDeps;
  readonly #routes: Readonly<Record<string, Route>>;

  constructor(options: KubeletApiOptions) {
    const { kubelet, config, client, clientCertificate, dialHelper, log } = options;
    this.#options = options;
    this.#access = new ApiAccess({ client, nodeName: config.nodeName, clientCertificate });
    this.#dialer = new PodDialer({ helper: dialHelper, log });
    this.#stats = {
      table: kubelet.table,
      mirror: kubelet.mirror,
      nodeName: config.nodeName,
      dataDir: config.dataDir,
      cgroupVersion: () => kubelet.node.runtimeInfo?.cgroupVersion ?? 2,
      startedMs: Date.now(),
    };
    this.#routes = {
      healthz: (_, response) => sendText(response, 200, 'ok'),
      pods: (_, response) => sendJson(response, podList(this.#pods())),
      runningpods: (_, response) => sendJson(response, podList(this.#runningPods())),
      configz: (_, response) => sendJson(response, configz(config)),
      metrics: (api, response) => this.#metrics(api, response),
      stats: (api, response) => this.#statsSummary(api, response),
      containerLogs: (api, response) => this.#logs(api, response),
      run: (api, response) => this.#run(api, response),
    };
  }

  /** Takes every ordinary request. */
  readonly handler = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const api = parseApiRequest(request);
      const route = this.#routes[api?.parts[0] ?? ''];
      if (api === undefined) throw new HttpError(400, 'bad request');
      await this.#access.check(request, api);
      if (route === undefined) throw new HttpError(404, `404 page not found: ${api.path}`);
      await route(api, response);
    } catch (error) {
      this.#fail(error, response);
    }
  };

  /** Takes every request to upgrade a connection: exec, attach, port-forward. */
  readonly upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    try {
      const api = parseApiRequest(request);
      if (api === undefined) throw new HttpError(400, 'bad request');
      await this.#access.check(request, api);
      await this.#stream(api, { request, socket, head });
    } catch (error) {
      if (error instanceof UpgradeError) return;
      const status = error instanceof HttpError ? error.status : 500;
      if (status === 500) this.#options.log.warn({ err: error, path: request.url }, 'stream failed');
      if (socket.writable) rejectUpgrade(socket, status, errorText(error));
    }
  };

  stop(): void {
    this.#dialer.stop();
  }

  #fail(error: unknown, response: ServerResponse): void {
    const status = error instanceof HttpError ? error.status : 500;
    if (status === 500) this.#options.log.warn({ err: error }, 'request failed');
    if (response.headersSent) response.destroy();
    else sendText(response, status, errorText(error));
  }

  async #stream(
    api: ApiRequest,
    connection: { request: IncomingMessage; socket: Duplex; head: Buffer },
  ): Promise<void> {
    const { runtime, log } = this.#options;
    const { query, parts } = api;
    const upgraded = { ...connection, query };
    switch (parts[0]) {
      case 'exec':
        return serveExec(runtime, this.#running(api).id, upgraded);
      case 'attach': {
        const { id, name, record } = this.#running(api);
        const place = containersOf(record.pod).find(({ container }) => container.name === name);
        return serveAttach(runtime, { containerId: id, tty: place?.container.tty === true }, upgraded);
      }
      case 'portForward':
        return servePortForward(this.#dialOf(this.#record(api)), upgraded, log);
      default:
        throw new HttpError(404, `404 page not found: ${api.path}`);
    }
  }

  /** `/VERB/NAMESPACE/POD[/UID][/CONTAINER]` */
  #record({ parts }: ApiRequest): PodRecord {
    const [verb, namespace = '', name = '', ...rest] = parts;
    const record = this.#options.kubelet.table.find(namespace, name);
    const hasUid = rest.length === (verb === 'portForward' ? 1 : 2);
    if (record === undefined || (hasUid && rest[0] !== record.uid)) throw new HttpError(404, 'pod does not exist');
    return record;
  }

  #running(api: ApiRequest): ContainerView & { record: PodRecord } {
    const record = this.#record(api);
    const name = api.parts.at(-1) ?? '';
    const latest = latestOf({ containers: this.#options.kubelet.mirror.containers(record.uid) }, name);
    if (latest?.status !== 'running') throw new HttpError(404, `container not found ("${name}")`);
    return { ...latest, record };
  }

  #dialOf(record: PodRecord): (port: number) => Promise<Socket> {
    const { mirror } = this.#options.kubelet;
    const sandbox = runningSandbox({ sandboxes: mirror.sandboxes(record.uid) });
    if (sandbox === undefined) throw new HttpError(400, `pod "${record.pod.metadata.name}" is not running`);
    const path = record.pod.spec.hostNetwork ? undefined : `/proc/${sandbox.pid}/ns/net`;
    return (port) => this.#dialer.dial(path, port);
  }

  async #logs(api: ApiRequest, response: ServerResponse): Promise<void> {
    const record = this.#record(api);
    const container = api.parts.at(-1) ?? '';
    const query = parseLogQuery(api.query, Date.now());
    const status = this.#options.kubelet.status.current(record);
    const id = loggedContainer(status, { pod: record.pod.metadata.name, container, previous: query.previous });
    await sendLog(this.#options.runtime, { id, query, response });
  }

  async #run(api: ApiRequest, response: ServerResponse): Promise<void> {
    if (api.method !== 'POST') throw new HttpError(405, 'Method Not Allowed');
    const { id } = this.#running(api);
    const command = (api.query.get('cmd') ?? '').split(' ').filter((word) => word !== '');
    const abort = new AbortController();
    response.once('close', () => abort.abort(new Error('The client has left')));
    const { exitCode, output } = await execCapture(
      this.#options.runtime,
      { id, command, maxBytes: MAX_RUN_BYTES },
      abort.signal,
    );
    if (exitCode === 0) sendText(response, 200, output);
    else sendText(response, 500, `command '${command.join(' ')}' exited with ${exitCode}: ${output}`);
  }

  async #metrics({ parts }: ApiRequest, response: ServerResponse): Promise<void> {
    if (parts.length === 1) return sendMetrics(response, this.#ownMetrics());
    if (parts[1] === 'resource') return sendMetrics(response, await resourceMetrics(this.#stats, new Date()));
    throw new HttpError(404, '404 page not found');
  }

  async #statsSummary({ parts }: ApiRequest, response: ServerResponse): Promise<void> {
    if (parts[1] !== 'summary') throw new HttpError(404, '404 page not found');
    sendJson(response, await statsSummary(this.#stats, new Date()));
  }

  #ownMetrics(): string {
    const { table, mirror } = this.#options.kubelet;
    const uids = table.list().map(({ uid }) => uid);
    const containers = uids.flatMap((uid) => mirror.containers(uid)).filter(({ isGone }) => !isGone);
    const states = ['created', 'running', 'exited'].map((state) => ({
      labels: { container_state: state },
      value: containers.filter(({ status }) => status === state).length,
    }));
    const running = uids.filter((uid) => mirror.sandboxes(uid).some(({ isRunning }) => isRunning)).length;
    const { rss } = process.memoryUsage();
    return [
      metric('kubelet_running_pods', 'gauge', 'Number of pods that have a running pod sandbox', [
        { labels: {}, value: running },
      ]),
      metric('kubelet_running_containers', 'gauge', 'Number of containers by state', states),
      metric('kubelet_node_name', 'gauge', "The node's name. The count is always 1.", [
        { labels: { node: this.#options.config.nodeName }, value: 1 },
      ]),
      metric('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', [
        { labels: {}, value: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 },
      ]),
      metric('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', [{ labels: {}, value: rss }]),
    ].join('');
  }

  #pods(): Pod[] {
    const { table, status } = this.#options.kubelet;
    return table
      .list()
      .filter(({ isDeleted }) => !isDeleted)
      .map((record) => ({ ...record.pod, status: status.current(record) }));
  }

  #runningPods(): Pod[] {
    const { mirror } = this.#options.kubelet;
    return mirror
      .pods()
      .filter(({ uid }) => mirror.containers(uid).some(({ status }) => status === 'running'))
      .map((identity) => podFromLabels(identity, mirror.labels(identity.uid)));
  }
}

function podList(items: readonly Pod[]): object {
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}

function configz(config: KubeletConfig): object {
  return {
    kubeletconfig: {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      clusterDNS: config.clusterDns,
      clusterDomain: config.clusterDomain,
      maxPods: config.maxPods,
      port: config.kubeletPort,
      resolvConf: config.resolvConf,
      systemReserved: config.reserved,
      serializeImagePulls: config.maxParallelPulls === 1,
      maxParallelImagePulls: config.maxParallelPulls,
      containerLogMaxSize: String(config.logMaxSizeBytes),
      containerLogMaxFiles: config.logMaxFiles,
      nodeLeaseDurationSeconds: 40,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
      authorization: { mode: 'Webhook' },
    },
  };
}

function send(response: ServerResponse, status: number, { type, body }: { type: string; body: string }): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

const sendText = (response: ServerResponse, status: number, body: string) =>
  send(response, status, { type: 'text/plain; charset=utf-8', body });
const sendJson = (response: ServerResponse, value: object) =>
  send(response, 200, { type: 'application/json', body: JSON.stringify(value) });
const sendMetrics = (response: ServerResponse, body: string) =>
  send(response, 200, { type: 'text/plain; version=0.0.4; charset=utf-8', body });
