import { allContainers } from '#api/core/pod.ts';
import type { Pod, Volume } from '#api/core/v1.ts';

/** Whether a pod names any secret: to pull images, in an environment or as a volume. */
export function namesSecret(pod: Pod): boolean {
  const { imagePullSecrets = [], volumes = [] } = pod.spec;
  return (
    imagePullSecrets.length > 0 ||
    allContainers(pod).some(
      ({ env = [], envFrom = [] }) =>
        env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) ||
        envFrom.some(({ secretRef }) => secretRef !== undefined),
    ) ||
    volumes.some(volumeNamesSecret)
  );
}

function volumeNamesSecret(volume: Volume): boolean {
  const { secret, projected, azureFile, cephfs, flexVolume, rbd, scaleIO, iscsi, storageos, csi } = volume;
  return (
    secret !== undefined ||
    azureFile !== undefined ||
    projected?.sources?.some((source) => source.secret !== undefined) === true ||
    [cephfs, flexVolume, rbd, scaleIO, iscsi, storageos].some((source) => source?.secretRef !== undefined) ||
    csi?.nodePublishSecretRef !== undefined
  );
}

/** Whether a pod names any ConfigMap: in an environment or as a volume. */
export function namesConfigMap(pod: Pod): boolean {
  const { volumes = [] } = pod.spec;
  return (
    allContainers(pod).some(
      ({ env = [], envFrom = [] }) =>
        env.some(({ valueFrom }) => valueFrom?.configMapKeyRef !== undefined) ||
        envFrom.some(({ configMapRef }) => configMapRef !== undefined),
    ) ||
    volumes.some(
      ({ configMap, projected }) =>
        configMap !== undefined || projected?.sources?.some((source) => source.configMap !== undefined) === true,
    )
  );
}

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** Whether a pod only shows what a node runs from a file of its own. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}
