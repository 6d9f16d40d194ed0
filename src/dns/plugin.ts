import type { Query, Reply } from './wire.ts';

/** What a plugin makes of a query. */
export type Outcome =
  | {
      readonly reply: Reply;
      /** The answer is the same, byte for byte, until the index changes. */
      readonly isStable?: boolean;
      /** The reply ends in this name, which somebody else knows: its addresses are to be added. */
      readonly alias?: string;
    }
  /** A whole answer from elsewhere, with our client's id still to be put in. */
  | { readonly message: Buffer };

/**
 * One source of answers. The resolver asks plugins in order, one query at a time each but many at once; the first that
 * does not return undefined has answered. A plugin that throws or rejects makes the answer SERVFAIL. Names in queries are
 * lower case.
 */
export interface DnsPlugin {
  readonly name: string;
  answer(query: Query, transport: 'udp' | 'tcp'): Outcome | undefined | Promise<Outcome | undefined>;
}
