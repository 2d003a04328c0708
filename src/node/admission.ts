import { digestKey } from '../core/block.ts';
import type { Submission } from '../core/io.ts';
import { CONFIDENCE_MAX, MAX_MEMPOOL_BYTES, MAX_MEMPOOL_PROPOSALS, MAX_PROPOSAL_BYTES } from '../core/limits.ts';
import { attachIds, decodeProposal } from '../core/proposal.ts';
import type { IdentifiedProposal, Proposal, ProposalId } from '../core/types.ts';
import { isPqError, type PqError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { SubmitResult } from './client-protocol.ts';
import type { Clock } from './clock.ts';
import type { Judge } from './judge.ts';
import { Pace } from './pace.ts';
import { settled } from './settled.ts';
import { TokenBucket } from './token-bucket.ts';

/** How long a logged proposal waits for the own models before it goes into a block without their opinion. */
const SCORE_WAIT_MS = 10;

export interface AdmissionParts {
  readonly kernels: Kernels;
  readonly clock: Clock;
  readonly store: Pick<Store, 'addProposal' | 'sync'>;
  readonly judge: Pick<Judge, 'judge'>;
  /** What the application finds wrong without looking at state; null if nothing. */
  readonly check: (proposal: IdentifiedProposal) => PqError | null | Promise<PqError | null>;
  /** True while a decision on this id is remembered: until its expiry. */
  readonly isDecided: (id: ProposalId) => boolean;
  /** True when anything is known of what became of this id, however long ago. */
  readonly wasDecided: (id: ProposalId) => boolean;
  /** Hands logged proposals to the core. */
  readonly feed: (submissions: readonly Submission[]) => void;
  /** The log cannot be written any more. */
  readonly onFailed: (error: unknown) => void;
  /** An agreed parameter. The node takes half of it, so that commit time may run behind its clock. */
  readonly maxExpiryMs: () => number;
  readonly maxProposalsPerSec: number;
}

type Refused = Extract<SubmitResult, { readonly taken: false }>;

/**
 * The door for proposals of clients. What passes is in the log before it is acknowledged: from then on the node owes it a
 * decision, over restarts too.
 */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #rate: TokenBucket;
  readonly #pace: Pace;
  /** Sizes of what is acknowledged (or about to be) and not decided, by id. */
  readonly #owed = new Map<string, number>();
  #owedBytes = 0;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#rate = new TokenBucket(parts.clock, parts.maxProposalsPerSec);
    this.#pace = new Pace(parts.clock);
  }

  /** Proposals that the node owes a decision for. */
  get owed(): number {
    return this.#owed.size;
  }

  owes(id: Uint8Array): boolean {
    return this.#owed.has(digestKey(id));
  }

  /** What was acknowledged before a restart. */
  resume(pending: readonly IdentifiedProposal[]): void {
    for (const proposal of pending) this.#owe(proposal);
  }

  /** These have a decision, or will never get one. */
  settle(ids: Iterable<Uint8Array>): void {
    for (const id of ids) {
      const key = digestKey(id);
      const bytes = this.#owed.get(key);
      if (bytes === undefined) continue;
      this.#owedBytes -= bytes;
      this.#owed.delete(key);
      this.#pace.decided();
    }
  }

  /**
   * Takes proposals in their canonical encoding; one answer each, in order. Rejects only when the log fails. Codes:
   * `PROPOSAL_BIG`, `PROPOSAL_EXPIRED`, `PROPOSAL_EXPIRY_FAR`, `MEMPOOL_FULL`, `NODE_BUSY`, `RATE_LIMITED`,
   * those of the decoder (`SSZ_…`) and those of the application.
   */
  async submit(list: readonly Uint8Array[]): Promise<SubmitResult[]> {
    const results: (SubmitResult | undefined)[] = list.map(() => undefined);
    const decoded = this.#decode(list, results);
    const passed = await this.#check(decoded, results);
    const taken = passed.filter((candidate) => this.#reserve(candidate, results));
    if (taken.length > 0) this.#log(taken.map(({ proposal }) => proposal));
    // Also for what was known: an earlier submit of it may still be on its way to the disk.
    if (results.some((result) => result?.taken)) await this.#parts.store.sync();
    return results as SubmitResult[];
  }

  #decode(list: readonly Uint8Array[], results: (SubmitResult | undefined)[]): Candidate[] {
    const good: { position: number; bytes: Uint8Array; proposal: Proposal }[] = [];
    for (const [position, bytes] of list.entries()) {
      const proposal = this.#decodeOne(bytes);
      if ('taken' in proposal) results[position] = proposal;
      else good.push({ position, bytes, proposal });
    }
    const identified = attachIds(
      this.#parts.kernels,
      good.map(({ bytes }) => bytes),
      good.map(({ proposal }) => proposal),
    );
    const candidates = identified.map((proposal, i) => ({ proposal, position: good[i]!.position }));
    return candidates.filter((candidate) => this.#checkExpiry(candidate, results));
  }

  #decodeOne(bytes: Uint8Array): Proposal | Refused {
    if (bytes.length > MAX_PROPOSAL_BYTES) {
      return refused(
        'PROPOSAL_BIG',
        `A proposal has at most ${MAX_PROPOSAL_BYTES} bytes; this one has ${bytes.length}.`,
      );
    }
    try {
      return decodeProposal(bytes);
    } catch (error) {
      if (!isPqError(error)) throw error;
      return refused(error.code, error.message);
    }
  }

  /**
   * Whoever did not hear that a proposal was taken submits it again, maybe after its expiry: one that this node took
   * must not look refused then, for it may be approved. Its client is told what became of it like any other.
   */
  #checkExpiry({ proposal, position }: Candidate, results: (SubmitResult | undefined)[]): boolean {
    const { id } = proposal;
    const refusal = this.#refuseExpiry(proposal.proposal.expiryMs);
    if (refusal === null) return true;
    results[position] = this.owes(id) || this.#parts.wasDecided(id) ? { taken: true, id } : refusal;
    return false;
  }

  #refuseExpiry(expiryMs: number): Refused | null {
    const now = this.#parts.clock.now();
    if (expiryMs <= now)
      return refused('PROPOSAL_EXPIRED', 'The expiry is in the past: submit again with a later one.');
    const furthest = Math.floor(this.#parts.maxExpiryMs() / 2);
    if (expiryMs <= now + furthest) return null;
    return refused(
      'PROPOSAL_EXPIRY_FAR',
      `The expiry may lie at most ${furthest} ms ahead: submit with an earlier one.`,
    );
  }

  async #check(candidates: readonly Candidate[], results: (SubmitResult | undefined)[]): Promise<Candidate[]> {
    const problems = await settled(candidates.map(({ proposal }) => this.#parts.check(proposal)));
    return candidates.filter(({ position }, i) => {
      const problem = problems[i];
      if (problem != null) results[position] = refused(problem.code, problem.message);
      return problem == null;
    });
  }

  /** True when the proposal is new and there is room for it; its place is taken from now on. */
  #reserve(candidate: Candidate, results: (SubmitResult | undefined)[]): boolean {
    const { proposal, position } = candidate;
    // It may have run out since, while it was checked.
    if (!this.#checkExpiry(candidate, results)) return false;
    const known = this.owes(proposal.id) || this.#parts.isDecided(proposal.id);
    const refusal = known ? null : this.#refuseLoad(proposal);
    results[position] = refusal ?? { taken: true, id: proposal.id };
    if (known || refusal !== null) return false;
    this.#owe(proposal);
    return true;
  }

  #refuseLoad(proposal: IdentifiedProposal): Refused | null {
    if (this.#owed.size >= MAX_MEMPOOL_PROPOSALS || this.#owedBytes + proposal.bytes.length > MAX_MEMPOOL_BYTES) {
      return refused('MEMPOOL_FULL', 'Too many proposals wait for a decision at this node: submit it again later.');
    }
    const lifeMs = proposal.proposal.expiryMs - this.#parts.clock.now();
    if (this.#pace.waitMs(this.#owed.size) > lifeMs) {
      return refused('NODE_BUSY', 'It would expire before its turn comes: submit it again later, or to another node.');
    }
    if (this.#rate.take()) return null;
    const message = `This node takes ${this.#parts.maxProposalsPerSec} proposals a second: wait ${this.#rate.waitMs()} ms.`;
    return refused('RATE_LIMITED', message);
  }

  #owe(proposal: IdentifiedProposal): void {
    this.#owed.set(digestKey(proposal.id), proposal.bytes.length);
    this.#owedBytes += proposal.bytes.length;
  }

  /** Writes to the log, and then to the core with what the models say of it, if they are quick. */
  #log(proposals: readonly IdentifiedProposal[]): void {
    const { store, feed, onFailed } = this.#parts;
    const confidences = this.#score(proposals);
    for (const { bytes, id } of proposals) store.addProposal(bytes, id);
    Promise.all([confidences, store.sync()]).then(([confidence]) => {
      feed(proposals.map((proposal, i) => submissionOf(proposal, confidence?.[i])));
    }, onFailed);
  }

  /** What the own models say of each, 0 … 10000; null when they take longer than SCORE_WAIT_MS. */
  #score(proposals: readonly IdentifiedProposal[]): Promise<number[] | null> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(SCORE_WAIT_MS, () => resolve(null));
      void this.#parts.judge.judge(proposals).then((judgement) => {
        cancel();
        resolve(judgement === null ? null : Array.from(judgement.p, confidenceOf));
      });
    });
  }
}

interface Candidate {
  readonly proposal: IdentifiedProposal;
  readonly position: number;
}

function confidenceOf(p: number): number {
  return Math.round(Math.max(p, 1 - p) * CONFIDENCE_MAX);
}

function submissionOf(proposal: IdentifiedProposal, confidence: number | undefined): Submission {
  return confidence === undefined ? { proposal } : { proposal, confidence };
}

function refused(code: string, message: string): Refused {
  return { taken: false, code, message };
}
