import type { ObjectReference, Pod } from '#api/core/v1.ts';
import type { EventRecorder, EventType } from '#client/events.ts';
import { containersOf } from './pods/pod-view.ts';

const LIST = { init: 'initContainers', sidecar: 'initContainers', app: 'containers', ephemeral: 'ephemeralContainers' };

/** Events about pods and their containers. */
export class PodEvents {
  readonly #recorder: EventRecorder;

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder;
  }

  pod(pod: Pod, type: EventType, reason: string, message: string): void {
    this.#recorder.event(podReference(pod), type, reason, message);
  }

  container(
    pod: Pod,
    container: string,
    { type, reason, message }: { type: EventType; reason: string; message: string },
  ): void {
    const role = containersOf(pod).find((place) => place.container.name === container)?.role ?? 'app';
    const reference = { ...podReference(pod), fieldPath: `spec.${LIST[role]}{${container}}` };
    this.#recorder.event(reference, type, reason, message);
  }
}

function podReference({ metadata }: Pod): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { kind: 'Pod', apiVersion: 'v1', name, namespace, uid, resourceVersion };
}
