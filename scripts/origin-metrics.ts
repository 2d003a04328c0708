/** How good probabilities are: ranking, calibration, votes at a threshold, and what a committee of such voters decides. */
import { VERDICT, type Verdict, verdictOf } from '../src/agent/opinion.ts';

/** Area under the ROC curve by ranks (Mann–Whitney), ties counted half. */
export function auc(scores: readonly number[], labels: readonly number[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && scores[order[to] ?? 0] === scores[order[from] ?? 0]) to += 1;
    for (let i = from; i < to; i += 1) {
      if (labels[order[i] ?? 0] !== 1) continue;
      positives += 1;
      rankSum += (from + to + 1) / 2;
    }
    from = to;
  }
  const negatives = scores.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Mean squared error of probabilities. */
export function brier(p: readonly number[], labels: readonly number[]): number {
  return p.reduce((sum, value, i) => sum + (value - (labels[i] ?? 0)) ** 2, 0) / p.length;
}

export interface VoteRates {
  /** Share of items voted on (not abstained) whose vote agrees with the label. */
  readonly accuracy: number;
  readonly abstainRate: number;
  /** Share of the benign that is voted reject, and of the bad that is voted approve. */
  readonly falseRejectRate: number;
  readonly falseApproveRate: number;
}

export function voteRates(p: readonly number[], labels: readonly number[], threshold: number): VoteRates {
  const counts = { right: 0, abstained: 0, falseReject: 0, falseApprove: 0, bad: 0 };
  for (const [i, value] of p.entries()) {
    const verdict = verdictOf(value, threshold);
    const isBad = labels[i] === 1;
    if (isBad) counts.bad += 1;
    if (verdict === VERDICT.ABSTAIN) counts.abstained += 1;
    else if ((verdict === VERDICT.REJECT) === isBad) counts.right += 1;
    else if (isBad) counts.falseApprove += 1;
    else counts.falseReject += 1;
  }
  return {
    accuracy: counts.right / (p.length - counts.abstained),
    abstainRate: counts.abstained / p.length,
    falseRejectRate: counts.falseReject / (p.length - counts.bad),
    falseApproveRate: counts.falseApprove / counts.bad,
  };
}

export type Outcome = 'APPROVED' | 'REJECTED' | 'EXPIRED';

/** What n equal voters decide: APPROVED with Q = n − f approvals, REJECTED with f + 1 rejections, else EXPIRED; f = ⌊(n − 1)/3⌋. */
export function outcomeOf(verdicts: readonly Verdict[]): Outcome {
  const f = Math.floor((verdicts.length - 1) / 3);
  if (verdicts.filter((verdict) => verdict === VERDICT.APPROVE).length >= verdicts.length - f) return 'APPROVED';
  return verdicts.filter((verdict) => verdict === VERDICT.REJECT).length >= f + 1 ? 'REJECTED' : 'EXPIRED';
}

export interface CommitteeRates {
  /** Share of each outcome, for benign items and for bad ones. */
  readonly benign: Readonly<Record<Outcome, number>>;
  readonly bad: Readonly<Record<Outcome, number>>;
  /** Share of items that are not decided. */
  readonly expired: number;
  /** Share of decided items whose decision agrees with the label. */
  readonly agreement: number;
  /** Share of items on which the voters do not all say the same. */
  readonly disagreement: number;
}

/** `p[v][i]`: voter v's probability for item i. If approvals and rejections both reach their number, approval is looked at first. */
export function committeeRates(
  p: readonly (readonly number[])[],
  labels: readonly number[],
  threshold: number,
): CommitteeRates {
  const counts = { 0: { APPROVED: 0, REJECTED: 0, EXPIRED: 0 }, 1: { APPROVED: 0, REJECTED: 0, EXPIRED: 0 } };
  let split = 0;
  for (const [i, label] of labels.entries()) {
    const verdicts = p.map((voter) => verdictOf(voter[i] ?? Number.NaN, threshold));
    if (new Set(verdicts).size > 1) split += 1;
    counts[label === 1 ? 1 : 0][outcomeOf(verdicts)] += 1;
  }
  const [benign, bad] = [counts[0], counts[1]];
  const share = (of: Record<Outcome, number>): Record<Outcome, number> => {
    const total = of.APPROVED + of.REJECTED + of.EXPIRED;
    return { APPROVED: of.APPROVED / total, REJECTED: of.REJECTED / total, EXPIRED: of.EXPIRED / total };
  };
  const expired = benign.EXPIRED + bad.EXPIRED;
  return {
    benign: share(benign),
    bad: share(bad),
    expired: expired / labels.length,
    agreement: (benign.APPROVED + bad.REJECTED) / (labels.length - expired),
    disagreement: split / labels.length,
  };
}
