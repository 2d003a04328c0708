/** The tally as one writes it first: a map of votes per proposal, stakes summed when asked. */
import { OPINION, TALLY, type TallyKernel, type TallyOptions, type TallyVote } from '../../wasm/kernels.ts';

interface Opinion {
  readonly opinion: number;
  readonly confidence: number;
}

export class NaiveTally implements TallyKernel {
  readonly #options: TallyOptions;
  readonly #slots = new Map<number, Map<number, Opinion>>();

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  open(): number {
    let slot = 0;
    while (this.#slots.has(slot)) slot++;
    this.#slots.set(slot, new Map());
    return slot;
  }

  close(slot: number): void {
    this.#slots.delete(slot);
  }

  apply(votes: readonly TallyVote[]): void {
    const has = (bits: Uint8Array, i: number): boolean => (((bits[i >> 3] ?? 0) >> (i & 7)) & 1) === 1;
    for (const { author, confidence, slots, rejects, abstains } of votes) {
      slots.forEach((slot, i) => {
        const opinions = this.#slots.get(slot);
        if (opinions === undefined || opinions.has(author)) return;
        const opinion = has(rejects, i) ? OPINION.REJECT : has(abstains, i) ? OPINION.ABSTAIN : OPINION.APPROVE;
        opinions.set(author, { opinion, confidence });
      });
    }
  }

  /** Exact whatever the stakes are. */
  #stake(slot: number, side: number): bigint {
    let stake = 0n;
    for (const [author, { opinion }] of this.#slots.get(slot)!) {
      if (opinion === side) stake += BigInt(this.#options.stakes[author]!);
    }
    return stake;
  }

  evaluate(slots: Int32Array): Uint8Array {
    const total = this.#options.stakes.reduce((sum, stake) => sum + BigInt(stake), 0n);
    return Uint8Array.from(slots, (slot) => {
      const approve = this.#stake(slot, OPINION.APPROVE);
      const reject = this.#stake(slot, OPINION.REJECT);
      const silent = total - approve - reject - this.#stake(slot, OPINION.ABSTAIN);
      if (approve >= this.#options.requiredVotes) return TALLY.APPROVED;
      if (reject >= this.#options.validity) return TALLY.REJECTED;
      const canApprove = approve + silent >= this.#options.requiredVotes;
      return canApprove || reject + silent >= this.#options.validity ? TALLY.OPEN : TALLY.SPLIT;
    });
  }

  confidence(slot: number, side: 1 | 2): number {
    const voters = [...this.#slots.get(slot)!].filter(([, { opinion }]) => opinion === side);
    voters.sort(([, a], [, b]) => a.confidence - b.confidence);
    const total = this.#stake(slot, side);
    let sum = 0n;
    for (const [author, { confidence }] of voters) {
      sum += BigInt(this.#options.stakes[author]!);
      if (2n * sum >= total) return confidence;
    }
    return 0;
  }

  opinion(slot: number, author: number): number {
    return this.#slots.get(slot)!.get(author)?.opinion ?? OPINION.NONE;
  }

  ballots(slots: Int32Array): Uint16Array {
    const ballots = Array.from(slots, (slot) =>
      this.#options.stakes.map((_, author) => {
        const said = this.#slots.get(slot)!.get(author);
        return said === undefined ? 0 : said.opinion * 2 ** 14 + said.confidence;
      }),
    );
    return Uint16Array.from(ballots.flat());
  }

  stakes(slot: number): { readonly approve: number; readonly reject: number; readonly abstain: number } {
    const side = (opinion: number): number => Number(this.#stake(slot, opinion));
    return { approve: side(OPINION.APPROVE), reject: side(OPINION.REJECT), abstain: side(OPINION.ABSTAIN) };
  }
}
