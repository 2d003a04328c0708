import type { ProposalData } from '../agent/proposals.ts';
import { digestKey } from '../core/block.ts';
import type { Opinion } from '../core/io.ts';
import { CONFIDENCE_MAX } from '../core/limits.ts';
import type { IdentifiedProposal } from '../core/types.ts';
import type { PqError } from '../errors.ts';
import { OPINION } from '../wasm/kernels.ts';
import { BoundedMap } from './bounded-map.ts';
import { settled } from './settled.ts';

/** Proposals whose opinion is remembered: twice what a mempool holds. */
const MAX_REMEMBERED_OPINIONS = 40_000;

/** An opinion of the own models on a list of proposals. */
export interface Judgement extends Opinion {
  /** P(should be rejected) per proposal, 0 … 1. */
  readonly p: Float64Array;
}

export interface JudgeParts {
  /** The own models; null when they are late, a rejection when they fail. `deadlineMs` counts from now. */
  readonly opine: (
    items: readonly ProposalData[],
    deadlineMs: number,
  ) => Promise<{ readonly verdicts: Uint8Array; readonly p: Float64Array } | null>;
  /** What models see of a proposal. */
  readonly describe: (proposal: IdentifiedProposal) => ProposalData;
  /** What the application finds wrong without state (format, signature); null if nothing. */
  readonly problemOf: (proposal: IdentifiedProposal) => PqError | null | Promise<PqError | null>;
  /** timeoutPhase: how long models may take. */
  readonly deadlineMs: () => number;
  /** Models that failed, as opposed to late ones. */
  readonly onFailure: (error: unknown) => void;
}

interface Remembered {
  readonly p: number;
  readonly verdict: number;
}

/**
 * Forms opinions: the models' verdicts, and a rejection of whatever fails a check that needs no state. A proposal is
 * scored once, however many blocks carry it, and whether it came from a client or from a peer first.
 */
export class Judge {
  readonly #parts: JudgeParts;
  readonly #known = new BoundedMap<string, Remembered>(MAX_REMEMBERED_OPINIONS);
  readonly #forming = new Map<string, Promise<void>>();
  #scored = 0;
  #late = 0;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
  }

  /** Proposals scored, and lists that got no opinion because the models were late or failed. */
  get stats(): { readonly scored: number; readonly late: number } {
    return { scored: this.#scored, late: this.#late };
  }

  /** One opinion on all of `proposals`, or null when the models were late or failed. Never rejects. */
  async judge(proposals: readonly IdentifiedProposal[]): Promise<Judgement | null> {
    const keys = proposals.map((proposal) => digestKey(proposal.id));
    const fresh = new Map<string, IdentifiedProposal>();
    for (const [i, key] of keys.entries()) {
      if (!this.#known.has(key) && !this.#forming.has(key)) fresh.set(key, proposals[i]!);
    }
    if (fresh.size > 0) this.#begin(fresh);
    const awaited = new Set<Promise<void>>();
    for (const key of keys) {
      const forming = this.#forming.get(key);
      if (forming !== undefined) awaited.add(forming);
    }
    if (awaited.size > 0) await Promise.all(awaited);
    return this.#assemble(keys);
  }

  #begin(fresh: ReadonlyMap<string, IdentifiedProposal>): void {
    const forming = this.#form(fresh)
      .catch((error: unknown) => this.#parts.onFailure(error))
      .finally(() => {
        for (const key of fresh.keys()) this.#forming.delete(key);
      });
    for (const key of fresh.keys()) this.#forming.set(key, forming);
  }

  async #form(fresh: ReadonlyMap<string, IdentifiedProposal>): Promise<void> {
    const { opine, describe, problemOf, deadlineMs } = this.#parts;
    const proposals = [...fresh.values()];
    // The models are asked first: signatures are checked while a child process runs them.
    const opining = opine(proposals.map(describe), deadlineMs());
    const problems = settled(proposals.map(problemOf));
    const [opinion, known] = await Promise.all([opining, problems]);
    if (opinion === null) return;
    this.#scored += proposals.length;
    for (const [i, key] of [...fresh.keys()].entries()) {
      const own = { p: opinion.p[i]!, verdict: opinion.verdicts[i]! };
      this.#known.set(key, known[i] === null ? own : { p: 1, verdict: OPINION.REJECT });
    }
  }

  #assemble(keys: readonly string[]): Judgement | null {
    const verdicts = new Uint8Array(keys.length);
    const p = new Float64Array(keys.length);
    let sum = 0;
    for (const [i, key] of keys.entries()) {
      const remembered = this.#known.get(key);
      if (remembered === undefined) {
        this.#late++;
        return null;
      }
      verdicts[i] = remembered.verdict;
      p[i] = remembered.p;
      sum += Math.max(remembered.p, 1 - remembered.p);
    }
    const confidence = keys.length === 0 ? 0 : Math.round((sum / keys.length) * CONFIDENCE_MAX);
    return { confidence, verdicts, p };
  }
}
