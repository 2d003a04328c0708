/**
 * Walks the causal history of one block round by round, downwards, so that what is reached in a round is one author set
 * and a whole round of parents costs a few set unions. Nothing recurses.
 */
import { type BlockArena, COMMITTED } from './block-arena.ts';

export class HistoryWalk {
  readonly #arena: BlockArena;
  /** By place in the ring: the authors reached, valid where `#reachedIn` is the number of this walk. */
  #reached = new Uint32Array(0);
  #reachedIn = new Uint32Array(0);
  /** By handle, for equivocators only: the walk that reached this very block. */
  #mark = new Uint32Array(0);
  #walk = 0;
  /** The blocks of one round, see {@link #blocksIn}. */
  readonly #blocks: number[] = [];
  /** The round of the start, the next round to look at, and the lowest one with anything reached. */
  #top = 0;
  #cursor = 0;
  #lowest = 0;
  /** Rounds below this one are not entered. */
  #limit = 0;
  /** Committed blocks are not walked through: their history is committed too. */
  #stopsAtCommitted = false;

  constructor(arena: BlockArena) {
    this.#arena = arena;
  }

  /** Starts anew from `block`, for rounds ≥ limit. */
  start(block: number, limit: number, stopsAtCommitted: boolean): void {
    const arena = this.#arena;
    if (this.#reachedIn.length < arena.ringSize) {
      this.#reachedIn = new Uint32Array(arena.ringSize);
      this.#reached = new Uint32Array(arena.ringSize * arena.words);
      this.#walk = 0;
      this.#mark.fill(0);
    }
    if (this.#mark.length < arena.state.length) this.#mark = new Uint32Array(arena.state.length);
    if (this.#walk === 0xffff_ffff) {
      this.#walk = 0;
      this.#reachedIn.fill(0);
      this.#mark.fill(0);
    }
    this.#walk++;
    this.#limit = Math.max(limit, arena.keepFrom);
    this.#stopsAtCommitted = stopsAtCommitted;
    this.#cursor = arena.round[block]!;
    this.#lowest = this.#cursor;
    this.#top = this.#cursor;
    if (this.#cursor >= this.#limit) this.#reach(this.#cursor, arena.author[block]!, block);
  }

  /** Walks until all that is reached in `round` is known: the parents of every reached block above it were entered. */
  downTo(round: number): void {
    for (; this.#cursor > round; this.#cursor--) {
      const count = this.#blocksIn(this.#cursor);
      for (let i = 0; i < count; i++) this.#enterParents(this.#blocks[i]!);
    }
  }

  /** True when `block`, of a round already known, was reached. */
  has(block: number): boolean {
    const arena = this.#arena;
    const place = arena.place(arena.round[block]!);
    if (this.#reachedIn[place] !== this.#walk) return false;
    const author = arena.author[block]!;
    const at = place * arena.words + (author >>> 5);
    const bit = 1 << (author & 31);
    if (!(this.#reached[at]! & bit)) return false;
    return !(arena.ringEquivocators[at]! & bit) || this.#mark[block] === this.#walk;
  }

  /** Walks to the end; what was reached, without committed blocks, sorted by (round, author, digest). */
  sorted(): number[] {
    while (this.#cursor >= this.#lowest) this.downTo(this.#cursor - 1);
    const blocks: number[] = [];
    for (let round = this.#lowest; round <= this.#top; round++) {
      const count = this.#blocksIn(round);
      for (let i = 0; i < count; i++) blocks.push(this.#blocks[i]!);
    }
    return blocks;
  }

  #reach(round: number, author: number, block: number): void {
    const arena = this.#arena;
    const place = arena.place(round);
    const at = this.#open(place) + (author >>> 5);
    const bit = 1 << (author & 31);
    this.#reached[at]! |= bit;
    if (arena.ringEquivocators[place * arena.words + (author >>> 5)]! & bit) this.#mark[block] = this.#walk;
    if (round < this.#lowest) this.#lowest = round;
  }

  /** Index of the set of the round at `place`, emptied when this walk comes there first. */
  #open(place: number): number {
    const at = place * this.#arena.words;
    if (this.#reachedIn[place] !== this.#walk) {
      this.#reachedIn[place] = this.#walk;
      this.#reached.fill(0, at, at + this.#arena.words);
    }
    return at;
  }

  #enterParents(block: number): void {
    const arena = this.#arena;
    const { words, authorsCount, strong, weak, links } = arena;
    const before = arena.round[block]! - 1;
    if (before >= this.#limit) {
      const place = arena.place(before);
      for (let word = 0; word < words; word++) {
        const set = strong[block * words + word]!;
        if (set === 0) continue;
        const at = this.#open(place) + word;
        this.#reached[at]! |= set;
        if (before < this.#lowest) this.#lowest = before;
        for (let bits = set & arena.ringEquivocators[place * words + word]!; bits !== 0; bits &= bits - 1) {
          const author = word * 32 + 31 - Math.clz32(bits & -bits);
          this.#mark[links[block * authorsCount + author]!] = this.#walk;
        }
      }
    }
    for (let word = 0; word < words; word++) {
      for (let bits = weak[block * words + word]!; bits !== 0; bits &= bits - 1) {
        const author = word * 32 + 31 - Math.clz32(bits & -bits);
        const link = block * authorsCount + author;
        if (arena.weakRound[link]! >= this.#limit) this.#reach(arena.weakRound[link]!, author, links[link]!);
      }
    }
  }

  /** Fills `#blocks` with what is reached in a round, sorted by (author, digest); returns how many. */
  #blocksIn(round: number): number {
    const arena = this.#arena;
    const place = arena.place(round);
    if (place < 0 || this.#reachedIn[place] !== this.#walk) return 0;
    let count = 0;
    for (let word = 0; word < arena.words; word++) {
      const at = place * arena.words + word;
      const equivocators = arena.ringEquivocators[at]!;
      const passed = this.#stopsAtCommitted ? arena.ringDone[at]! : 0;
      for (let bits = this.#reached[at]! & ~passed; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        let block = arena.first(place, word * 32 + 31 - Math.clz32(bit));
        if (!(equivocators & bit)) {
          this.#blocks[count++] = block;
          continue;
        }
        const slotStart = count;
        for (; block >= 0; block = arena.nextInSlot[block]!) {
          if (this.#mark[block] !== this.#walk || !this.#isWanted(block)) continue;
          let to = count++;
          for (; to > slotStart && arena.compareDigests(this.#blocks[to - 1]!, block) > 0; to--) {
            this.#blocks[to] = this.#blocks[to - 1]!;
          }
          this.#blocks[to] = block;
        }
      }
    }
    return count;
  }

  #isWanted(block: number): boolean {
    return !(this.#stopsAtCommitted && this.#arena.state[block]! & COMMITTED);
  }
}
