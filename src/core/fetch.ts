import { refKey } from './block.ts';
import type { Dag } from './dag.ts';
import { FETCH_DELAY_MS, MAX_FETCH_REFS, MAX_FETCHES_IN_FLIGHT } from './limits.ts';
import type { AuthorIndex, Ref } from './types.ts';

/**
 * How often every peer is asked for one block, each time after twice the time. Then it is waited for in silence, until
 * another block needs it or a peer comes back: a ref to nothing must not keep an idle network busy.
 */
const MAX_SWEEPS = 5;

interface Wanted {
  readonly ref: Ref;
  /** Author of a block that needs it: whose share of the places it takes. */
  account: number;
  /** Everybody on whose account it was asked for, each with all sweeps. */
  readonly accounts: Set<number>;
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
  /** What the waiting room was like when it was last looked through, and when it may be next. */
  #seenChanges = -1;
  #refillAtMs = Number.NEGATIVE_INFINITY;
  /** How long what is wanted may still arrive by itself, as rounds are now. */
  #delayMs = FETCH_DELAY_MS;

  constructor(dag: Dag, validators: number) {
    this.#dag = dag;
    this.#inFlight = new Array(validators).fill(0);
    this.#share = Math.max(1, Math.floor(MAX_FETCHES_IN_FLIGHT / validators));
  }

  /**
   * `from` sent a block of `account` that now waits for these parents. They may still arrive by themselves for FETCH_DELAY_MS, or
   * half of what a round takes: what two say of one round comes that far apart where everybody is busy.
   */
  want(refs: Iterable<Ref>, account: number, from: AuthorIndex, nowMs: number, roundMs: number): void {
    this.#delayMs = Math.max(FETCH_DELAY_MS, Math.trunc(roundMs / 2));
    for (const ref of refs) {
      const known = this.#wanted.get(refKey(ref));
      if (known?.askAtMs === Number.POSITIVE_INFINITY) restart(known, nowMs);
    }
    this.#place(refs, account, from, nowMs);
  }

  #place(refs: Iterable<Ref>, account: number, from: AuthorIndex, nowMs: number): void {
    for (const ref of refs) {
      if ((this.#inFlight[account] ?? 0) >= this.#share) return;
      const key = refKey(ref);
      if (!this.#dag.isMissing(key) || this.#dag.holds(key)) continue;
      const known = this.#wanted.get(key);
      if (known) this.#takeOver(known, account, nowMs);
      else {
        const accounts = new Set([account]);
        this.#wanted.set(key, { ref, account, accounts, from, askAtMs: nowMs + this.#delayMs, tries: 0 });
        this.#inFlight[account]! += 1;
      }
    }
  }

  /** What was given up on one author's account is asked for again on that of another who needs it too. */
  #takeOver(wanted: Wanted, account: number, nowMs: number): void {
    if (wanted.askAtMs !== Number.POSITIVE_INFINITY || wanted.accounts.has(account)) return;
    this.#inFlight[wanted.account]! -= 1;
    this.#inFlight[account]! += 1;
    wanted.account = account;
    wanted.accounts.add(account);
    restart(wanted, nowMs);
  }

  /** A new session: whoever is there now may have what nobody had. */
  askAgain(nowMs: number): void {
    for (const wanted of this.#wanted.values()) restart(wanted, nowMs);
  }

  /** Requests that are due, and when to look again. `retryMs`: how long an answer may take. */
  due(nowMs: number, peers: readonly AuthorIndex[], retryMs: number): { requests: FetchRequest[]; nextAtMs: number } {
    const byPeer = new Map<AuthorIndex, Ref[]>();
    this.#dropArrived();
    let nextAtMs = this.#refill(nowMs);
    if (peers.length === 0) return { requests: [], nextAtMs: Number.POSITIVE_INFINITY };
    for (const wanted of this.#wanted.values()) {
      if (wanted.askAtMs <= nowMs) {
        const peer = choosePeer(wanted, peers);
        const refs = byPeer.get(peer) ?? [];
        if (refs.length < MAX_FETCH_REFS) {
          byPeer.set(peer, refs);
          refs.push(wanted.ref);
          const sweeps = Math.floor(wanted.tries / peers.length);
          wanted.askAtMs = sweeps < MAX_SWEEPS ? nowMs + retryMs * 2 ** sweeps : Number.POSITIVE_INFINITY;
          wanted.tries += 1;
          // Given up here, it may still be on somebody else's account.
          if (sweeps >= MAX_SWEEPS) this.#seenChanges = -1;
        }
      }
      nextAtMs = Math.min(nextAtMs, Math.max(wanted.askAtMs, nowMs + 1));
    }
    if (this.#dag.waitingChanges !== this.#seenChanges)
      nextAtMs = Math.min(nextAtMs, Math.max(this.#refillAtMs, nowMs + 1));
    return { requests: [...byPeer].map(([peer, refs]) => ({ peer, refs })), nextAtMs };
  }

  #dropArrived(): void {
    for (const [key, { account }] of this.#wanted) {
      if (this.#dag.isMissing(key) && !this.#dag.holds(key)) continue;
      this.#wanted.delete(key);
      this.#inFlight[account]! -= 1;
    }
  }

  /**
   * What did not fit an author's share earlier takes the places that came free. Looks through the waiting room when it has
   * changed, and not with every message. Returns when to look again.
   */
  #refill(nowMs: number): number {
    const changes = this.#dag.waitingChanges;
    if (changes === this.#seenChanges) return Number.POSITIVE_INFINITY;
    if (nowMs < this.#refillAtMs) return this.#refillAtMs;
    this.#seenChanges = changes;
    this.#refillAtMs = nowMs + FETCH_DELAY_MS;
    for (let account = 0; account < this.#inFlight.length; account++) {
      const absent = this.#dag.absentFor(account);
      if (absent.size > (this.#inFlight[account] ?? 0)) {
        this.#place(absent.values(), account, account as AuthorIndex, nowMs);
      }
    }
    return Number.POSITIVE_INFINITY;
  }
}

function restart(wanted: Wanted, nowMs: number): void {
  wanted.tries = 0;
  wanted.askAtMs = nowMs;
}

function choosePeer(wanted: Wanted, peers: readonly AuthorIndex[]): AuthorIndex {
  if (wanted.tries === 0 && peers.includes(wanted.from)) return wanted.from;
  if (wanted.tries <= 1 && peers.includes(wanted.ref.author)) return wanted.ref.author;
  return peers[wanted.tries % peers.length] as AuthorIndex;
}
