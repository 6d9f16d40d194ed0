import { setTimeout as delay } from 'node:timers/promises';
import type { AdmissionRequest } from '#api/admission/request.ts';
import { type Container, type Pod, pods, type ServiceAccount, serviceAccounts, type Volume } from '#api/core/v1.ts';
import { deepClone } from '#api/meta/clone.ts';
import { notFound } from '#api/meta/errors.ts';
import { randomSuffix } from '#api/meta/names.ts';
import { foreignSecretUse, limitsSecrets } from './mountable-secrets.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { isMirrorPod, namesSecret } from './pod-references.ts';
import { refusal } from './refusal.ts';

const DEFAULT_ACCOUNT = 'default';
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and the odd seconds by which upstream tells this default from a wish. */
const TOKEN_SECONDS = 3607;
const TOKEN_FILE_MODE = 0o644;
/** A namespace's `default` account is made just after the namespace; its first pods may be quicker. */
const ACCOUNT_POLL_MS = 50;
const ACCOUNT_POLLS = 40;

/** Gives every pod its service account, with a token to reach the API and the secrets to pull its images. */
export function serviceAccount({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    handles: (request) =>
      request.operation === 'CREATE'
        ? concerns(request, pods)
        : request.operation === 'UPDATE' && concerns(request, pods, 'ephemeralcontainers'),
    mutate(request) {
      const pod = request.object as Pod;
      if (request.operation !== 'CREATE' || isMirrorPod(pod)) return;
      pod.spec.serviceAccountName ||= DEFAULT_ACCOUNT;
      const account = accountOf(request, pod);
      if (account !== undefined) return equip(pod, account);
      return awaitAccount(request, pod).then((found) => equip(pod, found));
    },
    validate(request) {
      const pod = request.object as Pod;
      if (isMirrorPod(pod)) return checkMirrorPod(request, pod);
      if (request.operation === 'CREATE' && !pod.spec.serviceAccountName) {
        throw refusal(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name ?? ''}`);
      }
      const account = accountOf(request, pod);
      if (account === undefined) {
        // A running pod outlives its account.
        if (request.operation === 'UPDATE') return;
        throw missing(request, pod);
      }
      const why = limitsSecrets(account) ? foreignSecretUse(pod, account) : undefined;
      if (why !== undefined) throw refusal(request, why);
    },
  };

  function accountOf({ namespace }: AdmissionRequest, { spec }: Pod): ServiceAccount | undefined {
    return cache.get(serviceAccounts, { namespace, name: spec.serviceAccountName ?? '' });
  }

  async function awaitAccount(request: AdmissionRequest, pod: Pod): Promise<ServiceAccount> {
    if (pod.spec.serviceAccountName !== DEFAULT_ACCOUNT) throw missing(request, pod);
    for (let poll = 0; poll < ACCOUNT_POLLS; poll++) {
      await delay(ACCOUNT_POLL_MS, undefined, { signal: request.signal });
      const account = accountOf(request, pod);
      if (account !== undefined) return account;
    }
    throw missing(request, pod);
  }
}

function missing(request: AdmissionRequest, { spec }: Pod) {
  const { serviceAccountName = '' } = spec;
  const cause = notFound({ group: '', plural: 'serviceaccount' }, serviceAccountName).message;
  return refusal(request, `error looking up service account ${request.namespace}/${serviceAccountName}: ${cause}`);
}

function equip({ spec }: Pod, account: ServiceAccount): void {
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
  if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
    spec.imagePullSecrets = deepClone(account.imagePullSecrets);
  }
}

/** A container that mounts something of its own at the usual place is left alone. */
function mountToken(spec: Pod['spec']): void {
  const present = spec.volumes?.find(({ name }) => name.startsWith(VOLUME_PREFIX));
  const name = present?.name ?? VOLUME_PREFIX + randomSuffix();
  const without = [...(spec.initContainers ?? []), ...spec.containers].filter(lacksToken);
  for (const container of without) {
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: TOKEN_PATH }];
  }
  if (present === undefined && without.length > 0) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function lacksToken({ volumeMounts = [] }: Container): boolean {
  return !volumeMounts.some(({ mountPath }) => mountPath === TOKEN_PATH);
}

function tokenVolume(name: string): Volume {
  const namespace = { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } };
  return {
    name,
    projected: {
      defaultMode: TOKEN_FILE_MODE,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: TOKEN_SECONDS } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [namespace] } },
      ],
    },
  };
}

function checkMirrorPod(request: AdmissionRequest, pod: Pod): void {
  if (request.operation !== 'CREATE') return;
  if (pod.spec.serviceAccountName) throw refusal(request, 'a mirror pod may not reference service accounts');
  if (namesSecret(pod)) throw refusal(request, 'a mirror pod may not reference secrets');
  const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined)) {
    throw refusal(request, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}
