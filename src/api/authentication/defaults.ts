import { fill } from '../schema/fill.ts';
import type { TokenRequest } from './v1.ts';

/** Modifies. */
export function defaultTokenRequest({ spec }: TokenRequest): void {
  if (spec !== undefined) fill(spec, { expirationSeconds: 3600 });
}
