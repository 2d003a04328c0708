/** What the stores of all validators hold, once these are down: the same commits, and one block for each slot. */
import { existsSync } from 'node:fs';
import { decodeBlock } from '../../src/core/block.ts';
import { equalBytes, toHex } from '../../src/core/bytes.ts';
import { commitDigest, decodeCommit } from '../../src/core/commit.ts';
import type { SignedRecord } from '../../src/core/io.ts';
import { isUnsigned } from '../../src/node/history-server.ts';
import { homePaths } from '../../src/node/home.ts';
import { openSignedRecord } from '../../src/store/signed-record.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { loadKernels } from '../../src/wasm/load.ts';

const kernels = loadKernels();

/** A signed block, and a store that holds it. */
interface Seen {
  readonly epoch: number;
  readonly round: number;
  readonly author: number;
  readonly digest: Uint8Array;
  readonly node: number;
}

export interface StoredCounts {
  /** Of the longest chain. */
  readonly commits: number;
  /** Slots (epoch, round, author) with a signed block. */
  readonly slots: number;
}

/** Gathers what the stores hold, one after the other; throws at the first that contradicts another. */
export class StoreComparison {
  readonly #commits = new Map<number, { readonly digest: Uint8Array; readonly node: number }>();
  readonly #slots = new Map<string, Seen>();
  readonly #records = new Map<number, SignedRecord>();

  get counts(): StoredCounts {
    return { commits: this.#commits.size, slots: this.#slots.size };
  }

  /** Compares the store of validator `node` with all before. Nobody may have it open. */
  async add(node: number, home: string): Promise<void> {
    const paths = homePaths(home);
    const store = await openStore(paths.data);
    try {
      this.addStore(node, store);
    } finally {
      await store.close();
    }
    if (existsSync(paths.record)) await this.#addRecord(node, paths.record);
  }

  addStore(node: number, store: Store): void {
    const epochs = this.#addCommits(node, store);
    for (let epoch = 0; epoch <= epochs; epoch++) this.#addBlocks(node, store, epoch);
  }

  /** Returns the highest epoch. */
  #addCommits(node: number, store: Store): number {
    let epoch = 0;
    for (const { index, commit: bytes } of store.commits(1)) {
      const commit = decodeCommit(bytes);
      epoch = Math.max(epoch, commit.epoch);
      const digest = commitDigest(kernels, commit);
      const known = this.#commits.get(index);
      if (known === undefined) this.#commits.set(index, { digest, node });
      else if (!equalBytes(known.digest, digest)) {
        throw new Error(
          `commit ${index} is ${toHex(known.digest)} at node ${known.node + 1} and ${toHex(digest)} at node ${node + 1}`,
        );
      }
    }
    return epoch;
  }

  #addBlocks(node: number, store: Store, epoch: number): void {
    for (const bytes of store.blocksFrom(1, epoch)) {
      // Logged before it was signed, and never signed: nobody else can know of it.
      if (isUnsigned(bytes)) continue;
      const { round, author, digest } = decodeBlock(kernels, bytes).ref;
      const slot = `${epoch} ${round} ${author}`;
      const known = this.#slots.get(slot);
      if (known === undefined) this.#slots.set(slot, { epoch, round, author, digest, node });
      else if (!equalBytes(known.digest, digest)) {
        const where = `${toHex(known.digest)} at node ${known.node + 1}, ${toHex(digest)} at node ${node + 1}`;
        throw new Error(`node ${author + 1} signed two blocks in epoch ${epoch}, round ${round}: ${where}`);
      }
    }
  }

  async #addRecord(node: number, path: string): Promise<void> {
    const file = await openSignedRecord(path);
    try {
      const record = file.read();
      if (record !== null) this.addRecord(node, record);
    } finally {
      await file.close();
    }
  }

  addRecord(node: number, record: SignedRecord): void {
    this.#records.set(node, record);
  }

  /** After the last store: no validator signed a block that its last-signed record does not cover. */
  checkRecords(): void {
    for (const { epoch, round, author, digest } of this.#slots.values()) {
      const record = this.#records.get(author);
      if (record === undefined || epoch < record.epoch || (epoch === record.epoch && round < record.round)) continue;
      const isLast = epoch === record.epoch && round === record.round && equalBytes(digest, record.digest);
      if (isLast) continue;
      throw new Error(
        `node ${author + 1} signed a block of epoch ${epoch}, round ${round}; its record ends at round ${record.round}`,
      );
    }
  }
}
