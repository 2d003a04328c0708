import { refKey } from './block.ts';
import type { Dag } from './dag.ts';
import { FETCH_DELAY_MS, MAX_FETCH_REFS, MAX_FETCHES_IN_FLIGHT } from './limits.ts';
import type { AuthorIndex, Ref } from './types.ts';

/** Asking again takes at most 2 to this power times as long as at first: idle costs little while nobody has a block. */
const MAX_DOUBLINGS = 6;

interface Wanted {
  readonly ref: Ref;
  /** Author of a block that needs it: whose share of the places it takes. */
  readonly account: number;
  /** Who sent that block. */
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
 * Every author has an equal share of the places for what its blocks need: one that signs refs to nothing stops nobody else.
 */
export class Fetcher {
  readonly #dag: Dag;
  readonly #wanted = new Map<string, Wanted>();
  readonly #inFlight: number[];
  readonly #share: number;

  constructor(dag: Dag, validators: number) {
    this.#dag = dag;
    this.#inFlight = new Array(validators).fill(0);
    this.#share = Math.max(1, Math.floor(MAX_FETCHES_IN_FLIGHT / validators));
  }

  /** `from` sent a block of `account` that now waits for these parents. They may still arrive by themselves. */
  want(refs: Iterable<Ref>, account: number, from: AuthorIndex, nowMs: number): void {
    for (const ref of refs) {
      if ((this.#inFlight[account] ?? 0) >= this.#share) return;
      const key = refKey(ref);
      if (this.#wanted.has(key) || !this.#dag.isMissing(key) || this.#dag.holds(key)) continue;
      this.#wanted.set(key, { ref, account, from, askAtMs: nowMs + FETCH_DELAY_MS, tries: 0 });
      this.#inFlight[account]! += 1;
    }
  }

  /** A new session: whoever is there now may have what nobody had. */
  askAgain(nowMs: number): void {
    for (const wanted of this.#wanted.values()) {
      wanted.tries = 0;
      wanted.askAtMs = nowMs;
    }
  }

  /** Requests that are due, and when to look again. `retryMs`: how long an answer may take. */
  due(nowMs: number, peers: readonly AuthorIndex[], retryMs: number): { requests: FetchRequest[]; nextAtMs: number } {
    const byPeer = new Map<AuthorIndex, Ref[]>();
    let nextAtMs = Number.POSITIVE_INFINITY;
    this.#dropArrived();
    this.#refill(nowMs);
    if (peers.length === 0) return { requests: [], nextAtMs };
    for (const wanted of this.#wanted.values()) {
      if (wanted.askAtMs <= nowMs) {
        const peer = choosePeer(wanted, peers);
        const refs = byPeer.get(peer) ?? [];
        if (refs.length < MAX_FETCH_REFS) {
          byPeer.set(peer, refs);
          refs.push(wanted.ref);
          wanted.askAtMs = nowMs + retryMs * 2 ** Math.min(MAX_DOUBLINGS, Math.floor(wanted.tries / peers.length));
          wanted.tries += 1;
        }
      }
      nextAtMs = Math.min(nextAtMs, Math.max(wanted.askAtMs, nowMs + 1));
    }
    return { requests: [...byPeer].map(([peer, refs]) => ({ peer, refs })), nextAtMs };
  }

  #dropArrived(): void {
    for (const [key, { account }] of this.#wanted) {
      if (this.#dag.isMissing(key) && !this.#dag.holds(key)) continue;
      this.#wanted.delete(key);
      this.#inFlight[account]! -= 1;
    }
  }

  /** What did not fit an author's share earlier takes the places that came free. */
  #refill(nowMs: number): void {
    for (let account = 0; account < this.#inFlight.length; account++) {
      const absent = this.#dag.absentFor(account);
      if (absent.size > (this.#inFlight[account] ?? 0)) {
        this.want(absent.values(), account, account as AuthorIndex, nowMs);
      }
    }
  }
}

function choosePeer(wanted: Wanted, peers: readonly AuthorIndex[]): AuthorIndex {
  if (wanted.tries === 0 && peers.includes(wanted.from)) return wanted.from;
  if (wanted.tries <= 1 && peers.includes(wanted.ref.author)) return wanted.ref.author;
  return peers[wanted.tries % peers.length] as AuthorIndex;
}
