import type { ListenAddress } from './listener.ts';
import type { ForwardTargets } from './plugins/forward.ts';
import type { ZoneDelta } from './zone-index.ts';

/** What the resolver's thread is started with. */
export interface DnsWorkerOptions {
  readonly zone: string;
  readonly dnsIp: string;
  /** Pod and service addresses, whose names nobody else is asked for. */
  readonly ranges: readonly string[];
  readonly addresses: readonly ListenAddress[];
  readonly targets: ForwardTargets;
}

export type ToWorker =
  | { readonly type: 'zone'; readonly delta: ZoneDelta }
  | { readonly type: 'targets'; readonly targets: ForwardTargets }
  | { readonly type: 'stop' };

export type FromWorker =
  | { readonly type: 'listening'; readonly address: ListenAddress }
  | { readonly type: 'not-listening'; readonly address: ListenAddress; readonly code: string; readonly message: string }
  | { readonly type: 'stopped' };
