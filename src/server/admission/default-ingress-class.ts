import { type Ingress, ingressClasses, ingresses } from '#api/networking/v1.ts';
import { defaultClassName } from './default-class.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';

const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
const CLASS_BETA = 'kubernetes.io/ingress.class';

/** Names the default ingress class in ingresses that name none. */
export function defaultIngressClass({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (request) => request.operation === 'CREATE' && concerns(request, ingresses),
    mutate({ object }) {
      const ingress = object as Ingress;
      if (ingress.spec?.ingressClassName !== undefined || ingress.metadata.annotations?.[CLASS_BETA] !== undefined) {
        return;
      }
      const ingressClassName = defaultClassName(cache.list(ingressClasses), IS_DEFAULT);
      if (ingressClassName !== undefined) ingress.spec = { ...ingress.spec, ingressClassName };
    },
  };
}
