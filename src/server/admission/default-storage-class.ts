import { type PersistentVolumeClaim, persistentVolumeClaims } from '#api/core/v1.ts';
import { storageClasses } from '#api/storage/v1.ts';
import { defaultClassName } from './default-class.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const IS_DEFAULT_BETA = 'storageclass.beta.kubernetes.io/is-default-class';
const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';

/** Names the default storage class in claims that name none; the empty name is a name. */
export function defaultStorageClass({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (request) => request.operation === 'CREATE' && concerns(request, persistentVolumeClaims),
    mutate({ object }) {
      const claim = object as PersistentVolumeClaim;
      if (claim.spec?.storageClassName !== undefined || claim.metadata.annotations?.[CLASS_BETA] !== undefined) return;
      const storageClassName = defaultClassName(cache.list(storageClasses), IS_DEFAULT, IS_DEFAULT_BETA);
      if (storageClassName !== undefined) claim.spec = { ...claim.spec, storageClassName };
    },
  };
}
