import type { AdmissionRequest } from '#api/admission/request.ts';
import type { TokenRequest } from '#api/authentication/v1.ts';
import { type Pod, persistentVolumeClaims, persistentVolumes, pods, type Volume } from '#api/core/v1.ts';
import { notFound } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { csiDrivers } from '#api/storage/v1.ts';
import type { Cache } from '#client/cache.ts';
import type { AdmissionDeps } from '../plugin.ts';
import { refusal } from '../refusal.ts';

/** A node gets tokens only for pods bound to it, and only for an audience that such a pod asks for. */
export async function checkToken(
  { cache, mayDo }: Pick<AdmissionDeps, 'cache' | 'mayDo'>,
  request: AdmissionRequest,
  nodeName: string,
): Promise<void> {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const { spec } = request.object as TokenRequest;
  const pod = boundPod(cache, request, nodeName);
  const [audience = '', ...more] = spec.audiences ?? [];
  if (more.length > 0) throw refusal(request, 'node may only request 0 or 1 audiences');
  if (audience === '' || audiencesOf(cache, pod).has(audience)) return;
  const { user, namespace, name } = request;
  const verb = 'request-serviceaccounts-token-audience';
  if (await mayDo(user, { verb, group: '', version: 'v1', resource: audience, namespace, name })) return;
  const why = `audience ${goQuote(audience)} not found in pod spec volume, ${user.username} is not authorized to request tokens for this audience`;
  throw refusal(request, why);
}

function boundPod(cache: Cache, request: AdmissionRequest, nodeName: string): Pod {
  const { boundObjectRef: bound } = (request.object as TokenRequest).spec;
  if (bound?.apiVersion !== 'v1' || bound.kind !== 'Pod' || !bound.name) {
    throw refusal(request, 'node requested token not bound to a pod');
  }
  if (!bound.uid) throw refusal(request, 'node requested token with a pod binding without a uid');
  const pod = cache.get(pods, { namespace: request.namespace, name: bound.name });
  if (pod === undefined) throw notFound(pods, bound.name);
  if (pod.metadata.uid !== bound.uid) {
    const why = `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw refusal(request, why);
  }
  if (pod.spec.nodeName !== nodeName) {
    throw refusal(request, 'node requested token bound to a pod scheduled on a different node');
  }
  return pod;
}

/** Audiences that the pod's volumes need tokens for: projected ones, and those of storage drivers. */
function audiencesOf(cache: Cache, pod: Pod): ReadonlySet<string> {
  const audiences = new Set<string>();
  for (const volume of pod.spec.volumes ?? []) {
    for (const { serviceAccountToken } of volume.projected?.sources ?? []) {
      if (serviceAccountToken?.audience !== undefined) audiences.add(serviceAccountToken.audience);
    }
    const name = driverOf(cache, pod, volume);
    const driver = name === undefined ? undefined : cache.get(csiDrivers, { name });
    for (const { audience } of driver?.spec.tokenRequests ?? []) audiences.add(audience);
  }
  return audiences;
}

function driverOf(cache: Cache, { metadata }: Pod, { name, csi, persistentVolumeClaim, ephemeral }: Volume) {
  if (csi !== undefined) return csi.driver;
  const claimName = ephemeral === undefined ? persistentVolumeClaim?.claimName : `${metadata.name}-${name}`;
  if (claimName === undefined) return undefined;
  const claim = cache.get(persistentVolumeClaims, { namespace: metadata.namespace, name: claimName });
  const { volumeName } = claim?.spec ?? {};
  return volumeName === undefined ? undefined : cache.get(persistentVolumes, { name: volumeName })?.spec?.csi?.driver;
}
