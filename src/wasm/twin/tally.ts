/** The tally of opinions in plain TypeScript: one byte per (slot, author); the oracle of the core's `tally` kernel. */
import type { TallyKernel, TallyOptions, TallyVote } from '../kernels.ts';
import { OPINION, TALLY } from '../kernels.ts';
import { SlotAllocator } from '../slots.ts';
import { badSlot, checkAuthor, checkTallyOptions, checkVote, tallyFull } from '../tally-checks.ts';

const FIRST_SLOTS = 64;
/** Stakes by side lie side by side for a slot, indexed by OPINION − 1. */
const SIDES = 3;

export class TwinTally implements TallyKernel {
  readonly #options: TallyOptions;
  readonly #authors: number;
  readonly #total: number;
  readonly #slots: SlotAllocator;
  #open = 0;
  #capacity = 0;
  #opinions = new Uint8Array(0);
  #confidences = new Uint16Array(0);
  #stakes = new Float64Array(0);

  constructor(options: TallyOptions) {
    this.#total = checkTallyOptions(options);
    this.#options = { ...options, stakes: [...options.stakes] };
    this.#authors = options.stakes.length;
    this.#slots = new SlotAllocator(options.maxOpen);
    this.#grow(FIRST_SLOTS);
  }

  open(): number {
    const slot = this.#slots.take();
    if (slot < 0) throw tallyFull(this.#open);
    if (slot >= this.#capacity) this.#grow(2 * this.#capacity);
    this.#opinions.fill(OPINION.NONE, slot * this.#authors, (slot + 1) * this.#authors);
    this.#stakes.fill(0, slot * SIDES, (slot + 1) * SIDES);
    this.#open++;
    return slot;
  }

  close(slot: number): void {
    this.#check(slot);
    this.#slots.release(slot);
    this.#open--;
  }

  apply(votes: readonly TallyVote[]): void {
    // All is checked before anything is applied, so a refused batch leaves no trace.
    for (const vote of votes) {
      checkVote(vote, this.#authors);
      for (const slot of vote.slots) if (slot !== -1) this.#check(slot);
    }
    for (const vote of votes) this.#applyOne(vote);
  }

  #applyOne(vote: TallyVote): void {
    const { author, confidence, slots, rejects, abstains } = vote;
    const stake = this.#options.stakes[author]!;
    const authors = this.#authors;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (slot < 0) continue;
      const at = slot * authors + author;
      if (this.#opinions[at] !== OPINION.NONE) continue;
      const bit = 1 << (i & 7);
      let opinion: number = OPINION.APPROVE;
      // A vote with both bits is invalid before it gets here; should one come, REJECT wins in both implementations.
      if ((rejects[i >>> 3] ?? 0) & bit) opinion = OPINION.REJECT;
      else if ((abstains[i >>> 3] ?? 0) & bit) opinion = OPINION.ABSTAIN;
      this.#opinions[at] = opinion;
      this.#confidences[at] = confidence;
      this.#stakes[slot * SIDES + opinion - 1]! += stake;
    }
  }

  evaluate(slots: Int32Array): Uint8Array {
    const { requiredVotes, validity } = this.#options;
    const verdicts = new Uint8Array(slots.length);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      this.#check(slot);
      const at = slot * SIDES;
      const approve = this.#stakes[at]!;
      const reject = this.#stakes[at + 1]!;
      const silent = this.#total - approve - reject - this.#stakes[at + 2]!;
      if (approve >= requiredVotes) verdicts[i] = TALLY.APPROVED;
      else if (reject >= validity) verdicts[i] = TALLY.REJECTED;
      else if (approve + silent < requiredVotes && reject + silent < validity) verdicts[i] = TALLY.SPLIT;
    }
    return verdicts;
  }

  confidence(slot: number, side: 1 | 2): number {
    this.#check(slot);
    const total = this.#stakes[slot * SIDES + side - 1]!;
    const voters: { confidence: number; stake: number }[] = [];
    for (let author = 0; author < this.#authors; author++) {
      const at = slot * this.#authors + author;
      if (this.#opinions[at] !== side) continue;
      voters.push({ confidence: this.#confidences[at]!, stake: this.#options.stakes[author]! });
    }
    voters.sort((a, b) => a.confidence - b.confidence);
    let sum = 0;
    for (const { confidence, stake } of voters) {
      sum += stake;
      // 2 · sum ≥ total, written so that no number leaves the safe integers.
      if (sum >= total - sum) return confidence;
    }
    return 0;
  }

  opinion(slot: number, author: number): number {
    this.#check(slot);
    checkAuthor(author, this.#authors);
    return this.#opinions[slot * this.#authors + author]!;
  }

  stakes(slot: number): { readonly approve: number; readonly reject: number; readonly abstain: number } {
    this.#check(slot);
    const at = slot * SIDES;
    return { approve: this.#stakes[at]!, reject: this.#stakes[at + 1]!, abstain: this.#stakes[at + 2]! };
  }

  #check(slot: number): void {
    if (!this.#slots.has(slot)) throw badSlot(slot);
  }

  #grow(capacity: number): void {
    const [opinions, confidences, stakes] = [this.#opinions, this.#confidences, this.#stakes];
    this.#capacity = capacity;
    this.#opinions = new Uint8Array(capacity * this.#authors);
    this.#opinions.set(opinions);
    this.#confidences = new Uint16Array(capacity * this.#authors);
    this.#confidences.set(confidences);
    this.#stakes = new Float64Array(capacity * SIDES);
    this.#stakes.set(stakes);
  }
}
