import type { Committee } from './committee.ts';
import type { AuthorIndex } from './types.ts';

/**
 * What is known of the other validators: who is connected, and how far each says it is. A claim counts only with the
 * stake of V = f + 1 behind it, so that liars alone can make nobody run after a round that does not exist.
 */
export class PeerTable {
  readonly #committee: Committee;
  /** Ascending. */
  #up: readonly AuthorIndex[] = [];
  readonly #rounds: number[];
  readonly #indexes: number[];
  readonly #epochs: number[];
  /** Undefined when a claim has changed since. */
  #supportedRound: number | undefined;
  #supportedIndex: number | undefined;
  #supportedEpoch: number | undefined;

  constructor(committee: Committee) {
    this.#committee = committee;
    this.#rounds = new Array(committee.size).fill(0);
    this.#indexes = new Array(committee.size).fill(0);
    this.#epochs = new Array(committee.size).fill(0);
  }

  connected(peer: AuthorIndex): void {
    if (!this.#up.includes(peer)) this.#up = [...this.#up, peer].sort((a, b) => a - b);
  }
  disconnected(peer: AuthorIndex): void {
    this.#up = this.#up.filter((other) => other !== peer);
  }
  /** Connected peers, ascending. */
  up(): readonly AuthorIndex[] {
    return this.#up;
  }

  sawRound(author: number, round: number): void {
    if (round <= (this.#rounds[author] ?? 0)) return;
    this.#rounds[author] = round;
    this.#supportedRound = undefined;
  }
  sawIndex(author: number, index: number): void {
    if (index <= (this.#indexes[author] ?? 0)) return;
    this.#indexes[author] = index;
    this.#supportedIndex = undefined;
  }
  sawEpoch(author: number, epoch: number): void {
    if (epoch <= (this.#epochs[author] ?? 0)) return;
    this.#epochs[author] = epoch;
    this.#supportedEpoch = undefined;
  }
  epochOf(author: number): number {
    return this.#epochs[author] ?? 0;
  }
  indexOf(author: number): number {
    return this.#indexes[author] ?? 0;
  }

  /** The highest round that authors of stake ≥ V have reached. */
  supportedRound(): number {
    this.#supportedRound ??= this.#supported(this.#rounds);
    return this.#supportedRound;
  }
  /** The highest commit that authors of stake ≥ V have executed. */
  supportedIndex(): number {
    this.#supportedIndex ??= this.#supported(this.#indexes);
    return this.#supportedIndex;
  }

  /** The highest epoch that authors of stake ≥ V are in. */
  supportedEpoch(): number {
    this.#supportedEpoch ??= this.#supported(this.#epochs);
    return this.#supportedEpoch;
  }

  #supported(values: readonly number[]): number {
    const order = values.map((value, author) => ({ value, author })).sort((a, b) => b.value - a.value);
    let stake = 0;
    for (const { value, author } of order) {
      stake += this.#committee.stakes[author] ?? 0;
      if (stake >= this.#committee.validity) return value;
    }
    return 0;
  }
}
