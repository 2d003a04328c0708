import type { Chain } from './chain.ts';
import type { Pacemaker } from './pacemaker.ts';
import type { PeerTable } from './peers.ts';
import type { PeerService } from './service.ts';

export interface RepetitionParts {
  readonly chain: Chain;
  readonly peers: PeerTable;
  readonly service: PeerService;
  readonly pacemaker: Pacemaker;
  /** Of the committee. */
  readonly epoch: number;
}

/**
 * Messages get lost: whoever waits for one for a leader timeout tells everybody where it is. A peer that lacks the own last block asks
 * for it, and one that is further says so. Nothing is sent twice where nothing was lost but time: on one session messages keep
 * their order.
 */
export class Repetition {
  readonly #parts: RepetitionParts;
  /** When something of the own was last sent. */
  #lastSentMs = Number.NEGATIVE_INFINITY;
  /** Since when there is a reason to expect messages; null without one. */
  #reasonSinceMs: number | null = null;

  constructor(parts: RepetitionParts) {
    this.#parts = parts;
  }

  sent(nowMs: number): void {
    this.#lastSentMs = nowMs;
  }

  /** Returns when to look again. */
  look(nowMs: number, need: boolean): number {
    const { service, pacemaker } = this.#parts;
    if (!need && !this.#isBehind()) {
      this.#reasonSinceMs = null;
      return Number.POSITIVE_INFINITY;
    }
    this.#reasonSinceMs ??= nowMs;
    const dueMs = Math.max(this.#lastSentMs, this.#reasonSinceMs) + pacemaker.timeoutMs;
    if (nowMs < dueMs) return dueMs;
    this.#lastSentMs = nowMs;
    pacemaker.backOff();
    service.tellAll(nowMs);
    return nowMs + pacemaker.timeoutMs;
  }

  /** Others are further; or this epoch's last commit is known here, and not that it is certified. */
  #isBehind(): boolean {
    const { chain, peers, service, epoch } = this.#parts;
    if (chain.closing) return true;
    const isAhead = peers.supportedRound() > chain.dag.highestRound || peers.supportedEpoch() > epoch;
    return isAhead && !service.takesRange;
  }
}
