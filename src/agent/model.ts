/** What the agent asks of a model, whatever it is made of. */
import type { DataKind, ProposalData } from './proposals.ts';

export interface Model {
  readonly name: string;
  /** The kind of data that it judges. */
  readonly kind: DataKind;
  /** SHA-256 of its file, hex: names it in `modelId`. */
  readonly sha256: string;
  /**
   * One calibrated P(should be rejected) per item, NaN where it cannot judge; null if that took more than `deadlineMs`
   * from now. All items are of the model's kind.
   */
  readonly score: (items: readonly ProposalData[], deadlineMs: number) => Promise<Float64Array | null>;
}
