/**
 * The set of claimed keys in plain TypeScript: entries in arrays, found by an open-addressing table with a keyed hash,
 * and in a wheel by expiry; the oracle of the core's `conflict` kernel.
 */
import {
  checkClaim,
  checkConflictOptions,
  checkKey,
  checkKeys,
  checkTime,
  conflictFull,
  KEY_BYTES,
} from '../conflict-checks.ts';
import type { ConflictKernel, ConflictOptions } from '../kernels.ts';
import { ExpiryWheel } from './expiry-wheel.ts';
import { halfSipHash } from './half-siphash.ts';

const KEY_WORDS = KEY_BYTES / 4;
const FIRST_KEYS = 64;

export class TwinConflictSet implements ConflictKernel {
  readonly #maxKeys: number;
  readonly #seed: readonly [number, number];
  #size = 0;
  /** By entry. */
  #capacity = 0;
  #words = new Uint32Array(0);
  #hashes = new Uint32Array(0);
  /** While a batch runs: 1 + the number of the proposal that claimed the entry in it; 0 for earlier batches. */
  #claimers = new Uint32Array(0);
  readonly #forget = (entry: number): void => this.#remove(entry);
  readonly #wheel = new ExpiryWheel();
  readonly #free: number[] = [];
  #used = 0;
  /** Entry + 1 by place, 0 where empty. The size is a power of two and at least twice the entries. */
  #table = new Uint32Array(0);

  constructor(options: ConflictOptions) {
    checkConflictOptions(options);
    this.#maxKeys = options.maxKeys;
    const seed = new DataView(options.seed.buffer, options.seed.byteOffset, options.seed.length);
    this.#seed = [seed.getUint32(0, true), seed.getUint32(4, true)];
    this.#reserve(Math.min(FIRST_KEYS, this.#maxKeys));
  }

  claim(keys: Uint8Array, counts: Uint32Array, expiriesMs: Float64Array): Uint8Array {
    checkClaim(keys, counts, expiriesMs);
    const words = wordsOf(keys);
    this.#reserve(Math.min(this.#size + keys.length / KEY_BYTES, this.#maxKeys));
    const claimed = new Uint8Array(counts.length);
    /** Places in the table filled by this batch, in order: undone from the end, nothing that stays was pushed aside. */
    const places: number[] = [];
    let key = 0;
    for (let proposal = 0; proposal < counts.length; proposal++) {
      const end = key + counts[proposal]!;
      const before = places.length;
      claimed[proposal] = 1;
      for (; key < end; key++) {
        const outcome = this.#claimKey(words, key * KEY_WORDS, proposal + 1);
        if (outcome >= 0) places.push(outcome);
        if (outcome === FULL) {
          this.#undo(places, 0);
          throw conflictFull(this.#size);
        }
        if (outcome !== CLASH) continue;
        this.#undo(places, before);
        claimed[proposal] = 0;
        break;
      }
      key = end;
    }
    for (const place of places) {
      const entry = this.#table[place]! - 1;
      this.#wheel.push(entry, expiriesMs[this.#claimers[entry]! - 1]!);
      this.#claimers[entry] = 0;
    }
    return claimed;
  }

  /** The place in the table that the key took, CLASH, FULL, or OWN when this proposal has it already. */
  #claimKey(words: Uint32Array, at: number, claimer: number): number {
    const hash = halfSipHash(words, at, this.#seed[0], this.#seed[1]);
    const place = this.#find(words, at, hash);
    const found = this.#table[place]!;
    if (found !== 0) return this.#claimers[found - 1] === claimer ? OWN : CLASH;
    if (this.#size === this.#maxKeys) return FULL;
    const entry = this.#free.pop() ?? this.#used++;
    for (let i = 0; i < KEY_WORDS; i++) this.#words[entry * KEY_WORDS + i] = words[at + i]!;
    this.#hashes[entry] = hash;
    this.#claimers[entry] = claimer;
    this.#table[place] = entry + 1;
    this.#size++;
    return place;
  }

  /** The place of the key, or the empty one where it would go. */
  #find(words: Uint32Array, at: number, hash: number): number {
    const mask = this.#table.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const found = this.#table[place]!;
      if (found === 0) return place;
      if (this.#hashes[found - 1] === hash && this.#isKey(found - 1, words, at)) return place;
    }
  }

  #isKey(entry: number, words: Uint32Array, at: number): boolean {
    for (let i = 0; i < KEY_WORDS; i++) if (this.#words[entry * KEY_WORDS + i] !== words[at + i]) return false;
    return true;
  }

  #undo(places: number[], length: number): void {
    while (places.length > length) {
      const place = places.pop()!;
      this.#release(this.#table[place]! - 1);
      this.#table[place] = 0;
    }
  }

  #release(entry: number): void {
    this.#claimers[entry] = 0;
    this.#free.push(entry);
    this.#size--;
  }

  has(key: Uint8Array): boolean {
    checkKey(key);
    const words = wordsOf(key);
    return this.#table[this.#find(words, 0, halfSipHash(words, 0, this.#seed[0], this.#seed[1]))] !== 0;
  }

  expire(nowMs: number): number {
    checkTime(nowMs);
    const before = this.#size;
    this.#wheel.popBefore(nowMs, this.#forget);
    return before - this.#size;
  }

  release(keys: Uint8Array): number {
    checkKeys(keys);
    const words = wordsOf(keys);
    const before = this.#size;
    for (let at = 0; at < words.length; at += KEY_WORDS) {
      const found = this.#table[this.#find(words, at, halfSipHash(words, at, this.#seed[0], this.#seed[1]))]!;
      if (found !== 0) this.#wheel.release(found - 1);
    }
    this.#wheel.popReleased(this.#forget);
    return before - this.#size;
  }

  /** Takes an entry out of the table and moves what probed past it back, so that no tombstone is needed. */
  #remove(entry: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let hole = this.#hashes[entry]! & mask;
    while (table[hole] !== entry + 1) hole = (hole + 1) & mask;
    for (let place = (hole + 1) & mask; table[place] !== 0; place = (place + 1) & mask) {
      const home = this.#hashes[table[place]! - 1]! & mask;
      // It may move to the hole if that lies on its way from home.
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      table[hole] = table[place]!;
      hole = place;
    }
    table[hole] = 0;
    this.#release(entry);
  }

  get size(): number {
    return this.#size;
  }

  /** Makes room for `keys` entries. */
  #reserve(keys: number): void {
    if (keys <= this.#capacity) return;
    const capacity = 2 ** Math.ceil(Math.log2(keys));
    const [words, hashes, claimers, table] = [this.#words, this.#hashes, this.#claimers, this.#table];
    this.#capacity = capacity;
    this.#words = new Uint32Array(capacity * KEY_WORDS);
    this.#words.set(words);
    this.#hashes = new Uint32Array(capacity);
    this.#hashes.set(hashes);
    this.#claimers = new Uint32Array(capacity);
    this.#claimers.set(claimers);
    this.#table = new Uint32Array(2 * capacity);
    this.#wheel.reserve(capacity);
    const mask = 2 * capacity - 1;
    for (const found of table) {
      if (found === 0) continue;
      let place = this.#hashes[found - 1]! & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = found;
    }
  }
}

const CLASH = -1;
const FULL = -2;
const OWN = -3;

/** The keys as words, in an array of their own: input may start at any byte. */
function wordsOf(keys: Uint8Array): Uint32Array {
  return new Uint32Array(keys.slice().buffer);
}
