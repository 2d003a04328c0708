/** The tally of opinions in plain TypeScript: one byte per (author, slot); the oracle of the core's `tally` kernel. */
import type { TallyKernel, TallyOptions, TallyVote } from '../kernels.ts';
import { BALLOT_CONFIDENCE_BITS, OPINION, TALLY } from '../kernels.ts';
import { SlotAllocator } from '../slots.ts';
import { badSlot, checkAuthor, checkTallyOptions, checkVote, tallyFull } from '../tally-checks.ts';

const FIRST_SLOTS = 64;

export class TwinTally implements TallyKernel {
  readonly #options: TallyOptions;
  readonly #authors: number;
  readonly #authorStakes: Float64Array;
  readonly #total: number;
  readonly #slots: SlotAllocator;
  #open = 0;
  #capacity = 0;
  /** By author and then by slot: a vote speaks of many neighbouring slots. */
  #opinions = new Uint8Array(0);
  #confidences = new Uint16Array(0);
  /** Stakes by slot, one array per opinion; the one for NONE is not used. */
  #stakes: readonly Float64Array[] = [];

  constructor(options: TallyOptions) {
    this.#total = checkTallyOptions(options);
    this.#options = options;
    this.#authors = options.stakes.length;
    this.#authorStakes = Float64Array.from(options.stakes);
    this.#slots = new SlotAllocator(options.maxOpen);
    this.#grow(FIRST_SLOTS);
  }

  open(): number {
    const slot = this.#slots.take();
    if (slot < 0) throw tallyFull(this.#open);
    if (slot >= this.#capacity) this.#grow(2 * this.#capacity);
    for (let at = slot; at < this.#opinions.length; at += this.#capacity) this.#opinions[at] = OPINION.NONE;
    for (const stakes of this.#stakes) stakes[slot] = 0;
    this.#open++;
    return slot;
  }

  close(slot: number): void {
    this.#check(slot);
    this.#slots.release(slot);
    this.#open--;
  }

  apply(votes: readonly TallyVote[]): void {
    // All is checked before anything is applied, so a refused batch leaves no trace. Lists are often shared.
    let checked: Int32Array | undefined;
    for (const vote of votes) {
      checkVote(vote, this.#authors);
      if (vote.slots !== checked) this.#checkAll(vote.slots);
      checked = vote.slots;
    }
    for (const vote of votes) this.#applyOne(vote);
  }

  #checkAll(slots: Int32Array): void {
    for (let i = 0; i < slots.length; i++) if (slots[i] !== -1) this.#check(slots[i]!);
  }

  #applyOne({ author, confidence, slots, rejects, abstains }: TallyVote): void {
    const stake = this.#authorStakes[author]!;
    const row = author * this.#capacity;
    const opinions = this.#opinions;
    const confidences = this.#confidences;
    const approve = this.#stakes[OPINION.APPROVE]!;
    const isPlain = rejects.length === 0 && abstains.length === 0;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      if (slot < 0 || opinions[row + slot] !== OPINION.NONE) continue;
      confidences[row + slot] = confidence;
      const bit = 1 << (i & 7);
      const byte = i >>> 3;
      // A vote with both bits is invalid before it gets here; should one come, REJECT wins in both implementations.
      if (!isPlain && byte < rejects.length && rejects[byte]! & bit) {
        opinions[row + slot] = OPINION.REJECT;
        this.#stakes[OPINION.REJECT]![slot]! += stake;
      } else if (!isPlain && byte < abstains.length && abstains[byte]! & bit) {
        opinions[row + slot] = OPINION.ABSTAIN;
        this.#stakes[OPINION.ABSTAIN]![slot]! += stake;
      } else {
        opinions[row + slot] = OPINION.APPROVE;
        approve[slot]! += stake;
      }
    }
  }

  evaluate(slots: Int32Array): Uint8Array {
    const { requiredVotes, validity } = this.#options;
    const [, approves, rejects, abstains] = this.#stakes;
    const verdicts = new Uint8Array(slots.length);
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      this.#check(slot);
      const approve = approves![slot]!;
      const reject = rejects![slot]!;
      const silent = this.#total - approve - reject - abstains![slot]!;
      if (approve >= requiredVotes) verdicts[i] = TALLY.APPROVED;
      else if (reject >= validity) verdicts[i] = TALLY.REJECTED;
      else if (approve + silent < requiredVotes && reject + silent < validity) verdicts[i] = TALLY.SPLIT;
    }
    return verdicts;
  }

  confidence(slot: number, side: 1 | 2): number {
    this.#check(slot);
    const total = this.#stakes[side]![slot]!;
    const voters: { confidence: number; stake: number }[] = [];
    for (let author = 0; author < this.#authors; author++) {
      const at = author * this.#capacity + slot;
      if (this.#opinions[at] !== side) continue;
      voters.push({ confidence: this.#confidences[at]!, stake: this.#authorStakes[author]! });
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
    return this.#opinions[author * this.#capacity + slot]!;
  }

  ballots(slots: Int32Array): Uint16Array {
    const ballots = new Uint16Array(slots.length * this.#authors);
    for (let i = 0; i < slots.length; i++) {
      this.#check(slots[i]!);
      for (let author = 0; author < this.#authors; author++) {
        const at = author * this.#capacity + slots[i]!;
        const opinion = this.#opinions[at]!;
        const confidence = opinion === OPINION.NONE ? 0 : this.#confidences[at]!;
        ballots[i * this.#authors + author] = (opinion << BALLOT_CONFIDENCE_BITS) | confidence;
      }
    }
    return ballots;
  }

  stakes(slot: number): { readonly approve: number; readonly reject: number; readonly abstain: number } {
    this.#check(slot);
    const [, approve, reject, abstain] = this.#stakes;
    return { approve: approve![slot]!, reject: reject![slot]!, abstain: abstain![slot]! };
  }

  #check(slot: number): void {
    if (!this.#slots.has(slot)) throw badSlot(slot);
  }

  /** Gives every array room for `capacity` slots. The rows of authors are as long as that, so they all move. */
  #grow(capacity: number): void {
    const [opinions, confidences, stakes, old] = [this.#opinions, this.#confidences, this.#stakes, this.#capacity];
    this.#capacity = capacity;
    this.#opinions = new Uint8Array(capacity * this.#authors);
    this.#confidences = new Uint16Array(capacity * this.#authors);
    for (let author = 0; author < this.#authors; author++) {
      this.#opinions.set(opinions.subarray(author * old, (author + 1) * old), author * capacity);
      this.#confidences.set(confidences.subarray(author * old, (author + 1) * old), author * capacity);
    }
    this.#stakes = Array.from({ length: 4 }, (_, opinion) => {
      const grown = new Float64Array(capacity);
      if (stakes[opinion]) grown.set(stakes[opinion]);
      return grown;
    });
  }
}
