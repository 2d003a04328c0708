/** The proposals that a client waits for: from handed in, over acknowledged and decided, to certified. */
import { PqError } from '../errors.ts';
import type { DecidedProposal, SubmitResult } from './client-protocol.ts';

/** Proposals that one client follows at once. */
export const MAX_FOLLOWED = 100_000;

/** Times are milliseconds of the client's monotonic clock (`performance.now()`). */
export interface Acknowledged {
  readonly id: Uint8Array;
  readonly submittedMs: number;
  readonly acknowledgedMs: number;
}

export interface Decided extends Acknowledged {
  readonly decidedMs: number;
  /** The commit that holds the decision; 0: it ran out before it was opened, and no commit holds it. */
  readonly index: number;
  readonly decision: DecidedProposal;
}

export interface Certified extends Decided {
  readonly certifiedMs: number;
}

/**
 * One proposal on its way. All three reject with the node's code when it is refused, with `CLIENT_DISCONNECTED` or
 * `CLIENT_CLOSED` when the session ends first. What no commit holds (index 0) needs no certificate: `certified`
 * resolves with `decided`.
 */
export interface FollowedProposal {
  readonly acknowledged: Promise<Acknowledged>;
  readonly decided: Promise<Decided>;
  readonly certified: Promise<Certified>;
}

export interface FollowedEntry {
  readonly bytes: Uint8Array;
  readonly submittedMs: number;
  readonly handle: FollowedProposal;
  readonly settle: {
    readonly acknowledged: PromiseWithResolvers<Acknowledged>;
    readonly decided: PromiseWithResolvers<Decided>;
    readonly certified: PromiseWithResolvers<Certified>;
  };
  /** It was submitted before, on a session that was lost: the node may have decided it since. */
  again: boolean;
  acknowledged: Acknowledged | null;
  decided: Decided | null;
}

export class Followed {
  readonly #open = new Set<FollowedEntry>();
  readonly #byId = new Map<string, FollowedEntry>();
  readonly #byCommit = new Map<number, FollowedEntry[]>();
  #certifiedIndex = 0;

  get pending(): number {
    return this.#open.size;
  }

  /** Throws `CLIENT_PENDING` above {@link MAX_FOLLOWED}. */
  add(proposals: readonly Uint8Array[]): FollowedEntry[] {
    if (this.#open.size + proposals.length > MAX_FOLLOWED) {
      throw new PqError(
        'CLIENT_PENDING',
        `A client follows at most ${MAX_FOLLOWED} proposals: wait for decisions first.`,
        {
          pending: this.#open.size,
          limit: MAX_FOLLOWED,
        },
      );
    }
    const entries = proposals.map(openEntry);
    for (const entry of entries) this.#open.add(entry);
    return entries;
  }

  /** The node's answer to a submit: `results[i]` belongs to `entries[i]`. */
  acknowledge(entries: readonly FollowedEntry[], results: readonly SubmitResult[]): void {
    if (results.length !== entries.length) {
      const error = new PqError(
        'CLIENT_ANSWER',
        'The node answered for another number of proposals than were submitted.',
      );
      this.reject(entries, error);
      return;
    }
    entries.forEach((entry, i) => {
      const result = results[i]!;
      if (result.taken) this.#taken(entry, result.id);
      else this.reject([entry], new PqError(result.code, result.message));
    });
  }

  #taken(entry: FollowedEntry, id: Uint8Array): void {
    if (!this.#open.has(entry) || entry.acknowledged !== null) return;
    const hex = hexOf(id);
    const twin = this.#byId.get(hex);
    // The same bytes twice are one proposal: the second entry shares the fate of the first.
    if (twin !== undefined) this.#join(twin, entry);
    else this.#byId.set(hex, entry);
    entry.acknowledged = { id: id.slice(), submittedMs: entry.submittedMs, acknowledgedMs: performance.now() };
    entry.settle.acknowledged.resolve(entry.acknowledged);
  }

  #join(first: FollowedEntry, second: FollowedEntry): void {
    first.handle.decided.then(second.settle.decided.resolve, second.settle.decided.reject);
    first.handle.certified.then(second.settle.certified.resolve, second.settle.certified.reject);
    const forget = (): void => void this.#open.delete(second);
    first.handle.certified.then(forget, forget);
  }

  /** Ignores what is not followed: a push may come twice after a reconnect. */
  decided(index: number, decision: DecidedProposal): void {
    const entry = this.#byId.get(hexOf(decision.id));
    if (entry?.acknowledged == null || entry.decided !== null) return;
    // The decision's id is a view of a message: what is kept must not hold on to it.
    const own = { ...decision, id: entry.acknowledged.id };
    entry.decided = { ...entry.acknowledged, decidedMs: performance.now(), index, decision: own };
    entry.settle.decided.resolve(entry.decided);
    if (index <= this.#certifiedIndex) this.#certify(entry);
    else this.#byCommit.set(index, [...(this.#byCommit.get(index) ?? []), entry]);
  }

  /** Every commit up to `index` is final. */
  certified(index: number): void {
    if (index > this.#certifiedIndex) this.#certifiedIndex = index;
    for (const [commit, entries] of this.#byCommit) {
      if (commit > index) continue;
      this.#byCommit.delete(commit);
      for (const entry of entries) this.#certify(entry);
    }
  }

  #certify(entry: FollowedEntry): void {
    if (entry.decided === null) return;
    entry.settle.certified.resolve({ ...entry.decided, certifiedMs: performance.now() });
    this.#forget(entry);
  }

  reject(entries: readonly FollowedEntry[], error: PqError): void {
    for (const entry of entries) {
      entry.settle.acknowledged.reject(error);
      entry.settle.decided.reject(error);
      entry.settle.certified.reject(error);
      this.#forget(entry);
    }
  }

  rejectAll(error: PqError): void {
    this.reject([...this.#open], error);
    this.#byCommit.clear();
  }

  /** Entries that the node has not acknowledged, to be submitted again. */
  unacknowledged(): FollowedEntry[] {
    const entries = [...this.#open].filter((entry) => entry.acknowledged === null);
    for (const entry of entries) entry.again = true;
    return entries;
  }

  /** Acknowledged entries without a certified decision. */
  unfinished(): FollowedEntry[] {
    return [...this.#byId.values()];
  }

  #forget(entry: FollowedEntry): void {
    this.#open.delete(entry);
    const hex = entry.acknowledged === null ? null : hexOf(entry.acknowledged.id);
    if (hex !== null && this.#byId.get(hex) === entry) this.#byId.delete(hex);
  }
}

function openEntry(bytes: Uint8Array): FollowedEntry {
  const settle = {
    acknowledged: Promise.withResolvers<Acknowledged>(),
    decided: Promise.withResolvers<Decided>(),
    certified: Promise.withResolvers<Certified>(),
  };
  const handle = {
    acknowledged: settle.acknowledged.promise,
    decided: settle.decided.promise,
    certified: settle.certified.promise,
  };
  // Most callers await one of the three: the others must not end the process as unhandled. The awaited one still rejects.
  for (const promise of Object.values(handle)) promise.catch(() => {});
  return { bytes, submittedMs: performance.now(), handle, settle, again: false, acknowledged: null, decided: null };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
