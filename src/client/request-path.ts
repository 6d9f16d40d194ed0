import { apiVersionOf } from '#api/meta/resource-ref.ts';
import type { ApiRequest, Verb } from './transport.ts';

/** The URL path and query of a request, as the Kubernetes API has them. */
export function requestPath({ ref, namespace, name, subresource, query = {} }: Omit<ApiRequest, 'verb'>): string {
  const segments = [ref.group === '' ? 'api' : 'apis', ...apiVersionOf(ref).split('/')];
  if (ref.namespaced && namespace !== undefined && namespace !== '') segments.push('namespaces', namespace);
  segments.push(ref.plural);
  if (name !== undefined && name !== '') segments.push(name);
  if (subresource !== undefined) segments.push(...subresource.split('/'));
  const search = new URLSearchParams(query).toString();
  return `/${segments.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

const METHODS: Readonly<Record<Verb, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** The HTTP method of a verb. */
export function requestMethod(verb: Verb): string {
  return METHODS[verb];
}

/** The content type that tells the server how to read a body. */
export function requestContentType({ verb, patchType = 'merge' }: Pick<ApiRequest, 'verb' | 'patchType'>): string {
  if (verb !== 'patch') return 'application/json';
  if (patchType === 'apply') return 'application/apply-patch+yaml';
  return `application/${patchType === 'strategic' ? 'strategic-merge' : patchType === 'json' ? 'json' : 'merge'}-patch+json`;
}
