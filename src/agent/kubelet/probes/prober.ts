import { connect } from 'node:net';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import { RuntimeError } from '#agent/runtime/container-runtime.ts';
import type { Container, Probe } from '#api/core/v1.ts';
import { execCapture } from '../exec-capture.ts';
import { httpGet, resolvePort } from '../http-get.ts';
import { errorText } from '../pod-hook.ts';
import { grpcHealth } from './grpc-health.ts';
import type { ProbeResult } from './probe-result.ts';

export const USER_AGENT = 'kube-probe/1.36';

export interface ProbeTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly podIp: string;
}

/** Makes one check of a container. Never rejects, except with the signal's reason. */
export async function runProbe(
  runtime: Pick<ContainerRuntime, 'exec'>,
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const seconds = probe.timeoutSeconds ?? 1;
  const timeout = AbortSignal.timeout(seconds * 1000);
  const either = AbortSignal.any([signal, timeout]);
  try {
    return await check(runtime, probe, target, either);
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) return failure(timeoutText(probe, target, seconds));
    if (error instanceof RuntimeError || error instanceof ProbeSetupError)
      return { outcome: 'error', output: error.message };
    return failure(failureText(probe, target, error));
  }
}

/** The probe cannot be made as it is written. */
class ProbeSetupError extends Error {}

const success = (output: string): ProbeResult => ({ outcome: 'success', output });
const failure = (output: string): ProbeResult => ({ outcome: 'failure', output });

async function check(
  runtime: Pick<ContainerRuntime, 'exec'>,
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { exec, httpGet: http, tcpSocket, grpc } = probe;
  if (exec !== undefined) {
    const { exitCode, output } = await execCapture(
      runtime,
      { id: target.containerId, command: exec.command ?? [] },
      signal,
    );
    return exitCode === 0 ? success(output) : failure(output);
  }
  if (http !== undefined) {
    const result = await httpGet(
      { host: hostOf(http.host, target), port: portOf(target, http.port), action: http, userAgent: USER_AGENT },
      signal,
    );
    if (result.redirectedTo !== undefined) return success(`Probe terminated redirects, Response body: ${result.body}`);
    return result.status >= 200 && result.status < 400
      ? success(result.body)
      : failure(`HTTP probe failed with statuscode: ${result.status}`);
  }
  if (tcpSocket !== undefined) {
    await dial(hostOf(tcpSocket.host, target), portOf(target, tcpSocket.port), signal);
    return success('');
  }
  if (grpc !== undefined) {
    const status = await grpcHealth({ host: target.podIp, port: grpc.port, service: grpc.service ?? '' }, signal);
    return status === 'SERVING'
      ? success('service healthy')
      : failure(`service unhealthy (responded with "${status}")`);
  }
  throw new ProbeSetupError(`missing probe handler for ${target.container.name}`);
}

const hostOf = (host: string | undefined, { podIp }: ProbeTarget) => (host === undefined || host === '' ? podIp : host);

function portOf({ container }: ProbeTarget, port: number | string): number {
  try {
    return resolvePort(container, port);
  } catch (error) {
    throw new ProbeSetupError(errorText(error));
  }
}

function dial(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.on('error', reject);
    socket.on('connect', () => {
      resolve();
      socket.destroy();
    });
  });
}

/** In the words of Go's net package, which operators know these by. */
function failureText(probe: Probe, target: ProbeTarget, error: unknown): string {
  const place = addressOf(probe, target);
  const { code } = error as NodeJS.ErrnoException;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connect: connection refused',
    EHOSTUNREACH: 'connect: no route to host',
    ENETUNREACH: 'connect: network is unreachable',
    ECONNRESET: 'read: connection reset by peer',
  };
  const known = code === undefined ? undefined : words[code];
  const text = known === undefined ? errorText(error) : `dial tcp ${place}: ${known}`;
  return probe.httpGet === undefined ? text : `Get "${urlOf(probe, place)}": ${text}`;
}

function timeoutText(probe: Probe, target: ProbeTarget, seconds: number): string {
  if (probe.exec !== undefined)
    return `command timed out: ${JSON.stringify((probe.exec.command ?? []).join(' '))} timed out after ${seconds}s`;
  const place = addressOf(probe, target);
  if (probe.grpc !== undefined)
    return `timeout: failed to connect service ${JSON.stringify(place)} within ${seconds}s: context deadline exceeded`;
  if (probe.httpGet === undefined) return `dial tcp ${place}: i/o timeout`;
  return `Get "${urlOf(probe, place)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
}

function addressOf({ httpGet: http, tcpSocket, grpc }: Probe, target: ProbeTarget): string {
  const action = http ?? tcpSocket ?? grpc;
  const host = hostOf((http ?? tcpSocket)?.host, target);
  const port = action === undefined ? 0 : resolvePort(target.container, action.port);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function urlOf({ httpGet: http }: Probe, place: string): string {
  const path = http?.path ?? '/';
  return `${(http?.scheme ?? 'HTTP').toLowerCase()}://${place}${path.startsWith('/') ? path : `/${path}`}`;
}
