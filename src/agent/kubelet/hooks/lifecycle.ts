import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import type { Container, LifecycleHandler } from '#api/core/v1.ts';
import { sleep } from '#base/backoff.ts';
import { execCapture } from '../exec-capture.ts';
import { httpGet, resolvePort } from '../http-get.ts';

export interface HookTarget {
  readonly containerId: string;
  readonly container: Container;
  readonly podIp: string;
}

/** Runs a start or stop hook to its end. Rejects when the hook failed, or with the signal's reason. */
export async function runLifecycleHook(
  runtime: Pick<ContainerRuntime, 'exec'>,
  handler: LifecycleHandler,
  { containerId, container, podIp }: HookTarget,
  signal: AbortSignal,
): Promise<void> {
  if (handler.exec !== undefined) {
    const { command = [] } = handler.exec;
    const { exitCode, output } = await execCapture(runtime, { id: containerId, command }, signal);
    if (exitCode !== 0) throw new Error(`command '${command.join(' ')}' exited with ${exitCode}: ${output.trim()}`);
  } else if (handler.httpGet !== undefined) {
    const action = handler.httpGet;
    const host = action.host === undefined || action.host === '' ? podIp : action.host;
    const port = resolvePort(container, action.port);
    const { status } = await httpGet({ host, port, action, userAgent: 'kube-lifecycle/1.36' }, signal);
    if (status >= 400) throw new Error(`HTTP hook answered with statuscode: ${status}`);
  } else if (handler.sleep !== undefined) {
    await sleep(handler.sleep.seconds * 1000, signal);
  }
}
