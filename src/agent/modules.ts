/** Modules: checks of the operator's own that add their verdict to the model's, each with a weight. */
import type { BlockData, ProposalData } from './proposals.ts';

export interface ModuleContext {
  /** The block that the proposal stands in, if the caller said. */
  readonly block: BlockData | null;
  /** Time left for all of the block's proposals, milliseconds; a module that takes longer is left out. */
  readonly deadlineMs: number;
}

export interface ModuleVerdict {
  readonly verdict: 'approve' | 'reject' | 'abstain';
  /** 0 … 10, against the model's 1. */
  readonly weight: number;
}

/** Judges one proposal. Runs in this process: it must not compute for long; waiting is fine. */
export type Module = (item: ProposalData, context: ModuleContext) => ModuleVerdict | Promise<ModuleVerdict>;

/** Weighted sums of what modules said of one proposal. */
export interface ModuleSum {
  readonly weight: number;
  readonly rejectWeight: number;
}

/** The model's p (NaN if it could not judge) and the modules' verdicts as a weighted mean; a verdict counts as p = 0 or 1. */
export function pool(p: number, sum: ModuleSum): number {
  const modelWeight = Number.isFinite(p) ? 1 : 0;
  const weight = modelWeight + sum.weight;
  return weight === 0 ? Number.NaN : (modelWeight * (modelWeight === 0 ? 0 : p) + sum.rejectWeight) / weight;
}
