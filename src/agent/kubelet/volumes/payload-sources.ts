import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeFile,
  Pod,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
} from '#api/core/v1.ts';
import type { ClusterObjects } from '../cluster-objects.ts';
import { type DownwardFacts, fieldValue, resourceValue } from '../spec/downward.ts';
import { type Payload, type PayloadFile, selectKeys } from './payload.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** Where the content of live volumes comes from. */
export interface PayloadDeps {
  readonly objects: ClusterObjects;
  readonly tokens: ServiceAccountTokens;
  readonly facts: (pod: Pod) => DownwardFacts;
}

export const DEFAULT_MODE = 0o644;

interface Context {
  readonly pod: Pod;
  readonly defaultMode: number;
  readonly signal: AbortSignal;
}

type ObjectSource = Pick<ConfigMapVolumeSource, 'name' | 'items' | 'optional'>;

/** Files of a ConfigMap; text and bytes alike. */
export async function configMapPayload(
  { objects }: PayloadDeps,
  source: ObjectSource,
  context: Context,
): Promise<Payload> {
  const { namespace } = context.pod.metadata;
  const { name = '', items, optional } = source;
  const found = await objects.configMap({ namespace, name }, context.signal);
  if (found === undefined && optional !== true) throw new Error(`configmap "${name}" not found`);
  const data = new Map([
    ...Object.entries(found?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(found?.binaryData ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')] as const),
  ]);
  return selectKeys(data, { items, defaultMode: context.defaultMode, optional, source: 'config' });
}

/** Files of a Secret. */
export async function secretPayload(
  { objects }: PayloadDeps,
  source: ObjectSource,
  context: Context,
): Promise<Payload> {
  const { namespace } = context.pod.metadata;
  const { name = '', items, optional } = source;
  const found = await objects.secret({ namespace, name }, context.signal);
  if (found === undefined && optional !== true) throw new Error(`secret "${name}" not found`);
  const data = new Map(
    Object.entries(found?.data ?? {}).map(([key, base64]) => [key, Buffer.from(base64, 'base64')] as const),
  );
  return selectKeys(data, { items, defaultMode: context.defaultMode, optional, source: 'secret' });
}

export const secretReference = ({ secretName, items, optional }: SecretVolumeSource): ObjectSource => ({
  name: secretName,
  items,
  optional,
});

/** Files that tell a pod about itself. */
export function downwardPayload(
  { facts }: PayloadDeps,
  items: readonly DownwardAPIVolumeFile[],
  context: Context,
): Payload {
  const { pod, defaultMode } = context;
  const known = facts(pod);
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const payload = new Map<string, PayloadFile>();
  for (const { path, mode = defaultMode, fieldRef, resourceFieldRef } of items) {
    const text =
      fieldRef !== undefined
        ? fieldValue(pod, fieldRef, known)
        : resourceFieldRef !== undefined
          ? resourceValue(containers, resourceFieldRef, { own: undefined, allocatable: known.allocatable })
          : '';
    payload.set(path, { data: Buffer.from(text), mode });
  }
  return payload;
}

/** A token of the pod's service account, readable by whoever the pod runs as and nobody else. */
export async function tokenPayload(
  { tokens }: PayloadDeps,
  { path, audience, expirationSeconds }: ServiceAccountTokenProjection,
  context: Context,
): Promise<Payload> {
  const { pod, defaultMode, signal } = context;
  const token = await tokens.get(pod, { audience, expirationSeconds }, signal);
  const uid = onlyUser(pod);
  const isOwned = uid !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  return new Map([[path, { data: Buffer.from(token), mode: isOwned ? 0o600 : defaultMode, uid }]]);
}

/** The user all containers of the pod run as, where the pod says so. */
function onlyUser({ spec }: Pod): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  const [first] = users;
  return users.every((user) => user === first) ? first : undefined;
}
