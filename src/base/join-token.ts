import { createHash } from 'node:crypto';
import { certificateDer } from './x509/keys.ts';

/** User part of the token that is kept in the data folder. */
export const JOIN_USER = 'node';

/** A token a node joins with: it names the authority to trust and carries the credential to show. */
export interface JoinToken {
  /** Hex SHA-256 of the cluster authority's certificate (DER); undefined in a short token, which pins nothing. */
  readonly authorityHash: string | undefined;
  /** What the server is shown as bearer token: `node:<secret>`, or a bootstrap token `<id>.<secret>`. */
  readonly credential: string;
}

/** Fingerprint of an authority as tokens carry it. */
export function authorityHash(certPem: string): string {
  const content = certificateDer(certPem);
  if (content === undefined) throw new Error('Cannot fingerprint the authority: no certificate in the PEM text');
  return createHash('sha256').update(content).digest('hex');
}

export function formatJoinToken(certPem: string, credential: string): string {
  return `K10${authorityHash(certPem)}::${credential}`;
}

/** Splits a token. Throws, with the cure, for text that is none. */
export function parseJoinToken(text: string): JoinToken {
  const token = text.trim();
  const [, hash, credential = ''] = /^(?:K10([0-9a-f]{64})::)?(.*)$/.exec(token) ?? [];
  if (!/^[a-z0-9]+:\S+$/.test(credential) && !/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(credential)) {
    throw new Error('The token is malformed: expected K10<hash>::<user>:<secret> as printed by "skiff token create"');
  }
  return { authorityHash: hash, credential };
}
