import { digestKey } from './block.ts';
import { EmissionWindow } from './emission-window.ts';
import type { Submission } from './io.ts';
import { MAX_MEMPOOL_BYTES, MAX_MEMPOOL_PROPOSALS, MAX_PROPOSALS } from './limits.ts';
import type { IdentifiedProposal, ProposalId, ReasonName } from './types.ts';

/** Offset of a proposal inside the encoded payload. */
const OFFSET_BYTES = 4;

/**
 * Proposals that this node took and has not emitted, first come first served, bounded by count and bytes; and the ones
 * it emitted and owes a decision for.
 */
export class Mempool {
  readonly #waiting = new Map<string, Submission>();
  readonly #emitted = new Map<string, Submission>();
  readonly #window = new EmissionWindow();
  #bytes = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** True when something waits that may go out now. */
  get hasNext(): boolean {
    return this.#waiting.size > 0 && this.#window.room(this.#emitted.size) > 0;
  }

  /** False when it is full. A known proposal is taken silently. */
  add(submission: Submission): boolean {
    const key = digestKey(submission.proposal.id);
    if (this.#waiting.has(key) || this.#emitted.has(key)) return true;
    const bytes = this.#bytes + submission.proposal.bytes.length;
    if (this.#waiting.size >= MAX_MEMPOOL_PROPOSALS || bytes > MAX_MEMPOOL_BYTES) return false;
    this.#bytes = bytes;
    this.#waiting.set(key, submission);
    return true;
  }

  /** The next payload, of at most `maxBytes` as it is encoded. The proposals stay owed until {@link settle}. */
  take(maxBytes: number): Submission[] {
    const taken: Submission[] = [];
    const room = this.#window.room(this.#emitted.size);
    if (this.#waiting.size > room) this.#window.reached();
    let bytes = OFFSET_BYTES;
    for (const [key, submission] of this.#waiting) {
      const size = submission.proposal.bytes.length;
      bytes += OFFSET_BYTES + size;
      if (taken.length === Math.min(MAX_PROPOSALS, room) || bytes > maxBytes) break;
      taken.push(submission);
      this.#waiting.delete(key);
      this.#bytes -= size;
      this.#emitted.set(key, submission);
    }
    return taken;
  }

  /** An own block will never be committed: what it carried goes out again. The bound may be passed by what was emitted. */
  giveBack(proposals: readonly IdentifiedProposal[]): void {
    for (const { id } of proposals) {
      const key = digestKey(id);
      const submission = this.#emitted.get(key);
      if (!submission) continue;
      this.#emitted.delete(key);
      this.#waiting.set(key, submission);
      this.#bytes += submission.proposal.bytes.length;
    }
  }

  /** The epoch is over: whatever was emitted and is still owed goes out again. */
  giveBackAll(): void {
    this.giveBack([...this.#emitted.values()].map(({ proposal }) => proposal));
  }

  /** Own blocks from before a restart carry these already. */
  markEmitted(submissions: readonly Submission[]): void {
    for (const submission of submissions) {
      const key = digestKey(submission.proposal.id);
      const waiting = this.#waiting.get(key);
      if (waiting) this.#bytes -= waiting.proposal.bytes.length;
      this.#waiting.delete(key);
      this.#emitted.set(key, submission);
    }
  }

  /** A decision was made, here or through another node. */
  decided(idKey: string, reason: ReasonName): void {
    const wasOut = this.#emitted.has(idKey);
    this.settle(idKey);
    if (wasOut) this.#window.decided(reason, this.#emitted.size);
  }

  /** It is owed no longer. */
  settle(idKey: string): void {
    const waiting = this.#waiting.get(idKey);
    if (waiting) this.#bytes -= waiting.proposal.bytes.length;
    this.#waiting.delete(idKey);
    this.#emitted.delete(idKey);
  }

  /** The earliest expiry of what was emitted; Infinity when nothing is owed. Costs a walk: ask while it is quiet. */
  get nextExpiryMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { proposal } of this.#emitted.values()) next = Math.min(next, proposal.proposal.expiryMs);
    return next;
  }

  /**
   * Removes what has run out without a decision and is not open: what waits by the time `waitingMs`, what was emitted by
   * the time `emittedMs`.
   */
  lapse(waitingMs: number, emittedMs: number, isOpen: (idKey: string) => boolean): ProposalId[] {
    const lapsed: ProposalId[] = [];
    for (const [list, timeMs] of [
      [this.#waiting, waitingMs],
      [this.#emitted, emittedMs],
    ] as const) {
      for (const [key, { proposal }] of list) {
        if (timeMs <= proposal.proposal.expiryMs || isOpen(key)) continue;
        lapsed.push(proposal.id);
        this.settle(key);
      }
    }
    return lapsed;
  }
}
