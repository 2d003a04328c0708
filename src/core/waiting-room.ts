import { refKey } from './block.ts';
import {
  MAX_BLOCKS_PER_SLOT,
  MAX_SUSPENDED_NEEDED_PER_AUTHOR,
  MAX_SUSPENDED_PER_AUTHOR,
  MAX_VALIDATORS,
} from './limits.ts';
import type { Ref, VerifiedBlock } from './types.ts';

interface Suspended {
  readonly block: VerifiedBlock;
  /** The parents that are not accepted yet, by key. */
  readonly missing: Map<string, Ref>;
}

interface MissingParent {
  readonly ref: Ref;
  readonly children: Set<string>;
  /** Authors of everything suspended that has it in its history: on whose account it is fetched. */
  readonly accounts: Set<number>;
}

/**
 * Suspended blocks and the parents they wait for. Every set is kept by author and by round, so that one validator's junk
 * takes nobody else's place and that leaving costs what leaves.
 */
export class WaitingRoom {
  readonly #suspended = new Map<string, Suspended>();
  readonly #missing = new Map<string, MissingParent>();
  readonly #suspendedOf: number[];
  readonly #suspendedAt = new Map<number, Set<string>>();
  readonly #missingAt = new Map<number, Set<string>>();
  /** Suspended blocks by slot: round × MAX_VALIDATORS + author. */
  readonly #slots = new Map<number, number>();
  /** By account: what is missing and not suspended itself, so that somebody must be asked for it. */
  readonly #absent: Map<string, Ref>[];
  #changes = 0;

  constructor(validators: number) {
    this.#suspendedOf = new Array(validators).fill(0);
    this.#absent = Array.from({ length: validators }, () => new Map());
  }

  get size(): number {
    return this.#suspended.size;
  }
  /** Grows with whatever comes and goes. */
  get changes(): number {
    return this.#changes;
  }
  has(key: string): boolean {
    return this.#suspended.has(key);
  }
  block(key: string): VerifiedBlock | undefined {
    return this.#suspended.get(key)?.block;
  }
  /** True when a suspended block waits for this one. */
  isMissing(key: string): boolean {
    return this.#missing.has(key);
  }
  /** Suspended blocks of one slot. */
  countAt(round: number, author: number): number {
    return this.#slots.get(round * MAX_VALIDATORS + author) ?? 0;
  }
  /** What suspended blocks of `author` wait for and nobody has sent. */
  absentFor(author: number): ReadonlyMap<string, Ref> {
    return this.#absent[author] as Map<string, Ref>;
  }

  /** Whether one more block may wait here. One that others wait for may where a pushed one may not. */
  #hasRoom(key: string, { round, author }: Ref, held: number): boolean {
    const count = this.#suspendedOf[author] ?? 0;
    if (this.#missing.has(key)) return count < MAX_SUSPENDED_NEEDED_PER_AUTHOR;
    return count < MAX_SUSPENDED_PER_AUTHOR && held + this.countAt(round, author) < MAX_BLOCKS_PER_SLOT;
  }

  /** Takes in a block that waits for `missing`. False when its author's places are taken; `held`: accepted in its slot. */
  suspend(block: VerifiedBlock, missing: readonly Ref[], held: number): boolean {
    const key = refKey(block.ref);
    const { round, author } = block.ref;
    if (!this.#hasRoom(key, block.ref, held)) return false;
    const accounts = this.#missing.get(key)?.accounts ?? new Set<number>();
    for (const account of accounts) this.#absent[account]?.delete(key);
    this.#changes += 1;
    this.#suspendedOf[author]! += 1;
    this.#slots.set(round * MAX_VALIDATORS + author, this.countAt(round, author) + 1);
    setAt(this.#suspendedAt, round).add(key);
    this.#suspended.set(key, { block, missing: new Map(missing.map((ref) => [refKey(ref), ref])) });
    for (const [parent, ref] of this.#suspended.get(key)?.missing ?? []) {
      this.#await(parent, ref, key);
      for (const account of [author, ...accounts]) this.#charge(parent, account);
    }
    return true;
  }

  #await(key: string, ref: Ref, child: string): void {
    const entry = this.#missing.get(key);
    if (entry) {
      entry.children.add(child);
      return;
    }
    this.#missing.set(key, { ref, children: new Set([child]), accounts: new Set() });
    setAt(this.#missingAt, ref.round).add(key);
  }

  /**
   * A block of `account` has this one in its history. So have its ancestors that wait here: what an honest block needs
   * through the block of a liar is not in the liar's queue alone.
   */
  #charge(key: string, account: number): void {
    const queue = [key];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const entry = this.#missing.get(next);
      if (!entry || entry.accounts.has(account)) continue;
      entry.accounts.add(account);
      const suspended = this.#suspended.get(next);
      if (suspended) queue.push(...suspended.missing.keys());
      else this.#absent[account]?.set(next, entry.ref);
    }
  }

  /** A block is accepted: it leaves, if it waited here. Returns those that waited for nothing else any more. */
  accepted(key: string): VerifiedBlock[] {
    this.#leave(key);
    return this.#release(key);
  }

  /** Rounds up to `toRound` are no longer waited for, nor do their blocks wait. Returns what became free. */
  collect(fromRound: number, toRound: number): VerifiedBlock[] {
    const free: VerifiedBlock[] = [];
    for (let round = fromRound; round <= toRound; round++) {
      for (const key of [...(this.#suspendedAt.get(round) ?? [])]) this.#leave(key);
    }
    for (let round = fromRound; round <= toRound; round++) {
      for (const key of [...(this.#missingAt.get(round) ?? [])]) free.push(...this.#release(key));
    }
    return free;
  }

  #release(key: string): VerifiedBlock[] {
    const entry = this.#missing.get(key);
    if (!entry) return [];
    this.#forget(key, entry);
    const free: VerifiedBlock[] = [];
    for (const child of entry.children) {
      const suspended = this.#suspended.get(child);
      if (!suspended?.missing.delete(key) || suspended.missing.size > 0) continue;
      this.#leave(child);
      free.push(suspended.block);
    }
    return free;
  }

  #leave(key: string): void {
    const entry = this.#suspended.get(key);
    if (!entry) return;
    const { round, author } = entry.block.ref;
    const slot = round * MAX_VALIDATORS + author;
    this.#suspended.delete(key);
    this.#suspendedOf[author]! -= 1;
    const left = this.countAt(round, author) - 1;
    if (left > 0) this.#slots.set(slot, left);
    else this.#slots.delete(slot);
    removeAt(this.#suspendedAt, round, key);
    for (const parent of entry.missing.keys()) {
      const missing = this.#missing.get(parent);
      missing?.children.delete(key);
      if (missing?.children.size === 0) this.#forget(parent, missing);
    }
  }

  #forget(key: string, { ref, accounts }: MissingParent): void {
    this.#changes += 1;
    this.#missing.delete(key);
    removeAt(this.#missingAt, ref.round, key);
    for (const account of accounts) this.#absent[account]?.delete(key);
  }
}

function setAt(sets: Map<number, Set<string>>, round: number): Set<string> {
  const known = sets.get(round);
  if (known) return known;
  const fresh = new Set<string>();
  sets.set(round, fresh);
  return fresh;
}

function removeAt(sets: Map<number, Set<string>>, round: number, key: string): void {
  const set = sets.get(round);
  set?.delete(key);
  if (set?.size === 0) sets.delete(round);
}
