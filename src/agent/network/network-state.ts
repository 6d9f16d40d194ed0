import { readFile, rm } from 'node:fs/promises';
import { writeFileAtomic } from '#base/atomic-file.ts';
import type { AddressPoolState } from './address-pool.ts';
import type { HostPort, PeerNode } from './pod-network.ts';

/** What the pod network must remember over a restart. */
export interface NetworkState {
  readonly podCidr?: string | undefined;
  readonly addresses: AddressPoolState;
  readonly peers: readonly PeerNode[];
  /** By pod UID. */
  readonly hostPorts: Readonly<Record<string, readonly HostPort[]>>;
  /** Kernel settings we changed: path below `/proc/sys` to the value we found. */
  readonly settings: Readonly<Record<string, string>>;
}

export const EMPTY_STATE: NetworkState = {
  addresses: { assigned: {}, freed: [] },
  peers: [],
  hostPorts: {},
  settings: {},
};

/** Keeps the state in one file, replaced atomically. Saves that overlap share one write. */
export class NetworkStateFile {
  readonly #path: string;
  #next: NetworkState | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The stored state; an empty one if there is no file. A file that cannot be read as state is an error. */
  async load(): Promise<NetworkState> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY_STATE;
      throw error;
    }
    try {
      return { ...EMPTY_STATE, ...(JSON.parse(text) as Partial<NetworkState>) };
    } catch (cause) {
      throw new Error(`Cannot read the pod network's state in "${this.#path}": delete the file to start anew`, {
        cause,
      });
    }
  }

  /** Resolves once this state, or a later one, is on disk. */
  async save(state: NetworkState): Promise<void> {
    this.#next = state;
    // A write under way may hold an older state: the one after it is the one to wait for.
    await this.#writing?.catch(() => undefined);
    this.#writing ??= this.#write();
    await this.#writing;
  }

  async remove(): Promise<void> {
    await this.#writing?.catch(() => undefined);
    await rm(this.#path, { force: true });
  }

  async #write(): Promise<void> {
    // All saves of this turn are in `#next` by now.
    await Promise.resolve();
    const state = this.#next;
    try {
      await writeFileAtomic(this.#path, JSON.stringify(state));
    } finally {
      this.#writing = undefined;
    }
  }
}
