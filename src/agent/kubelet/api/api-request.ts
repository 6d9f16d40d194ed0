import type { IncomingMessage } from 'node:http';

/** A request's address, taken apart. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** Decoded parts of the path. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

/** Undefined for an address that is none. */
export function parseApiRequest({ method = 'GET', url = '/' }: IncomingMessage): ApiRequest | undefined {
  try {
    const { pathname, searchParams } = new URL(url, 'http://kubelet');
    const parts = pathname
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    return { method, path: pathname, parts, query: searchParams };
  } catch {
    return undefined;
  }
}

/** A switch of a query: both the API's words and the kubelet's older ones are understood. */
export function isOn(query: URLSearchParams, ...names: string[]): boolean {
  return names.some((name) => ['true', '1'].includes(query.get(name) ?? ''));
}
