import { digestKey } from '../core/block.ts';
import { decodeDecisionLeaf } from '../core/commit.ts';
import { MAX_MEMPOOL_PROPOSALS } from '../core/limits.ts';
import type { Decision, ProposalId } from '../core/types.ts';
import type { Store } from '../store/store.ts';
import { BoundedMap } from './bounded-map.ts';
import { type DecidedProposal, type DecisionAnswer, NO_COMMIT } from './client-protocol.ts';
import { type Follower, Followers } from './followers.ts';

/** As many as a mempool holds. */
const MAX_REMEMBERED_LAPSED = MAX_MEMPOOL_PROPOSALS;

/**
 * What became of proposals: told to those who follow them, and answered from the store later. Nobody is told of a
 * decision or a certificate before it is durable here.
 */
export class Decisions {
  readonly #store: Pick<Store, 'decision' | 'sync'>;
  readonly #followers = new Followers();
  readonly #onFailed: (error: unknown) => void;
  #certifiedIndex: number;
  /** Proposals that ran out in no commit: whoever lost its session when that was told asks again. */
  readonly #lapsed = new BoundedMap<string, DecidedProposal>(MAX_REMEMBERED_LAPSED);
  /** Tells one after the other, in the order of commits. */
  #telling: Promise<void> = Promise.resolve();

  /** `certifiedIndex`: of the newest certificate held. `onFailed`: the store cannot be written any more. */
  constructor(store: Pick<Store, 'decision' | 'sync'>, certifiedIndex: number, onFailed: (error: unknown) => void) {
    this.#store = store;
    this.#certifiedIndex = certifiedIndex;
    this.#onFailed = onFailed;
  }

  get certifiedIndex(): number {
    return this.#certifiedIndex;
  }

  /** A commit was executed and handed to the store. */
  executed(index: number, decisions: readonly Decision[], receipts: readonly number[]): void {
    this.#tell(
      index,
      decisions.map((decision, i) => ({ ...decision, receipt: receipts[i]! })),
    );
  }

  /** A proposal ran out before it was opened: no commit holds it. */
  lapsed(id: ProposalId): void {
    const decided: DecidedProposal = { id, decision: 'EXPIRED', reason: 'TIMEOUT', confidence: 0, receipt: 0 };
    this.#lapsed.set(digestKey(id), decided);
    this.#tell(NO_COMMIT, [decided]);
  }

  /** A certificate is held. */
  certified(index: number): void {
    this.#certifiedIndex = Math.max(this.#certifiedIndex, index);
    const followers = this.#followers.takeCertified(index);
    if (followers.length === 0) return;
    this.#whenDurable(() => {
      for (const follower of followers) follower.certified(index);
    });
  }

  /** Undefined: nothing is decided on it, as far as this node knows. */
  find(id: Uint8Array): Extract<DecisionAnswer, { readonly index: number }> | undefined {
    const entry = this.#store.decision(id);
    if (entry === undefined) {
      const decided = this.#lapsed.get(digestKey(id));
      return decided && { state: 'decided', index: NO_COMMIT, decided };
    }
    const state = entry.commitIndex <= this.#certifiedIndex ? 'certified' : 'decided';
    return { state, index: entry.commitIndex, decided: decodeDecisionLeaf(entry.leaf) };
  }

  /** Tells `follower` of the decision on `id`, which is not made yet. */
  await(id: ProposalId, follower: Follower): void {
    this.#followers.follow(id, follower);
  }

  /** Tells `follower` of the decision on `id`, at once when it is there already. */
  follow(id: ProposalId, follower: Follower): void {
    const found = this.find(id);
    if (found === undefined) return this.await(id, follower);
    const { index, decided, state } = found;
    if (state === 'decided') this.followCertificate(index, follower);
    this.#whenDurable(() => {
      follower.decided(index, [decided]);
      if (state === 'certified') follower.certified(index);
    });
  }

  /** Tells `follower` when the commit that holds a decision it knows of is certified. */
  followCertificate(index: number, follower: Follower): void {
    if (index !== NO_COMMIT) this.#followers.awaitCertificate(index, follower);
  }

  /** How many undecided proposals `follower` waits for. */
  followed(follower: Follower): number {
    return this.#followers.count(follower);
  }

  drop(follower: Follower): void {
    this.#followers.drop(follower);
  }

  /** Resolves when everybody was told of everything so far. */
  async flush(): Promise<void> {
    await this.#telling;
  }

  #tell(index: number, decisions: readonly DecidedProposal[]): void {
    const notices = this.#followers.take(index, decisions);
    if (notices.length === 0) return;
    this.#whenDurable(() => {
      for (const { follower, decisions: mine } of notices) follower.decided(index, mine);
    });
  }

  #whenDurable(tell: () => void): void {
    // Asked for now, so that it is written together with whatever else this turn writes.
    const durable = this.#store.sync();
    this.#telling = this.#telling.then(() => durable).then(tell, (error: unknown) => this.#onFailed(error));
  }
}
