import type { Container, Pod, ServiceAccount } from '#api/core/v1.ts';

const ENFORCE_ANNOTATION = 'kubernetes.io/enforce-mountable-secrets';

/** Whether pods of this account may use only the secrets it lists. */
export function limitsSecrets({ metadata }: ServiceAccount): boolean {
  return metadata.annotations?.[ENFORCE_ANNOTATION] === 'true';
}

/** The first use of a secret that the account does not list, in upstream's words. */
export function foreignSecretUse(pod: Pod, account: ServiceAccount): string | undefined {
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name));
  const owner = account.metadata.name ?? '';
  const denied = (what: string, name: string | undefined) =>
    `${what} secret.secretName="${name ?? ''}" is not allowed because service account ${owner} does not reference that secret`;

  for (const { secret } of pod.spec.volumes ?? []) {
    if (secret !== undefined && !mountable.has(secret.secretName)) return denied('volume with', secret.secretName);
  }
  for (const [sort, containers] of containersBySort(pod)) {
    for (const { name, env = [], envFrom = [] } of containers) {
      for (const variable of env) {
        const reference = variable.valueFrom?.secretKeyRef;
        if (reference === undefined || mountable.has(reference.name)) continue;
        return denied(`${sort} ${name} with envVar ${variable.name} referencing`, reference.name);
      }
      for (const { secretRef } of envFrom) {
        if (secretRef === undefined || mountable.has(secretRef.name)) continue;
        return denied(`${sort} ${name} with envFrom referencing`, secretRef.name);
      }
    }
  }
  return foreignPullSecret(pod, account);
}

function foreignPullSecret(pod: Pod, account: ServiceAccount): string | undefined {
  const known = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const references = pod.spec.imagePullSecrets ?? [];
  const index = references.findIndex(({ name }) => !known.has(name));
  if (index < 0) return undefined;
  const field = `imagePullSecrets[${index}].name="${references[index]?.name ?? ''}"`;
  return `${field} is not allowed because service account ${account.metadata.name} does not reference that imagePullSecret`;
}

function containersBySort({ spec }: Pod): readonly [string, readonly Container[]][] {
  return [
    ['init container', spec.initContainers ?? []],
    ['container', spec.containers],
    ['ephemeral container', (spec.ephemeralContainers ?? []) as readonly Container[]],
  ];
}
