import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/cli/replay.ts';
import { type Judgement, percentiles, qualityOf, quantile } from '../../src/cli/statistics.ts';
import { summarize } from '../../src/cli/summary.ts';
import type { DecisionName } from '../../src/core/types.ts';
import type { NodeStats, ProposalOpinion } from '../../src/node/events.ts';

describe('quantiles', () => {
  it('are nearest ranks', () => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    expect(percentiles(values.toReversed())).toEqual({ p50: 50, p95: 95, p99: 99 });
    expect(percentiles([7])).toEqual({ p50: 7, p95: 7, p99: 7 });
    expect(quantile([], 0.5)).toBeNaN();
    expect(quantile([1, 2, 3, 4], 0)).toBe(1);
  });
});

const judgements = fc.array(
  fc.record({
    positive: fc.boolean(),
    score: fc.integer({ min: 0, max: 10 }).map((tenths) => tenths / 10),
    verdict: fc.constantFrom<Judgement['verdict'][]>('reject', 'approve', 'undecided'),
  }),
  { maxLength: 40 },
);

describe('quality', () => {
  it('has the area under the curve that counting pairs gives', () => {
    fc.assert(
      fc.property(judgements, (list) => {
        const positives = list.filter((one) => one.positive);
        const negatives = list.filter((one) => !one.positive);
        const { auc } = qualityOf(list);
        if (positives.length === 0 || negatives.length === 0) {
          expect(auc).toBeNull();
          return;
        }
        let wins = 0;
        for (const a of positives)
          for (const b of negatives) wins += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0;
        expect(auc).toBeCloseTo(wins / (positives.length * negatives.length), 10);
      }),
    );
  });

  it('counts an undecided record as wrong, and not as a rejection', () => {
    const list: Judgement[] = [
      { positive: true, score: 0.9, verdict: 'reject' },
      { positive: true, score: 0.5, verdict: 'undecided' },
      { positive: false, score: 0.8, verdict: 'reject' },
      { positive: false, score: 0.1, verdict: 'approve' },
    ];
    expect(qualityOf(list)).toMatchObject({ accuracy: 0.5, precision: 0.5, recall: 0.5, undecided: 1, records: 4 });
    expect(qualityOf([])).toMatchObject({ accuracy: null, precision: null, recall: null, auc: null });
  });
});

function outcome(first: number, positive: boolean, decision: DecisionName | null, confidence = 9000): Outcome {
  const id = new Uint8Array(32).fill(first);
  const record = { origin: `${first}.example`, positive, line: first };
  if (decision === null)
    return { record, submittedMs: 1000, certified: null, error: { code: 'PROPOSAL_BIG', message: '' } };
  const times = { submittedMs: 1000, acknowledgedMs: 1001, decidedMs: 1050, certifiedMs: 1000 + 100 * first };
  const decided = { id, decision, reason: 'QUORUM' as const, confidence, receipt: first === 2 ? 1 : 0 };
  return { record, submittedMs: 1000, certified: { id, ...times, index: 1, decision: decided }, error: null };
}

const stats = (validator: number, uptimeMs: number): NodeStats => ({
  validator,
  validators: 2,
  epoch: 0,
  uptimeMs,
  round: uptimeMs / 10,
  commitIndex: uptimeMs / 20,
  certifiedIndex: uptimeMs / 20,
  blocksAccepted: uptimeMs / 5,
  blocksEmitted: 0,
  proposalsDecided: { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0 },
  equivocations: 0,
  opinions: { scored: uptimeMs, late: 3, restarts: 1 },
  cpuMs: uptimeMs / 4,
  aiCpuMs: uptimeMs / 10,
  rssBytes: 5,
  bytesIn: uptimeMs,
  bytesOut: uptimeMs,
  peers: [],
  mempool: 0,
});

describe('a summary', () => {
  const outcomes = [
    outcome(1, true, 'REJECTED', 9000),
    outcome(2, false, 'APPROVED', 8000),
    outcome(3, true, 'EXPIRED', 0),
    outcome(4, false, 'CONFLICT', 9000),
    outcome(5, true, null),
  ];
  const opinion = (first: number, verdict: ProposalOpinion['verdict'], p: number): [string, ProposalOpinion] => {
    const id = Buffer.alloc(32, first).toString('hex');
    return [id, { id, summary: '', verdict, p }];
  };
  const opinions = [
    new Map([opinion(1, 'REJECT', 0.95), opinion(2, 'APPROVE', 0.1), opinion(3, 'ABSTAIN', 0.6)]),
    new Map(),
  ];
  const summary = summarize({
    outcomes,
    lightLoad: { perSecond: 10, outcomes: outcomes.slice(0, 1) },
    opinions,
    before: [stats(0, 1000), stats(1, 1000)],
    after: [stats(0, 3000), stats(1, 3000)],
  });

  it('counts decisions, and what got none', () => {
    expect(summary.decisions).toEqual({ APPROVED: 1, REJECTED: 1, CONFLICT: 1, EXPIRED: 1 });
    expect(summary.undelivered).toEqual({ PROPOSAL_BIG: 1 });
    expect(summary.failedReceipts).toBe(1);
  });

  it('measures finality over all decisions, and throughput from the first to the last', () => {
    expect(summary.finalityMs).toEqual({ p50: 200, p95: 400, p99: 400 });
    expect(summary.lightLoad).toEqual({ perSecond: 10, records: 1, finalityMs: { p50: 100, p95: 100, p99: 100 } });
    expect(summary.proposalsPerSecond).toBeCloseTo(4 / 0.4);
  });

  it('takes an expired or undelivered record as wrong', () => {
    // Right: 1 (rejected), 2 (approved), 4 (the models let it pass). Wrong: 3 (expired), 5 (no decision).
    expect(summary.labels.network).toMatchObject({
      records: 5,
      accuracy: 3 / 5,
      precision: 1,
      recall: 1 / 3,
      undecided: 2,
    });
    // Scores .9, .5, .5 of the positives against .2 and .5 of the negatives: (1 + 1) + 2 × (1 + ½) of 6.
    expect(summary.labels.network.auc).toBeCloseTo(5 / 6);
    expect(summary.labels.nodes[0]).toMatchObject({ validator: 0, records: 4, accuracy: 2 / 4, undecided: 2 });
    expect(summary.labels.nodes[1]).toMatchObject({ accuracy: 0, undecided: 4, auc: 0.5 });
  });

  it('takes costs between the two readings', () => {
    expect(summary.nodes[1]).toEqual({
      validator: 1,
      cpuPercent: 25,
      aiCpuPercent: 10,
      bytesPerSecond: 2000,
      rssBytes: 5,
      opinions: { scored: 2000, late: 0, restarts: 0 },
    });
    expect(summary).toMatchObject({ rounds: 200, commits: 100, blocks: 400 });
  });
});
