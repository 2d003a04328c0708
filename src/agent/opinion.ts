/** From probabilities to votes: thresholds, verdicts, and the quantised confidence that gets signed. */
import { CONFIDENCE_MAX } from '../core/limits.ts';

/** The numbers are local to a process; on the wire a vote has two bitlists. */
export const VERDICT = { APPROVE: 1, REJECT: 2, ABSTAIN: 3 } as const;
export type Verdict = (typeof VERDICT)[keyof typeof VERDICT];

/** What an agent thinks of a block's proposals, one entry per proposal in block order. */
export interface Opinion {
  /** 0 … 10000: mean of max(p, 1 − p). A sure rejection has a high confidence. */
  readonly confidence: number;
  /** {@link VERDICT} per proposal. */
  readonly verdicts: Uint8Array;
  /** P(should be rejected) per proposal, 0 … 1; 0.5 where nothing could judge it. */
  readonly p: Float64Array;
}

/** p ≤ 1 − t approves, p ≥ t rejects, between them abstains; so does a p that is not a number. */
export function verdictOf(p: number, threshold: number): Verdict {
  if (p >= threshold) return VERDICT.REJECT;
  if (p <= 1 - threshold) return VERDICT.APPROVE;
  return VERDICT.ABSTAIN;
}

/**
 * Forms the opinion from one p per proposal. NaN means that nothing could judge it: it abstains, and counts as 0.5.
 * An empty list gives confidence 0.
 */
export function opinionOf(probabilities: Float64Array, threshold: number): Opinion {
  const verdicts = new Uint8Array(probabilities.length);
  const p = new Float64Array(probabilities.length);
  let sum = 0;
  for (const [index, raw] of probabilities.entries()) {
    const known = raw >= 0 && raw <= 1 ? raw : 0.5;
    p[index] = known;
    verdicts[index] = verdictOf(known, threshold);
    sum += Math.max(known, 1 - known);
  }
  const mean = probabilities.length === 0 ? 0 : sum / probabilities.length;
  return { confidence: Math.round(mean * CONFIDENCE_MAX), verdicts, p };
}
