import { fill } from '../schema/fill.ts';
import type { APIService } from './v1.ts';

/** Modifies. */
export function defaultApiService({ spec }: APIService): void {
  if (spec?.service) fill(spec.service, { port: 443 });
}
