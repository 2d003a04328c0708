import { refKey } from './block.ts';
import type { Dag } from './dag.ts';
import { FETCH_DELAY_MS, MAX_FETCH_REFS, MAX_FETCHES_IN_FLIGHT } from './limits.ts';
import type { AuthorIndex, Ref } from './types.ts';

interface Wanted {
  readonly ref: Ref;
  /** Who sent a block that needs it. */
  readonly from: AuthorIndex;
  askAtMs: number;
  tries: number;
}

/** A request to send now. */
export interface FetchRequest {
  readonly peer: AuthorIndex;
  readonly refs: readonly Ref[];
}

/**
 * Missing parents: asked for first from whoever sent the child, then from the others in turn, a bounded number at a time.
 */
export class Fetcher {
  readonly #dag: Dag;
  readonly #wanted = new Map<string, Wanted>();

  constructor(dag: Dag) {
    this.#dag = dag;
  }

  /** `from` sent a block that now waits for these parents. They may still arrive by themselves. */
  want(refs: readonly Ref[], from: AuthorIndex, nowMs: number): void {
    for (const ref of refs) {
      if (this.#wanted.size >= MAX_FETCHES_IN_FLIGHT) return;
      const key = refKey(ref);
      if (!this.#wanted.has(key) && this.#dag.isMissing(key)) {
        this.#wanted.set(key, { ref, from, askAtMs: nowMs + FETCH_DELAY_MS, tries: 0 });
      }
    }
  }

  /** Requests that are due, and when to look again. `retryMs`: how long an answer may take. */
  due(nowMs: number, peers: readonly AuthorIndex[], retryMs: number): { requests: FetchRequest[]; nextAtMs: number } {
    const byPeer = new Map<AuthorIndex, Ref[]>();
    let nextAtMs = Number.POSITIVE_INFINITY;
    this.#refill(nowMs, peers);
    for (const [key, wanted] of this.#wanted) {
      if (!this.#dag.isMissing(key)) {
        this.#wanted.delete(key);
        continue;
      }
      if (wanted.askAtMs <= nowMs && peers.length > 0) {
        const peer = choosePeer(wanted, peers);
        const refs = byPeer.get(peer) ?? [];
        if (refs.length < MAX_FETCH_REFS) {
          byPeer.set(peer, refs);
          refs.push(wanted.ref);
          wanted.tries += 1;
          wanted.askAtMs = nowMs + retryMs;
        }
      }
      nextAtMs = Math.min(nextAtMs, Math.max(wanted.askAtMs, nowMs + 1));
    }
    return { requests: [...byPeer].map(([peer, refs]) => ({ peer, refs })), nextAtMs };
  }

  /** What did not fit the bound earlier takes the places that came free. */
  #refill(nowMs: number, peers: readonly AuthorIndex[]): void {
    const first = peers[0];
    if (first === undefined || this.#wanted.size >= MAX_FETCHES_IN_FLIGHT) return;
    for (const ref of this.#dag.missingRefs()) {
      if (this.#wanted.size >= MAX_FETCHES_IN_FLIGHT) return;
      const key = refKey(ref);
      if (!this.#wanted.has(key))
        this.#wanted.set(key, { ref, from: first, askAtMs: nowMs + FETCH_DELAY_MS, tries: 0 });
    }
  }
}

function choosePeer(wanted: Wanted, peers: readonly AuthorIndex[]): AuthorIndex {
  if (wanted.tries === 0 && peers.includes(wanted.from)) return wanted.from;
  if (wanted.tries <= 1 && peers.includes(wanted.ref.author)) return wanted.ref.author;
  return peers[wanted.tries % peers.length] as AuthorIndex;
}
