import type { Pod, VolumeProjection } from '#api/core/v1.ts';
import { type Payload, type PayloadFile, writePayload } from './payload.ts';
import {
  configMapPayload,
  DEFAULT_MODE,
  downwardPayload,
  type PayloadDeps,
  secretPayload,
  secretReference,
  tokenPayload,
} from './payload-sources.ts';
import type { VolumeDriver, VolumeRequest } from './volume-driver.ts';

interface LiveDriver {
  readonly name: string;
  readonly medium: VolumeDriver['medium'];
  /** Undefined for volumes of other kinds. */
  readonly payload: (request: VolumeRequest, signal: AbortSignal) => Promise<Payload> | undefined;
  readonly matches: VolumeDriver['matches'];
}

function liveDriver({ name, medium, matches, payload }: LiveDriver): VolumeDriver {
  return {
    name,
    medium,
    isLive: true,
    matches,
    async setUp(request, signal) {
      const files = (await payload(request, signal)) ?? new Map();
      await writePayload(request.path, files, { fsGroup: request.pod.spec.securityContext?.fsGroup });
      return { hostPath: request.path, readOnly: true };
    },
  };
}

/** Volumes whose content is objects of the API. */
export function liveDrivers(deps: PayloadDeps): VolumeDriver[] {
  return [
    liveDriver({
      name: 'kubernetes.io~configmap',
      medium: 'disk',
      matches: ({ configMap }) => configMap !== undefined,
      payload({ pod, volume: { configMap } }, signal) {
        if (configMap === undefined) return undefined;
        return configMapPayload(deps, configMap, { pod, defaultMode: configMap.defaultMode ?? DEFAULT_MODE, signal });
      },
    }),
    liveDriver({
      name: 'kubernetes.io~secret',
      medium: 'memory',
      matches: ({ secret }) => secret !== undefined,
      payload({ pod, volume: { secret } }, signal) {
        if (secret === undefined) return undefined;
        const context = { pod, defaultMode: secret.defaultMode ?? DEFAULT_MODE, signal };
        return secretPayload(deps, secretReference(secret), context);
      },
    }),
    liveDriver({
      name: 'kubernetes.io~downward-api',
      medium: 'disk',
      matches: ({ downwardAPI }) => downwardAPI !== undefined,
      async payload({ pod, volume: { downwardAPI } }, signal) {
        const context = { pod, defaultMode: downwardAPI?.defaultMode ?? DEFAULT_MODE, signal };
        return downwardPayload(deps, downwardAPI?.items ?? [], context);
      },
    }),
    liveDriver({
      name: 'kubernetes.io~projected',
      medium: 'memory',
      matches: ({ projected }) => projected !== undefined,
      async payload({ pod, volume: { projected } }, signal) {
        const context = { pod, defaultMode: projected?.defaultMode ?? DEFAULT_MODE, signal };
        const all = new Map<string, PayloadFile>();
        for (const source of projected?.sources ?? []) {
          for (const [path, file] of await projection(deps, source, context)) all.set(path, file);
        }
        return all;
      },
    }),
  ];
}

async function projection(
  deps: PayloadDeps,
  source: VolumeProjection,
  context: { pod: Pod; defaultMode: number; signal: AbortSignal },
): Promise<Payload> {
  if (source.configMap !== undefined) return configMapPayload(deps, source.configMap, context);
  if (source.secret !== undefined) return secretPayload(deps, source.secret, context);
  if (source.downwardAPI !== undefined) return downwardPayload(deps, source.downwardAPI.items ?? [], context);
  if (source.serviceAccountToken !== undefined) return tokenPayload(deps, source.serviceAccountToken, context);
  throw new Error(`projected source ${Object.keys(source).join(', ') || '(empty)'} is not supported on this node`);
}
