import type { EndpointSlice } from './v1.ts';

/** An unnamed port has the empty name. Modifies. */
export function defaultEndpointSlice({ ports }: EndpointSlice): void {
  for (const port of ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}
