/** The figures of a run: what was decided, how well it fits the labels, how long it took, what it cost. */
import { cpus, totalmem } from 'node:os';
import type { DecisionName } from '../core/types.ts';
import type { NodeStats, ProposalOpinion } from '../node/events.ts';
import type { Outcome } from './replay.ts';
import { type Judgement, type Percentiles, percentiles, type Quality, qualityOf } from './statistics.ts';

/** The machine that figures were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
}

/** Cost of one node over the run. CPU: 100 is one core fully used. */
export interface NodeCost {
  readonly validator: number;
  readonly cpuPercent: number;
  /** Of the processes that run the models, not in `cpuPercent`. */
  readonly aiCpuPercent: number;
  /** Received and sent. */
  readonly bytesPerSecond: number;
  readonly rssBytes: number;
  /** Opinions formed, not formed in time, and starts of a model process in place of one that was late or died. */
  readonly opinions: NodeStats['opinions'];
}

export interface NodeQuality extends Quality {
  readonly validator: number;
}

/** What `--json FILE` writes. Shares and scores are 0 … 1. */
export interface Summary {
  readonly machine: Machine;
  readonly validators: number;
  readonly records: number;
  /** From the first submission to the certified decision, at the client. Null when nothing was decided. */
  readonly finalityMs: Percentiles | null;
  /** The same while only so many records a second come. */
  readonly lightLoad: { readonly perSecond: number; readonly records: number; readonly finalityMs: Percentiles | null };
  readonly proposalsPerSecond: number;
  readonly decisions: Readonly<Record<DecisionName, number>>;
  /** Approved, and the execution failed. */
  readonly failedReceipts: number;
  /** Records without a certified decision, by the code that says why. */
  readonly undelivered: Readonly<Record<string, number>>;
  /** Positive: should be rejected. */
  readonly labels: { readonly network: Quality; readonly nodes: readonly NodeQuality[] };
  readonly nodes: readonly NodeCost[];
  readonly rounds: number;
  readonly blocks: number;
  readonly commits: number;
  readonly seconds: number;
}

export interface RunData {
  /** Submitted after the replay, at a pace that leaves the machine room. In no other figure. */
  readonly lightLoad: { readonly perSecond: number; readonly outcomes: readonly Outcome[] };
  readonly outcomes: readonly Outcome[];
  /** By validator: what its models said, by proposal id in hex. */
  readonly opinions: readonly ReadonlyMap<string, ProposalOpinion>[];
  readonly before: readonly NodeStats[];
  readonly after: readonly NodeStats[];
}

export function summarize({ outcomes, lightLoad, opinions, before, after }: RunData): Summary {
  const decided = outcomes.flatMap((outcome) => (outcome.certified === null ? [] : [outcome.certified]));
  const seconds = spanSeconds(outcomes);
  const decisions: Record<DecisionName, number> = { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0 };
  for (const { decision } of decided) decisions[decision.decision] += 1;
  return {
    machine: thisMachine(),
    validators: after.length,
    records: outcomes.length,
    finalityMs: finalityOf(outcomes),
    lightLoad: {
      perSecond: lightLoad.perSecond,
      records: lightLoad.outcomes.length,
      finalityMs: finalityOf(lightLoad.outcomes),
    },
    proposalsPerSecond: seconds === 0 ? 0 : decided.length / seconds,
    decisions,
    failedReceipts: decided.filter(({ decision }) => decision.receipt !== 0).length,
    undelivered: undeliveredOf(outcomes),
    labels: {
      network: qualityOf(outcomes.flatMap(networkJudgement)),
      nodes: opinions.map((byId, validator) => ({ validator, ...nodeQuality(outcomes, byId) })),
    },
    nodes: after.map((stats, i) => costOf(i, before[i]!, stats)),
    rounds: span(before, after, (stats) => stats.round),
    blocks: span(before, after, (stats) => stats.blocksAccepted),
    commits: span(before, after, (stats) => stats.commitIndex),
    seconds,
  };
}

function finalityOf(outcomes: readonly Outcome[]): Percentiles | null {
  const latencies = outcomes.flatMap(({ certified, submittedMs }) =>
    certified === null ? [] : [certified.certifiedMs - submittedMs],
  );
  return latencies.length === 0 ? null : percentiles(latencies);
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}

/** From the first submission to the last certified decision. */
function spanSeconds(outcomes: readonly Outcome[]): number {
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { submittedMs, certified } of outcomes) {
    firstMs = Math.min(firstMs, submittedMs);
    if (certified !== null) lastMs = Math.max(lastMs, certified.certifiedMs);
  }
  return lastMs > firstMs ? (lastMs - firstMs) / 1000 : 0;
}

function undeliveredOf(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error } of outcomes) if (error !== null) counts[error.code] = (counts[error.code] ?? 0) + 1;
  return counts;
}

/** Score: the confidence if REJECTED, 1 − confidence if APPROVED, 0.5 else. EXPIRED, or no decision, is wrong whatever the label. */
function networkJudgement({ record, certified }: Outcome): Judgement[] {
  if (record.positive === undefined) return [];
  const { positive } = record;
  if (certified === null) return [{ positive, score: 0.5, verdict: 'undecided' }];
  const { decision, confidence } = certified.decision;
  const sure = confidence / 10_000;
  if (decision === 'REJECTED') return [{ positive, score: sure, verdict: 'reject' }];
  if (decision === 'APPROVED') return [{ positive, score: 1 - sure, verdict: 'approve' }];
  // A conflict had its votes: the models let it pass, the conflict checker did not.
  return [{ positive, score: 0.5, verdict: decision === 'CONFLICT' ? 'approve' : 'undecided' }];
}

/** A node's score is its own p, its verdict its own vote; an abstention is no verdict, and no opinion counts as one. */
function nodeQuality(outcomes: readonly Outcome[], byId: ReadonlyMap<string, ProposalOpinion>): Quality {
  const judgements = outcomes.flatMap(({ record, certified }): Judgement[] => {
    if (record.positive === undefined || certified === null) return [];
    const opinion = byId.get(Buffer.from(certified.id).toString('hex'));
    const { positive } = record;
    if (opinion === undefined) return [{ positive, score: 0.5, verdict: 'undecided' }];
    return [{ positive, score: opinion.p, verdict: VERDICTS[opinion.verdict] }];
  });
  return qualityOf(judgements);
}

const VERDICTS = { APPROVE: 'approve', REJECT: 'reject', ABSTAIN: 'undecided' } as const;

function costOf(validator: number, before: NodeStats, after: NodeStats): NodeCost {
  const ms = Math.max(1, after.uptimeMs - before.uptimeMs);
  return {
    validator,
    cpuPercent: (100 * (after.cpuMs - before.cpuMs)) / ms,
    aiCpuPercent: (100 * (after.aiCpuMs - before.aiCpuMs)) / ms,
    bytesPerSecond: (1000 * (after.bytesIn + after.bytesOut - before.bytesIn - before.bytesOut)) / ms,
    rssBytes: after.rssBytes,
    opinions: {
      scored: after.opinions.scored - before.opinions.scored,
      late: after.opinions.late - before.opinions.late,
      restarts: after.opinions.restarts - before.opinions.restarts,
    },
  };
}

/** Growth of a count, at the node where it grew most. */
function span(before: readonly NodeStats[], after: readonly NodeStats[], of: (stats: NodeStats) => number): number {
  return Math.max(0, ...after.map((stats, i) => of(stats) - of(before[i]!)));
}
