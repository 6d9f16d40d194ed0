import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeFileAtomic } from '#base/atomic-file.ts';
import { privateKeyPem } from '#base/x509/keys.ts';
import { readIfExists } from './files.ts';

/** The pair that signs and verifies ServiceAccount tokens. */
export interface ServiceAccountKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Names the key in tokens and in the published key set. */
  readonly keyId: string;
}

const generate = promisify(generateKeyPair);

/** Reads the RSA key, or makes it when there is none. A damaged key is an error: a new one would void every token. */
export async function ensureServiceAccountKey(folder: string): Promise<ServiceAccountKey> {
  const path = join(folder, 'service-account.key');
  const pem = await readIfExists(path);
  if (pem !== undefined) return serviceAccountKeyFrom(pem, path);
  const { privateKey } = await generate('rsa', { modulusLength: 2048 });
  const fresh = privateKeyPem(privateKey);
  await writeFileAtomic(path, fresh);
  return serviceAccountKeyFrom(fresh, path);
}

function serviceAccountKeyFrom(pem: string, path: string): ServiceAccountKey {
  try {
    const privateKey = createPrivateKey(pem);
    const publicKey = createPublicKey(privateKey);
    return { privateKey, publicKey, keyId: keyIdOf(publicKey) };
  } catch (error) {
    throw new Error(`Cannot use the service account key in ${path}; restore it from a backup`, { cause: error });
  }
}

/** Digest of the public key, so that every server names the same key alike. */
function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}
