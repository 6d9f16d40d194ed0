import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { fromPem } from './der.ts';

const generate = promisify(generateKeyPair);

/** A fresh EC P-256 key. */
export async function generateEcKey(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return await generate('ec', { namedCurve: 'P-256' });
}

/** A private key as PKCS#8 PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The DER of the first certificate in a PEM text; undefined when there is none. */
export function certificateDer(pem: string): Buffer | undefined {
  return fromPem(pem, 'CERTIFICATE');
}
