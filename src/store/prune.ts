/** What is to be removed of a store so that a newest part of the history is left. */
import type { OrderedBytes } from './database.ts';
import * as keys from './keys.ts';
import { decodeLeaves } from './leaves.ts';
import type { Operation } from './operation.ts';

/** Where the history that is kept begins. */
export interface HistoryStart {
  /** The oldest commit that is kept. */
  readonly commit: number;
  /** Blocks of this epoch up to this round go, and all of earlier epochs. */
  readonly epoch: number;
  readonly round: number;
}

/**
 * Removes history, oldest first, a part at a time. Whatever a crash leaves is whole: a commit goes together with its
 * decisions, and blocks go after the commits that hold them.
 */
export class Pruning {
  readonly #database: OrderedBytes;
  /** Where to go on, by table: what was removed lies in LMDB until the next flush, and is not to be walked over again. */
  readonly #next = new Map<keys.Table, Buffer>();

  constructor(database: OrderedBytes) {
    this.#database = database;
  }

  /** Removes about `limit` keys that lie before `start`; returns true when there may be more. */
  step(start: HistoryStart, limit: number): boolean {
    let left = limit;
    for (const batch of this.#removals(start)) {
      this.#database.write(batch);
      left -= batch.length;
      if (left <= 0) return true;
    }
    return false;
  }

  /** What goes together, in order. */
  *#removals(start: HistoryStart): Generator<Operation[]> {
    for (const key of this.#walk(keys.COMMIT, keys.commitKey(start.commit))) {
      yield [{ key }, ...this.#decisionsOf(keys.readU64(key, 1))];
    }
    for (const key of this.#walk(keys.CERTIFICATE, keys.certificateKey(start.commit))) yield [{ key }];
    const slot = keys.encodeSlot({ epoch: start.epoch, round: start.round + 1, author: 0 });
    for (const key of this.#walk(keys.BLOCK, keys.blockKey(slot, new Uint8Array(0)))) {
      yield [{ key }, { key: keys.slotKey(key.subarray(1 + keys.SLOT_BYTES)) }];
    }
  }

  *#walk(table: keys.Table, end: Buffer): Generator<Buffer> {
    for (const [key] of this.#database.range(this.#next.get(table) ?? keys.tableStart(table), end)) {
      this.#next.set(table, Buffer.concat([key, Buffer.of(0)]));
      yield key;
    }
  }

  /** Removes the decisions of a commit; of an id that was decided again later, only the earlier one. */
  #decisionsOf(index: number): Operation[] {
    const operations: Operation[] = [];
    for (const [key, leaves] of this.#database.range(keys.leavesKey(index, 0), keys.leavesKey(index + 1, 0))) {
      operations.push({ key });
      for (const { id } of decodeLeaves(leaves)) {
        const newest = this.#database.get(keys.decisionKey(id));
        if (newest && keys.readU64(newest) === index) operations.push({ key: keys.decisionKey(id) });
      }
    }
    return operations;
  }
}
