import { fill } from '../schema/fill.ts';
import type { CustomResourceDefinition } from './v1.ts';

/** Names that follow from the kind, and no conversion between versions. Modifies. */
export function defaultCustomResourceDefinition({ spec }: CustomResourceDefinition): void {
  if (spec === undefined) return;
  const { names } = spec;
  if (names?.kind) fill(names, { singular: names.kind.toLowerCase(), listKind: `${names.kind}List` });
  fill(spec, { conversion: { strategy: 'None' } });
  const service = spec.conversion?.webhook?.clientConfig?.service;
  if (service) fill(service, { port: 443 });
}
