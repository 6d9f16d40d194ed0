import { type KeyObject, sign, verify } from 'node:crypto';

/** Claims of a token; which ones are there is up to who issued it. */
export type Claims = Readonly<Record<string, unknown>>;

export interface ParsedJwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Claims;
  /** What the signature covers. */
  readonly signed: string;
  readonly signature: Buffer;
}

/** Signs claims with RS256, off the main thread. */
export function signJwt(
  claims: Claims,
  { privateKey, keyId }: { privateKey: KeyObject; keyId: string },
): Promise<string> {
  const signed = `${encode({ alg: 'RS256', kid: keyId })}.${encode(claims)}`;
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(signed), privateKey, (error, signature) => {
      if (error === null) resolve(`${signed}.${signature.toString('base64url')}`);
      else reject(error);
    });
  });
}

/** Takes a token apart without judging it; undefined when it has not the shape of one. */
export function parseJwt(token: string): ParsedJwt | undefined {
  const [header = '', claims = '', signature = '', ...rest] = token.split('.');
  if (signature === '' || rest.length > 0) return undefined;
  const parsed = { header: decode(header), claims: decode(claims) };
  if (parsed.header === undefined || parsed.claims === undefined) return undefined;
  return {
    header: parsed.header,
    claims: parsed.claims,
    signed: `${header}.${claims}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Whether an RS256 signature is of this key. */
export function verifyJwt({ header, signed, signature }: ParsedJwt, publicKey: KeyObject): boolean {
  return header['alg'] === 'RS256' && verify('sha256', Buffer.from(signed), publicKey, signature);
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
