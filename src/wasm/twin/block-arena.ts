/**
 * The blocks of the DAG as arrays (one per field, by handle) and the live rounds as a ring. An author set is `words`
 * 32-bit words. A slot with one block, the normal case, is told by sets alone; equivocators, the authors with more than
 * one block in a round, are looked at block by block.
 */
import { DIGEST_BYTES, isU32 } from '../checks.ts';
import { badBlock, dagFull } from '../dag-checks.ts';

/** Rounds that may lie between the lowest and the highest block held. Bounds the ring. */
const ROUND_SPAN_MAX = 65_536;
/** The highest round: what is compared with it, a few rounds above or below, is a u32 too. */
const ROUND_MAX = 2 ** 32 - 4;

const LIVE = 1;
export const COMMITTED = 2;

const FIRST_BLOCKS = 64;
const FIRST_ROUNDS = 16;

export class BlockArena {
  readonly authorsCount: number;
  readonly words: number;
  readonly #maxBlocks: number;
  #capacity = 0;

  round = new Uint32Array(0);
  author = new Uint8Array(0);
  digest = new Uint8Array(0);
  /** LIVE, COMMITTED. */
  state = new Uint8Array(0);
  /** Next block of the same (round, author), or −1. */
  nextInSlot = new Int32Array(0);
  /** Sets by handle: authors that link this block from the next round; authors of its parents in the round before; of its older ones. */
  support = new Uint32Array(0);
  strong = new Uint32Array(0);
  weak = new Uint32Array(0);
  /** Parent by (handle, parent's author), valid where `strong` or `weak` has the author; and the round of a weak one. */
  links = new Int32Array(0);
  weakRound = new Uint32Array(0);

  /**
   * Ring of rounds: the round that a place holds or −1; its authors; its equivocators; those with one block there, which is
   * committed; its blocks by author.
   */
  #ringSize = 0;
  #ringRound = new Float64Array(0);
  ringAuthors = new Uint32Array(0);
  ringEquivocators = new Uint32Array(0);
  ringDone = new Uint32Array(0);
  #ringFirst = new Int32Array(0);

  /** Rounds from here on are kept; links to lower ones are dead, their handles may belong to other blocks. */
  keepFrom = 0;
  /** Bounds of the rounds held; of no meaning while size is 0. */
  lowest = 0;
  highest = 0;
  size = 0;
  readonly #free: number[] = [];
  #used = 0;

  constructor(authorsCount: number, maxBlocks: number) {
    this.authorsCount = authorsCount;
    this.words = Math.ceil(authorsCount / 32);
    this.#maxBlocks = maxBlocks;
    this.#growBlocks(Math.min(FIRST_BLOCKS, maxBlocks));
    this.#growRing(FIRST_ROUNDS);
  }

  /** Place of a round in the ring, or −1 when no block of it is held. */
  place(round: number): number {
    const place = round & (this.#ringSize - 1);
    return this.#ringRound[place] === round ? place : -1;
  }

  get ringSize(): number {
    return this.#ringSize;
  }

  /** First block of an author that has one in the round at `place`; the others follow by `nextInSlot`. */
  first(place: number, author: number): number {
    return this.#ringFirst[place * this.authorsCount + author]!;
  }

  /** Order of two blocks by digest, as `compare` functions answer. */
  compareDigests(a: number, b: number): number {
    for (let i = 0; i < DIGEST_BYTES; i++) {
      const difference = this.digest[a * DIGEST_BYTES + i]! - this.digest[b * DIGEST_BYTES + i]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The parent of `block` by `author`, which its `strong` or `weak` set must have. */
  parent(block: number, author: number): number {
    return this.links[block * this.authorsCount + author]!;
  }

  isLive(handle: number): boolean {
    return (this.state[handle] ?? 0) !== 0;
  }

  insert(round: number, author: number, digest: Uint8Array, parents: readonly number[]): number {
    const { authorsCount, words } = this;
    if (!isU32(round) || round > ROUND_MAX || round < this.keepFrom) throw badBlock('its round is not above gcRound');
    if (!isU32(author) || author >= authorsCount) throw badBlock('its author is not in the committee');
    if (digest.length !== DIGEST_BYTES) throw badBlock('its digest does not have 32 bytes');
    const handle = this.#take(round);
    const at = handle * words;
    for (let word = 0; word < words; word++) {
      this.strong[at + word] = 0;
      this.weak[at + word] = 0;
      this.support[at + word] = 0;
    }
    for (const parent of parents) this.#link(handle, round, parent);
    // Nothing outside of the new block's own fields has changed up to here, so a refused block leaves no trace.
    this.#claim(handle, round);
    this.round[handle] = round;
    this.author[handle] = author;
    this.state[handle] = LIVE;
    this.digest.set(digest, handle * DIGEST_BYTES);
    const bit = 1 << (author & 31);
    for (const parent of parents) {
      if (this.round[parent] === round - 1) this.support[parent * words + (author >>> 5)]! |= bit;
    }
    this.#enter(handle, round, author, bit);
    return handle;
  }

  #link(handle: number, round: number, parent: number): void {
    if (!this.isLive(parent)) throw badBlock('a parent is not in the arena');
    const author = this.author[parent]!;
    const parentRound = this.round[parent]!;
    if (parentRound >= round) throw badBlock('a parent is not of an earlier round');
    const at = handle * this.words + (author >>> 5);
    const bit = 1 << (author & 31);
    if ((this.strong[at]! | this.weak[at]!) & bit) throw badBlock('two parents are of one author');
    const link = handle * this.authorsCount + author;
    this.links[link] = parent;
    if (parentRound === round - 1) {
      this.strong[at]! |= bit;
    } else {
      this.weak[at]! |= bit;
      this.weakRound[link] = parentRound;
    }
  }

  /** The handle that the next block gets; makes room for it and for its round. Throws `DAG_FULL` at a bound. */
  #take(round: number): number {
    if (this.size === this.#maxBlocks) throw dagFull(this.size);
    if (this.size > 0) {
      const span = Math.max(round, this.highest) - Math.min(round, this.lowest) + 1;
      if (span > ROUND_SPAN_MAX) throw dagFull(this.size);
      if (span > this.#ringSize) this.#growRing(2 ** Math.ceil(Math.log2(span)));
    }
    const free = this.#free.at(-1);
    if (free !== undefined) return free;
    if (this.#used === this.#capacity) this.#growBlocks(Math.min(2 * this.#capacity, this.#maxBlocks));
    return this.#used;
  }

  #claim(handle: number, round: number): void {
    if (handle === this.#used) this.#used++;
    else this.#free.pop();
    this.lowest = this.size === 0 ? round : Math.min(round, this.lowest);
    this.highest = this.size === 0 ? round : Math.max(round, this.highest);
    this.size++;
  }

  /** Enters the block into its round. */
  #enter(handle: number, round: number, author: number, bit: number): void {
    const place = round & (this.#ringSize - 1);
    const at = place * this.words;
    if (this.#ringRound[place] !== round) {
      this.#ringRound[place] = round;
      this.ringAuthors.fill(0, at, at + this.words);
      this.ringEquivocators.fill(0, at, at + this.words);
      this.ringDone.fill(0, at, at + this.words);
    }
    const word = at + (author >>> 5);
    const slot = place * this.authorsCount + author;
    const isSecond = (this.ringAuthors[word]! & bit) !== 0;
    this.nextInSlot[handle] = isSecond ? this.#ringFirst[slot]! : -1;
    this.#ringFirst[slot] = handle;
    this.ringAuthors[word]! |= bit;
    if (!isSecond) return;
    this.ringEquivocators[word]! |= bit;
    this.ringDone[word]! &= ~bit;
  }

  commit(handle: number): void {
    this.state[handle]! |= COMMITTED;
    const author = this.author[handle]!;
    const bit = 1 << (author & 31);
    const word = this.place(this.round[handle]!) * this.words + (author >>> 5);
    if (!(this.ringEquivocators[word]! & bit)) this.ringDone[word]! |= bit;
  }

  /** Frees every block of a round below `keepFrom`, in (round, author) order. */
  collect(keepFrom: number): void {
    if (keepFrom <= this.keepFrom) return;
    this.keepFrom = keepFrom;
    if (this.size === 0) return;
    for (let round = this.lowest; round < keepFrom && round <= this.highest; round++) {
      const place = this.place(round);
      if (place < 0) continue;
      for (let author = 0; author < this.authorsCount; author++) {
        if (!(this.ringAuthors[place * this.words + (author >>> 5)]! & (1 << (author & 31)))) continue;
        for (let handle = this.first(place, author); handle >= 0; handle = this.nextInSlot[handle]!) {
          this.state[handle] = 0;
          this.#free.push(handle);
          this.size--;
        }
      }
      this.#ringRound[place] = -1;
    }
    this.lowest = Math.max(this.lowest, keepFrom);
  }

  #growBlocks(capacity: number): void {
    const { words, authorsCount } = this;
    this.#capacity = capacity;
    this.round = grown(this.round, new Uint32Array(capacity));
    this.author = grown(this.author, new Uint8Array(capacity));
    this.digest = grown(this.digest, new Uint8Array(capacity * DIGEST_BYTES));
    this.state = grown(this.state, new Uint8Array(capacity));
    this.nextInSlot = grown(this.nextInSlot, new Int32Array(capacity));
    this.support = grown(this.support, new Uint32Array(capacity * words));
    this.strong = grown(this.strong, new Uint32Array(capacity * words));
    this.weak = grown(this.weak, new Uint32Array(capacity * words));
    this.links = grown(this.links, new Int32Array(capacity * authorsCount));
    this.weakRound = grown(this.weakRound, new Uint32Array(capacity * authorsCount));
  }

  /** Gives the ring `size` places, a power of two, and moves the rounds to theirs. */
  #growRing(size: number): void {
    const { words, authorsCount } = this;
    const [rounds, first] = [this.#ringRound, this.#ringFirst];
    const [authors, equivocators, done] = [this.ringAuthors, this.ringEquivocators, this.ringDone];
    this.#ringSize = size;
    this.#ringRound = new Float64Array(size).fill(-1);
    this.ringAuthors = new Uint32Array(size * words);
    this.ringEquivocators = new Uint32Array(size * words);
    this.ringDone = new Uint32Array(size * words);
    this.#ringFirst = new Int32Array(size * authorsCount);
    for (let old = 0; old < rounds.length; old++) {
      const round = rounds[old]!;
      if (round < 0) continue;
      const place = round & (size - 1);
      this.#ringRound[place] = round;
      this.ringAuthors.set(authors.subarray(old * words, (old + 1) * words), place * words);
      this.ringEquivocators.set(equivocators.subarray(old * words, (old + 1) * words), place * words);
      this.ringDone.set(done.subarray(old * words, (old + 1) * words), place * words);
      this.#ringFirst.set(first.subarray(old * authorsCount, (old + 1) * authorsCount), place * authorsCount);
    }
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
