import { digestKey } from '../core/block.ts';
import type { ProposalId } from '../core/types.ts';
import type { DecidedProposal } from './client-protocol.ts';

/** Who waits for decisions. The calls come in the order of commits; `decided` of an index always before its `certified`. */
export interface Follower {
  /** Followed proposals were decided by commit `index` and executed; index 0: they ran out and no commit holds them. */
  decided(index: number, decisions: readonly DecidedProposal[]): void;
  /** Every commit up to `index` is final. Called only to followers that have something decided and not yet final. */
  certified(index: number): void;
}

/** Which follower waits for which proposals. A proposal is followed until it is decided, a follower until its last decision is certified. */
export class Followers {
  readonly #waiting = new Map<string, Set<Follower>>();
  /** Proposals that a follower waits for. */
  readonly #following = new Map<Follower, Set<string>>();
  /** Highest decided index that a follower was told of and that is not certified yet. */
  readonly #uncertified = new Map<Follower, number>();

  /** How many undecided proposals `follower` waits for. */
  count(follower: Follower): number {
    return this.#following.get(follower)?.size ?? 0;
  }

  follow(id: ProposalId, follower: Follower): void {
    const key = digestKey(id);
    this.#waiting.set(key, (this.#waiting.get(key) ?? new Set()).add(follower));
    this.#following.set(follower, (this.#following.get(follower) ?? new Set()).add(key));
  }

  /** Forgets a follower that is gone. */
  drop(follower: Follower): void {
    for (const key of this.#following.get(follower) ?? []) {
      const waiting = this.#waiting.get(key);
      if (waiting?.delete(follower) && waiting.size === 0) this.#waiting.delete(key);
    }
    this.#following.delete(follower);
    this.#uncertified.delete(follower);
  }

  /** Takes those of `decisions` that somebody follows out of the books; tell them with {@link Notice}s when it is durable. */
  take(index: number, decisions: readonly DecidedProposal[]): Notice[] {
    if (this.#waiting.size === 0) return [];
    const notices = new Map<Follower, DecidedProposal[]>();
    for (const decision of decisions) {
      const key = digestKey(decision.id);
      for (const follower of this.#waiting.get(key) ?? []) {
        const mine = notices.get(follower);
        if (mine === undefined) notices.set(follower, [decision]);
        else mine.push(decision);
        const following = this.#following.get(follower);
        if (following?.delete(key) && following.size === 0) this.#following.delete(follower);
      }
      this.#waiting.delete(key);
    }
    if (index > 0) for (const follower of notices.keys()) this.#uncertified.set(follower, index);
    return Array.from(notices, ([follower, mine]) => ({ follower, index, decisions: mine }));
  }

  /** A follower that learnt in another way of a decision that is not certified yet. */
  awaitCertificate(index: number, follower: Follower): void {
    this.#uncertified.set(follower, Math.max(index, this.#uncertified.get(follower) ?? 0));
  }

  /** Followers to tell that everything up to `index` is final. */
  takeCertified(index: number): Follower[] {
    const followers = [...this.#uncertified.keys()];
    for (const [follower, decided] of this.#uncertified) if (decided <= index) this.#uncertified.delete(follower);
    return followers;
  }
}

/** What one follower is told of one commit. */
export interface Notice {
  readonly follower: Follower;
  readonly index: number;
  readonly decisions: readonly DecidedProposal[];
}
