import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '#base/atomic-file.ts';
import { type Authority, authorityFrom, createAuthority, expiresAtMs, type KeyCertificate } from './certificate.ts';

const DAY_MS = 86_400_000;

/** Authorities outlive the machines they run on; nothing replaces them by itself. */
const AUTHORITY_LIFETIME_MS = 20 * 365 * DAY_MS;

/** The text of a file; undefined when there is none. */
export async function readIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`Cannot read ${path}`, { cause: error });
  }
}

/** Reads `<name>.crt` and `<name>.key`; undefined unless both are there. */
export async function readKeyCertificate(folder: string, name: string): Promise<KeyCertificate | undefined> {
  const [cert, key] = await Promise.all([
    readIfExists(join(folder, `${name}.crt`)),
    readIfExists(join(folder, `${name}.key`)),
  ]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** Writes `<name>.key`, then `<name>.crt`: a certificate on disk always has its key. */
export async function writeKeyCertificate(folder: string, name: string, { cert, key }: KeyCertificate): Promise<void> {
  await writeFileAtomic(join(folder, `${name}.key`), key);
  await writeFileAtomic(join(folder, `${name}.crt`), cert);
}

/**
 * Reads an authority, or makes it when there is none. A lost certificate is made anew from its key, so that what it has
 * signed stays good; a lost or damaged key is an error, because going on would lock out every node.
 */
export async function ensureAuthority(folder: string, name: string, commonName: string): Promise<Authority> {
  const [cert, key] = await Promise.all([
    readIfExists(join(folder, `${name}.crt`)),
    readIfExists(join(folder, `${name}.key`)),
  ]);
  if (cert !== undefined && key !== undefined) return readAuthority(join(folder, name), { cert, key });
  if (cert !== undefined) {
    throw new Error(
      `Cannot use the certificate authority: ${join(folder, name)}.key is missing; restore it from a backup`,
    );
  }
  const privateKey = key === undefined ? undefined : createPrivateKey(key);
  const keys = privateKey === undefined ? {} : { keys: { privateKey, publicKey: createPublicKey(privateKey) } };
  const authority = await createAuthority(commonName, { lifetimeMs: AUTHORITY_LIFETIME_MS, ...keys });
  await writeKeyCertificate(folder, name, authority);
  return authority;
}

function readAuthority(path: string, files: KeyCertificate): Authority {
  try {
    return authorityFrom(files);
  } catch (error) {
    throw new Error(`Cannot use the certificate authority in ${path}.crt and ${path}.key; restore both from a backup`, {
      cause: error,
    });
  }
}

/** Reads a certificate that `authority` signed and that is good for long enough; makes it anew otherwise. */
export async function ensureKeyCertificate(
  folder: string,
  name: string,
  {
    authority,
    issue,
    renewBeforeMs,
    now = Date.now(),
  }: {
    authority: Authority;
    issue: () => Promise<KeyCertificate>;
    renewBeforeMs: number;
    now?: number;
  },
): Promise<KeyCertificate> {
  const present = await readKeyCertificate(folder, name);
  if (present !== undefined && isUsable(present, authority, now + renewBeforeMs)) return present;
  const fresh = await issue();
  await writeKeyCertificate(folder, name, fresh);
  return fresh;
}

/** Whether key and certificate belong together, come from the authority and are good at a moment. */
export function isUsable({ cert, key }: KeyCertificate, authority: Authority, atMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return (
      expiresAtMs(certificate) > atMs &&
      certificate.verify(authority.publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(key))
    );
  } catch {
    return false;
  }
}
