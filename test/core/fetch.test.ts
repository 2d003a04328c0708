import { describe, expect, test } from 'vitest';
import { refKey } from '../../src/core/block.ts';
import { Dag } from '../../src/core/dag.ts';
import { Fetcher } from '../../src/core/fetch.ts';
import { FETCH_DELAY_MS, MAX_FETCH_REFS, MAX_FETCHES_IN_FLIGHT } from '../../src/core/limits.ts';
import type { AuthorIndex, Ref, Round, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee, makeFullRounds } from '../support/chain.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);
const RETRY_MS = 100;
const peers = [1, 2, 3] as AuthorIndex[];

class Bench {
  readonly dag = new Dag(kernels, committee);
  readonly fetcher = new Fetcher(this.dag, committee.size);
  nowMs = 0;

  /** A block with these parents arrives from `from` and waits. Rounds take `roundMs`. */
  suspend(block: SignedBlock, from: number = block.ref.author, roundMs = 0): void {
    expect(this.dag.admit(block as unknown as VerifiedBlock).suspended).toBe(true);
    this.fetcher.want(this.dag.missingParentsOf(block), block.ref.author, from as AuthorIndex, this.nowMs, roundMs);
  }

  /** Requests from now until `untilMs`, as [when, peer, refs]. */
  run(untilMs: number, connected: readonly AuthorIndex[] = peers): [number, number, readonly Ref[]][] {
    const said: [number, number, readonly Ref[]][] = [];
    for (;;) {
      const { requests, nextAtMs } = this.fetcher.due(this.nowMs, connected, RETRY_MS);
      for (const { peer, refs } of requests) said.push([this.nowMs, peer, refs]);
      if (nextAtMs > untilMs) break;
      expect(nextAtMs).toBeGreaterThan(this.nowMs);
      this.nowMs = nextAtMs;
    }
    this.nowMs = untilMs;
    return said;
  }

  /** When to look again. */
  get nextAtMs(): number {
    return this.fetcher.due(this.nowMs, peers, RETRY_MS).nextAtMs;
  }
}

let serial = 0;
function nowhere(round: number, author: number): Ref {
  serial += 1;
  const digest = kernels.sha3_256(Uint8Array.of(serial & 255, (serial >> 8) & 255, serial >> 16));
  return { round: round as Round, author: author as AuthorIndex, digest: digest as Ref['digest'] };
}
const waiting = (round: number, author: number, ...parents: readonly Ref[]) =>
  makeBlock(kernels, committee, round, author, { parents: [...parents], timestampMs: serial });

describe('a missing parent', () => {
  test('may arrive by itself for half of what a round takes, and for a moment at least', () => {
    for (const [roundMs, delayMs] of [
      [0, FETCH_DELAY_MS],
      [FETCH_DELAY_MS, FETCH_DELAY_MS],
      [400, 200],
    ] as const) {
      const bench = new Bench();
      bench.suspend(waiting(2, 3, nowhere(1, 2)), 1, roundMs);
      expect(bench.run(1000)[0]?.[0]).toBe(delayMs);
    }
  });

  test('is asked of whoever sent the child, then of its author, then of the others in turn', () => {
    const bench = new Bench();
    const missing = nowhere(1, 2);
    bench.suspend(waiting(2, 3, missing), 1);
    const said = bench.run(FETCH_DELAY_MS + 3 * RETRY_MS);
    expect(said.slice(0, 4).map(([atMs, peer]) => [atMs, peer])).toEqual([
      [FETCH_DELAY_MS, 1],
      [FETCH_DELAY_MS + RETRY_MS, 2],
      [FETCH_DELAY_MS + 2 * RETRY_MS, 3],
      [FETCH_DELAY_MS + 3 * RETRY_MS, 1],
    ]);
    expect(said.every(([, , refs]) => refs.length === 1 && refKey(refs[0]!) === refKey(missing))).toBe(true);
  });

  test('may arrive by itself: then nobody is asked', () => {
    const bench = new Bench();
    const [, b, c, d] = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
    for (const block of [b!, c!]) bench.dag.admit(block as unknown as VerifiedBlock);
    bench.suspend(waiting(2, 1, b!.ref, c!.ref, d!.ref));
    bench.nowMs = FETCH_DELAY_MS - 1;
    bench.dag.admit(d! as unknown as VerifiedBlock);
    expect(bench.run(10_000)).toEqual([]);
    expect(bench.nextAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('that waits for parents itself is not asked for: they are', () => {
    const bench = new Bench();
    const deep = nowhere(1, 2);
    const middle = waiting(2, 2, deep);
    bench.suspend(waiting(3, 1, middle.ref));
    bench.suspend(middle);
    const asked = bench.run(FETCH_DELAY_MS + 1).flatMap(([, , refs]) => refs.map(refKey));
    expect(new Set(asked)).toEqual(new Set([refKey(deep)]));
  });

  test('that nobody has is let go in the end, until a peer comes or another block needs it', () => {
    const bench = new Bench();
    const missing = nowhere(1, 3);
    bench.suspend(waiting(2, 3, missing));
    const said = bench.run(1_000_000);
    expect(said.length).toBeGreaterThanOrEqual(5 * peers.length);
    expect(new Set(said.map(([, peer]) => peer))).toEqual(new Set(peers));
    const gaps = said.map(([atMs], i) => atMs - (said[i - 1]?.[0] ?? 0));
    expect(gaps.at(-1)).toBeGreaterThan(8 * RETRY_MS);
    expect(bench.nextAtMs).toBe(Number.POSITIVE_INFINITY);
    bench.fetcher.askAgain(bench.nowMs);
    expect(bench.run(2_000_000).length).toBe(said.length);
    // On the account of somebody who has not asked for it yet, directly or through others.
    bench.suspend(waiting(2, 1, missing, nowhere(1, 1)));
    expect(bench.run(2_001_000).some(([, , refs]) => refs.some((ref) => refKey(ref) === refKey(missing)))).toBe(true);
  });

  test('that was let go on the account of a liar is asked for again when others need it through the liar', () => {
    const bench = new Bench();
    const missing = nowhere(1, 3);
    const liar = waiting(2, 3, missing);
    bench.suspend(liar);
    bench.run(1_000_000);
    bench.suspend(waiting(3, 1, liar.ref));
    const again = bench.run(2_000_000);
    expect(again.length).toBeGreaterThanOrEqual(5 * peers.length);
    expect(again.every(([, , refs]) => refKey(refs[0]!) === refKey(missing))).toBe(true);
    expect(bench.nextAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('is asked of nobody, and wakes nobody, while no peer is there', () => {
    const bench = new Bench();
    bench.suspend(waiting(2, 3, nowhere(1, 2)));
    bench.nowMs = 1000;
    expect(bench.fetcher.due(1000, [], RETRY_MS)).toEqual({ requests: [], nextAtMs: Number.POSITIVE_INFINITY });
    expect(bench.run(1000)).toHaveLength(1);
  });
});

describe('the places', () => {
  test('are bounded, and so is one request', () => {
    const bench = new Bench();
    for (let i = 0; i < 200; i++) {
      for (const author of [1, 2, 3])
        bench.suspend(waiting(2 + i, author, nowhere(1 + i, 1), nowhere(1 + i, 2), nowhere(1 + i, 3)));
    }
    const said = bench.run(RETRY_MS / 2);
    const refs = said.flatMap(([, , list]) => list.map(refKey));
    expect(new Set(refs).size).toBeLessThanOrEqual(MAX_FETCHES_IN_FLIGHT);
    expect(refs.length).toBe(new Set(refs).size);
    expect(Math.max(...said.map(([, , list]) => list.length))).toBeLessThanOrEqual(MAX_FETCH_REFS);
  });

  test('of one author are not taken by the junk of another, not even behind a block of the other', () => {
    const bench = new Bench();
    for (let i = 0; i < 120; i++)
      bench.suspend(waiting(2 + i, 3, nowhere(1 + i, 3), nowhere(1 + i, 2), nowhere(1 + i, 1)));
    bench.run(5);
    const real = nowhere(1, 1);
    const liar = waiting(2, 3, real);
    bench.suspend(liar, 1);
    const honest = waiting(3, 1, liar.ref);
    bench.suspend(honest);
    const asked = bench.run(5 + 3 * FETCH_DELAY_MS).flatMap(([, , refs]) => refs.map(refKey));
    expect(asked).toContain(refKey(real));
  });

  test('come free when what was missing arrives, for what waited for a place', () => {
    const bench = new Bench();
    const first = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
    const share = MAX_FETCHES_IN_FLIGHT / committee.size;
    bench.suspend(waiting(2, 1, first[1]!.ref, first[2]!.ref, first[3]!.ref));
    for (let i = 0; i < share - 1; i++) bench.suspend(waiting(3 + i, 1, nowhere(2 + i, 1)));
    const last = nowhere(2 + share, 1);
    bench.suspend(waiting(3 + share, 1, last));
    const before = bench.run(50).flatMap(([, , refs]) => refs.map(refKey));
    expect(before).not.toContain(refKey(last));
    for (const block of first) bench.dag.admit(block as unknown as VerifiedBlock);
    const after = bench.run(50 + 4 * FETCH_DELAY_MS).flatMap(([, , refs]) => refs.map(refKey));
    expect(after).toContain(refKey(last));
  });
});
