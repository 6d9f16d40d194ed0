import type { AdmissionRequest } from '#api/admission/request.ts';
import { localSubjectAccessReviews } from '#api/authorization/v1.ts';
import { namespaces } from '#api/core/v1.ts';
import { notFound, withCauses } from '#api/meta/errors.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

/** Namespaces every cluster needs; deleting one would strand the control plane. */
const PROTECTED: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Refuses objects in missing or terminating namespaces, and the deletion of protected ones. */
export function namespaceLifecycle({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    handles: (request) =>
      request.resource.namespaced
        ? request.operation === 'CREATE' || request.operation === 'UPDATE'
        : request.operation === 'DELETE' && concerns(request, namespaces),
    // Here and not in `validate`, so that nothing else is said about an object that has no place.
    mutate(request) {
      if (request.operation === 'DELETE' || concerns(request, localSubjectAccessReviews)) return;
      requirePlace(request);
    },
    validate(request) {
      if (request.operation === 'DELETE' && PROTECTED.has(request.name)) {
        throw refusal(request, 'this namespace may not be deleted');
      }
    },
  };

  function requirePlace(request: AdmissionRequest): void {
    const { operation, namespace = '' } = request;
    const place = cache.get(namespaces, { name: namespace });
    if (place === undefined) throw notFound(namespaces, namespace);
    if (operation !== 'CREATE' || place.status?.phase !== 'Terminating') return;
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const message = `namespace ${namespace} is being terminated`;
    throw withCauses(refusal(request, why), [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }]);
  }
}
