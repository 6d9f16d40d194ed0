import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StatusError } from '#api/meta/errors.ts';
import { writeFileAtomic } from '#base/atomic-file.ts';
import { backoffMs, sleep } from '#base/backoff.ts';
import type { Component } from '#base/component.ts';
import { parseJoinToken } from '#base/join-token.ts';
import type { Logger } from '#base/logger.ts';
import type { AlternativeNames } from '#base/x509/extensions.ts';
import { Client } from '#client/client.ts';
import { type Credentials, HttpsTransport } from '#client/https-transport.ts';
import { fetchAuthority } from './authority.ts';
import { type KeyPair, requestCertificate } from './certificate-request.ts';

export interface NodeIdentityOptions {
  /** Where keys and certificates are kept: `<data-dir>/agent/tls`. */
  readonly folder: string;
  readonly server: string;
  readonly nodeName: string;
  /** Needed once, to join. */
  readonly token: string | undefined;
  /** Names and addresses that the node's own API is reached by. */
  readonly names: AlternativeNames;
  readonly userAgent: string;
  readonly log: Logger;
}

const DAY_MS = 86_400_000;
const RENEW_BEFORE_MS = 180 * DAY_MS;
const CHECK_EVERY_MS = 3_600_000;

/**
 * Who this node is: a key of its own that the cluster certified. Joins with the token when there is none yet, and renews
 * online long before the end.
 */
export class NodeIdentity implements Component {
  readonly name = 'node-identity';
  readonly #options: NodeIdentityOptions;
  readonly #listeners = new Set<(serving: KeyPair) => void>();
  readonly #abort = new AbortController();
  #ca = '';
  #client: KeyPair | undefined;
  #serving: KeyPair | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  constructor(options: NodeIdentityOptions) {
    this.#options = options;
  }

  /** PEM of the cluster's authority. */
  get authority(): string {
    return this.#ca;
  }

  /** What the node's own API serves. Throws before `start`. */
  get serving(): KeyPair {
    if (this.#serving === undefined) throw new Error('The node has no certificate yet');
    return this.#serving;
  }

  /** For connections to the API server. */
  readonly credentials = (): Credentials => ({ ca: this.#ca, ...this.#client });

  /** Called with every certificate that replaces `serving`. */
  onServing(listener: (serving: KeyPair) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the node may speak and serve; tries for as long as it takes when the server is away. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#load();
    for (let failures = 1; ; failures++) {
      try {
        await this.#ensure(signal);
        break;
      } catch (error) {
        if (signal.aborted || isHopeless(error)) throw error;
        const waitMs = backoffMs(failures, { initialMs: 500, maxMs: 15_000 });
        this.#options.log.warn({ err: error, retryMs: waitMs }, 'cannot join yet');
        await sleep(waitMs, signal);
      }
    }
    this.#timer = setInterval(() => this.#renewQuietly(), CHECK_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    await this.#checking;
  }

  async #load(): Promise<void> {
    const { folder } = this.#options;
    this.#ca = (await readIfThere(join(folder, 'ca.crt'))) ?? '';
    this.#client = await readPair(folder, 'client');
    this.#serving = await readPair(folder, 'serving');
    if (this.#client !== undefined && !isNodes(this.#client, this.#options.nodeName)) {
      throw new HopelessError(
        `This machine joined under another name; start it with --node-name ${commonName(this.#client)}, or remove ${folder} to join as "${this.#options.nodeName}"`,
      );
    }
  }

  async #ensure(signal: AbortSignal): Promise<void> {
    if (this.#ca === '' || this.#client === undefined) await this.#join(signal);
    if (!lasts(this.#client)) await this.#renew('client', signal);
    if (!lasts(this.#serving) || !covers(this.#serving, this.#options.names)) await this.#renew('serving', signal);
  }

  async #join(signal: AbortSignal): Promise<void> {
    const { token, server, folder, nodeName, log } = this.#options;
    if (token === undefined)
      throw new HopelessError(
        'This node has not joined yet: start it with --token, as the server has it in <data-dir>/server/token',
      );
    const { credential } = parsed(token);
    const ca = await fetchAuthority(server, token, signal);
    const pair = await this.#request({ ca, token: credential }, 'client', signal).catch((error: unknown) => {
      if (!(error instanceof StatusError) || error.code !== 401) throw error;
      throw new HopelessError(
        'The server does not accept this token: it is wrong or has expired; make a new one there with "skiff token create"',
        { cause: error },
      );
    });
    await writeFileAtomic(join(folder, 'ca.crt'), ca, { mode: 0o644 });
    await writePair(folder, 'client', pair);
    this.#ca = ca;
    this.#client = pair;
    log.info({ server, node: nodeName }, 'joined the cluster');
  }

  async #renew(purpose: 'client' | 'serving', signal: AbortSignal): Promise<void> {
    const pair = await this.#request(this.credentials(), purpose, signal);
    await writePair(this.#options.folder, purpose, pair);
    this.#options.log.info({ purpose }, 'certificate issued');
    if (purpose === 'client') this.#client = pair;
    else {
      this.#serving = pair;
      for (const listener of this.#listeners) listener(pair);
    }
  }

  async #request(credentials: Credentials, purpose: 'client' | 'serving', signal: AbortSignal): Promise<KeyPair> {
    const { server, userAgent, nodeName, names } = this.#options;
    const transport = new HttpsTransport({ server, userAgent, credentials: () => credentials });
    try {
      const wish = { nodeName, purpose, ...(purpose === 'serving' && { names }) };
      return await requestCertificate(new Client(transport), wish, signal);
    } finally {
      transport.close();
    }
  }

  #renewQuietly(): void {
    this.#checking = this.#ensure(this.#abort.signal).catch((err: unknown) => {
      if (!this.#abort.signal.aborted) this.#options.log.warn({ err }, 'cannot renew certificates, will try again');
    });
  }
}

/** Trying again would not help. */
class HopelessError extends Error {}

function isHopeless(error: unknown): boolean {
  return error instanceof HopelessError || (error instanceof Error && /^The (token|server at)/.test(error.message));
}

function parsed(token: string): { credential: string } {
  try {
    return parseJoinToken(token);
  } catch (error) {
    throw new HopelessError((error as Error).message, { cause: error });
  }
}

function commonName({ cert }: KeyPair): string {
  return /CN=system:node:(\S+)/.exec(new X509Certificate(cert).subject)?.[1] ?? '';
}

function isNodes(pair: KeyPair, nodeName: string): boolean {
  return commonName(pair) === nodeName;
}

function lasts(pair: KeyPair | undefined): boolean {
  if (pair === undefined) return false;
  const { validTo } = new X509Certificate(pair.cert);
  return Date.parse(validTo) - Date.now() > RENEW_BEFORE_MS;
}

function covers(pair: KeyPair | undefined, { dnsNames, ipAddresses }: AlternativeNames): boolean {
  if (pair === undefined) return false;
  const certificate = new X509Certificate(pair.cert);
  return (
    dnsNames.every((name) => certificate.checkHost(name)) &&
    ipAddresses.every((address) => certificate.checkIP(address))
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Key and certificate stand in one file, so that a crash cannot leave one without the other. */
async function readPair(folder: string, name: string): Promise<KeyPair | undefined> {
  const text = await readIfThere(join(folder, `${name}.pem`));
  const [, key, cert] = /^(-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n)(.*)$/s.exec(text ?? '') ?? [];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

async function writePair(folder: string, name: string, { cert, key }: KeyPair): Promise<void> {
  await writeFileAtomic(join(folder, `${name}.pem`), `${key.trimEnd()}\n${cert}`);
}
