/** The tally of opinions through the core: one instance of it per tally. */
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { TallyKernel, TallyOptions, TallyVote } from './kernels.ts';
import { badSlot, checkAuthor, checkTallyOptions, checkVote, tallyFull } from './tally-checks.ts';

// Answers below 0, and the layout of what tallyApply takes: see assembly/tally.ts.
const FULL = -1;
const NO_MEMORY = -2;
const LIST_WORDS = 4;
const RUN_BYTES = 12;
const VOTE_WORDS = 7;
/** Ballots asked for at once: the scratch memory for more would never be given back. */
const SLOTS_PER_CALL = 1024;
/** Bits are read 64 at a time: zeros follow them. */
const BITS_MARGIN_BYTES = 16;

export class CoreTally implements TallyKernel {
  readonly #core: CoreInstance;
  readonly #authors: number;
  #open = 0;

  constructor(core: CoreInstance, options: TallyOptions) {
    checkTallyOptions(options);
    const { stakes, requiredVotes, validity, maxOpen } = options;
    this.#core = core;
    this.#authors = stakes.length;
    const { exports } = core;
    for (const [author, stake] of stakes.entries()) core.storeU64(exports.stakesAddress() + 8 * author, stake);
    core.storeU64(exports.tallyThresholdsAddress(), requiredVotes);
    core.storeU64(exports.tallyThresholdsAddress() + 8, validity);
    if (exports.tallyInit(stakes.length, maxOpen) !== 0) throw outOfMemory({ maxOpen });
    core.refresh();
  }

  open(): number {
    const slot = this.#core.exports.tallyOpen();
    this.#core.refresh();
    if (slot === FULL) throw tallyFull(this.#open);
    if (slot === NO_MEMORY) throw outOfMemory({ open: this.#open });
    this.#open++;
    return slot;
  }

  close(slot: number): void {
    if (this.#core.exports.tallyClose(slotNumber(slot)) < 0) throw badSlot(slot);
    this.#open--;
  }

  apply(votes: readonly TallyVote[]): void {
    for (const vote of votes) checkVote(vote, this.#authors);
    // Votes on one target often share its list of slots: each list is handed over, and looked through, once.
    const lists = new Map<Int32Array, number>();
    let bytes = 8;
    for (const { slots, rejects, abstains } of votes) {
      bytes += 4 * VOTE_WORDS + rejects.length + abstains.length + 2 * BITS_MARGIN_BYTES;
      if (lists.has(slots)) continue;
      lists.set(slots, lists.size);
      bytes += 4 * LIST_WORDS + (4 + RUN_BYTES) * slots.length;
    }
    const at = this.#stage(bytes);
    const votesAt = this.#stageLists(lists, at);
    this.#stageVotes(votes, lists, votesAt);
    const code = this.#core.exports.tallyApply(at, lists.size, votesAt, votes.length);
    if (code < 0) throw badSlot(this.#firstBadSlot(lists));
  }

  /** Lists, then their slots and room for their runs; returns what follows. */
  #stageLists(lists: ReadonlyMap<Int32Array, number>, at: number): number {
    const { i32, u32 } = this.#core;
    let next = at + 4 * LIST_WORDS * lists.size;
    for (const [slots, index] of lists) {
      const list = (at >>> 2) + LIST_WORDS * index;
      u32[list] = next;
      u32[list + 1] = slots.length;
      u32[list + 2] = next + 4 * slots.length;
      i32.set(slots, next >>> 2);
      next += (4 + RUN_BYTES) * slots.length;
    }
    return next;
  }

  #stageVotes(votes: readonly TallyVote[], lists: ReadonlyMap<Int32Array, number>, at: number): void {
    const { u32 } = this.#core;
    let vote = at >>> 2;
    let bits = at + 4 * VOTE_WORDS * votes.length;
    for (const { author, confidence, slots, rejects, abstains } of votes) {
      u32[vote] = author;
      u32[vote + 1] = confidence;
      u32[vote + 2] = lists.get(slots)!;
      u32[vote + 3] = bits;
      u32[vote + 4] = rejects.length;
      bits = this.#stageBits(rejects, bits);
      u32[vote + 5] = bits;
      u32[vote + 6] = abstains.length;
      bits = this.#stageBits(abstains, bits);
      vote += VOTE_WORDS;
    }
  }

  #stageBits(bits: Uint8Array, at: number): number {
    if (bits.length === 0) return at;
    const { u8 } = this.#core;
    const end = at + bits.length;
    u8.set(bits, at);
    u8.fill(0, end, end + BITS_MARGIN_BYTES);
    return end + BITS_MARGIN_BYTES;
  }

  #firstBadSlot(lists: ReadonlyMap<Int32Array, number>): number {
    for (const slots of lists.keys()) {
      for (const slot of slots) if (slot !== -1 && this.#core.exports.tallyStakes(slot) < 0) return slot;
    }
    return -1;
  }

  #stage(bytes: number): number {
    const at = this.#core.exports.tallyStage(bytes);
    if (at === 0) throw outOfMemory({ bytes });
    this.#core.refresh();
    return at >>> 0;
  }

  evaluate(slots: Int32Array): Uint8Array {
    const at = this.#stage(5 * slots.length + 8);
    const out = at + 4 * slots.length;
    this.#core.i32.set(slots, at >>> 2);
    const bad = this.#core.exports.tallyEvaluate(at, slots.length, out);
    if (bad >= 0) throw badSlot(slots[bad]!);
    return this.#core.u8.slice(out, out + slots.length);
  }

  confidence(slot: number, side: 1 | 2): number {
    const confidence = this.#core.exports.tallyConfidence(slotNumber(slot), side);
    if (confidence < 0) throw badSlot(slot);
    return confidence;
  }

  opinion(slot: number, author: number): number {
    checkAuthor(author, this.#authors);
    const opinion = this.#core.exports.tallyOpinion(slotNumber(slot), author);
    if (opinion < 0) throw badSlot(slot);
    return opinion;
  }

  ballots(slots: Int32Array): Uint16Array {
    const all = new Uint16Array(slots.length * this.#authors);
    for (let from = 0; from < slots.length; from += SLOTS_PER_CALL) {
      const some = slots.subarray(from, from + SLOTS_PER_CALL);
      const words = some.length * this.#authors;
      const at = this.#stage(4 * some.length + 2 * words);
      const out = at + 4 * some.length;
      this.#core.i32.set(some, at >>> 2);
      const bad = this.#core.exports.tallyBallots(at, some.length, out);
      if (bad >= 0) throw badSlot(some[bad]!);
      all.set(this.#core.u16.subarray(out >>> 1, (out >>> 1) + words), from * this.#authors);
    }
    return all;
  }

  stakes(slot: number): { readonly approve: number; readonly reject: number; readonly abstain: number } {
    const { exports } = this.#core;
    if (exports.tallyStakes(slotNumber(slot)) < 0) throw badSlot(slot);
    const at = exports.tallySidesAddress();
    return {
      approve: this.#core.loadU64(at),
      reject: this.#core.loadU64(at + 8),
      abstain: this.#core.loadU64(at + 16),
    };
  }
}

/** What the core takes for a slot: −1 for what an i32 cannot say. */
function slotNumber(slot: number): number {
  return (slot | 0) === slot ? slot : -1;
}
