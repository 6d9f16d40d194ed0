import type { AdmissionRequest } from '#api/admission/request.ts';
import { forbidden, type StatusError } from '#api/meta/errors.ts';

/** 403 in admission's words. An object that has no name yet goes by what its name will begin with. */
export function refusal(request: AdmissionRequest, why: string): StatusError {
  const { resource, name, object } = request;
  const { name: given = '', generateName = '' } = object?.metadata ?? {};
  return forbidden(resource, name || given || generateName || 'Unknown', why);
}
