/** Percentiles, and how well scores and verdicts fit labels. */

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The smallest value such that at least this share (0 … 1) of all values is not above it (nearest rank). NaN of none. */
export function quantile(ascending: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * ascending.length));
  return ascending[rank - 1] ?? Number.NaN;
}

export function percentiles(values: readonly number[]): Percentiles {
  const ascending = [...values].sort((a, b) => a - b);
  return { p50: quantile(ascending, 0.5), p95: quantile(ascending, 0.95), p99: quantile(ascending, 0.99) };
}

/** One labelled record and what was said of it. Positive: should be rejected. */
export interface Judgement {
  readonly positive: boolean;
  /** 0 … 1, higher: rather to be rejected. */
  readonly score: number;
  /** What was decided; `undecided` is wrong whatever the label. */
  readonly verdict: 'reject' | 'approve' | 'undecided';
}

/** Each is null where nothing defines it, e.g. a precision without a rejection. */
export interface Quality {
  readonly records: number;
  readonly accuracy: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly auc: number | null;
  readonly undecided: number;
}

export function qualityOf(judgements: readonly Judgement[]): Quality {
  const count = (test: (judgement: Judgement) => boolean): number => judgements.filter(test).length;
  const positives = count((one) => one.positive);
  const rejected = count((one) => one.verdict === 'reject');
  const caught = count((one) => one.positive && one.verdict === 'reject');
  const passed = count((one) => !one.positive && one.verdict === 'approve');
  return {
    records: judgements.length,
    accuracy: share(caught + passed, judgements.length),
    precision: share(caught, rejected),
    recall: share(caught, positives),
    auc: areaUnderCurve(judgements),
    undecided: count((one) => one.verdict === 'undecided'),
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/**
 * The chance that a random positive scores above a random negative, ties counting half: the Mann–Whitney U statistic over
 * the number of pairs. Null without both kinds.
 */
function areaUnderCurve(judgements: readonly Judgement[]): number | null {
  const sorted = [...judgements].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  let positives = 0;
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to < sorted.length && sorted[to]!.score === sorted[from]!.score) to += 1;
    // Ranks start at 1; tied ones share the mean of theirs.
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) {
      if (!sorted[i]!.positive) continue;
      rankSum += rank;
      positives += 1;
    }
    from = to;
  }
  const negatives = sorted.length - positives;
  if (positives === 0 || negatives === 0) return null;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
