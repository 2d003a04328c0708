/** The figures of a client's run as JSON. */
import type { DecisionName } from '../core/types.ts';
import type { Outcome } from './replay.ts';
import { type Percentiles, percentiles } from './statistics.ts';

export interface ClientReport {
  readonly records: number;
  readonly decisions: Readonly<Record<DecisionName, number>>;
  /** Records without a certified decision. */
  readonly undelivered: number;
  readonly finalityMs: Percentiles | null;
  readonly outcomes: readonly object[];
}

export function jsonReport(outcomes: readonly Outcome[]): ClientReport {
  const latencies = latenciesOf(outcomes);
  return {
    records: outcomes.length,
    decisions: countDecisions(outcomes),
    undelivered: outcomes.length - latencies.length,
    finalityMs: latencies.length === 0 ? null : percentiles(latencies),
    outcomes: outcomes.map(outcomeJson),
  };
}

export function countDecisions(outcomes: readonly Outcome[]): Record<DecisionName, number> {
  const counts: Record<DecisionName, number> = { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0 };
  for (const { certified } of outcomes) if (certified !== null) counts[certified.decision.decision] += 1;
  return counts;
}

/** Milliseconds from the first submission to the certified decision, of those that have one. */
export function latenciesOf(outcomes: readonly Outcome[]): number[] {
  return outcomes.flatMap(({ certified, submittedMs }) =>
    certified === null ? [] : [certified.certifiedMs - submittedMs],
  );
}

function outcomeJson({ record, certified, error, submittedMs }: Outcome): object {
  const place = { line: record.line, origin: record.origin };
  if (certified === null) return { ...place, error };
  const { decision, reason, confidence, receipt } = certified.decision;
  return {
    ...place,
    id: Buffer.from(certified.id).toString('hex'),
    decision,
    reason,
    confidence,
    receipt,
    commit: certified.index,
    decidedMs: certified.decidedMs - submittedMs,
    certifiedMs: certified.certifiedMs - submittedMs,
  };
}
