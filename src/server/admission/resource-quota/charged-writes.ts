import type { AdmissionRequest } from '#api/admission/request.ts';
import { groupResource } from '#api/meta/resource-ref.ts';

type Write = Pick<AdmissionRequest, 'resource' | 'operation' | 'subresource'>;

/** Kinds whose changes, too, can use more: a service by its type, a claim by its size. */
const CHARGED_WHEN_UPDATED: ReadonlySet<string> = new Set(['services', 'persistentvolumeclaims']);

/** Whether a write can use more of what quotas count. */
export function isCharged({ resource, operation, subresource }: Write): boolean {
  const name = groupResource(resource);
  if (subresource !== undefined) return name === 'pods' && operation === 'UPDATE' && subresource === 'resize';
  return operation === 'CREATE' || (operation === 'UPDATE' && CHARGED_WHEN_UPDATED.has(name));
}
