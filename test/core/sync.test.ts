import { describe, expect, test } from 'vitest';
import { refKey } from '../../src/core/block.ts';
import { MAX_FETCH_REFS, MAX_SYNC_COMMITS } from '../../src/core/limits.ts';
import { CommitSync, type CommitsReply } from '../../src/core/sync.ts';
import type { AuthorIndex, Commit, Ref, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee } from '../support/chain.ts';
import { makeHistory } from '../support/history.ts';
import { codeOf } from '../support/hostile.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);
const history = makeHistory(kernels, committee, 50);
const PEER = 2 as AuthorIndex;

function replyOf(from: number, count: number, certified = from + count - 1): CommitsReply {
  const commits = history.commits.slice(from - 1, from - 1 + count).map(({ commit, refs }) => ({ commit, refs }));
  return { kind: 'commitsReply', commits, certificate: history.certificate(certified) };
}
function started(from = 1): CommitSync {
  const sync = new CommitSync(kernels, committee);
  expect(sync.start(PEER, from, 1000)).toEqual({ kind: 'fetchCommits', from, count: MAX_SYNC_COMMITS });
  return sync;
}
function changed(reply: CommitsReply, at: number, commit: Partial<Commit>, refs?: readonly Ref[]): CommitsReply {
  const commits = reply.commits.map((entry, i) =>
    i === at ? { commit: { ...entry.commit, ...commit }, refs: refs ?? entry.refs } : entry,
  );
  return { ...reply, commits };
}
const nothingHeld = () => undefined;
const verified = (block: SignedBlock) => block as unknown as VerifiedBlock;

/** Checks every signature of the certificate. */
function prove(sync: CommitSync): void {
  for (let i = 1; i < 4; i++) expect(sync.signatureChecked()).toBe(false);
  expect(sync.signatureChecked()).toBe(true);
}

describe('a reply', () => {
  test('is taken of whom it was asked, once', () => {
    const sync = started();
    expect(sync.take(3 as AuthorIndex, replyOf(1, 4))).toBe(false);
    expect(sync.take(PEER, replyOf(1, 4))).toBe(true);
    expect(sync.take(PEER, replyOf(1, 4))).toBe(false);
    sync.stop();
    expect(sync.take(PEER, replyOf(1, 4))).toBe(false);
  });

  test('that is not a chain from the commit asked for is refused', () => {
    const good = replyOf(1, 5);
    const bad: CommitsReply[] = [
      replyOf(2, 4),
      { ...good, commits: good.commits.filter((_, i) => i !== 2) },
      { ...good, commits: [...good.commits].reverse() },
      changed(good, 1, { stateRoot: new Uint8Array(32).fill(1) }),
      changed(good, 2, {}, good.commits[2]!.refs.slice(1)),
      changed(good, 2, {}, [...good.commits[2]!.refs].reverse()),
    ];
    for (const reply of bad) expect(codeOf(() => started().take(PEER, reply))).toBe('SYNC_CHAIN');
  });

  test('whose last commit is not the certified one is refused', () => {
    const good = replyOf(1, 5);
    const bad: CommitsReply[] = [
      { ...good, commits: good.commits.slice(0, 4) },
      { ...good, commits: [] },
      replyOf(1, 5, 4),
      replyOf(1, 5, 6),
      changed(good, 4, { stateRoot: new Uint8Array(32).fill(1) }),
    ];
    for (const reply of bad) expect(codeOf(() => started().take(PEER, reply))).toBe('SYNC_CERTIFICATE');
  });

  test('under less than a quorum is refused', () => {
    const reply = { ...replyOf(1, 5), certificate: history.certificate(5, [0, 1]) };
    expect(codeOf(() => started().take(PEER, reply))).toBe('CERTIFICATE_STAKE');
  });

  test('has no deadline while the own machine checks it', () => {
    const sync = started();
    expect(sync.deadlineMs).toBe(1000);
    sync.take(PEER, replyOf(1, 2));
    expect(sync.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    sync.askedOf(3 as AuthorIndex, 2000);
    expect([sync.peer, sync.deadlineMs]).toEqual([3, 2000]);
  });
});

describe('the blocks of a range', () => {
  test('are asked for in bounded portions, and given out whole, in order', () => {
    const sync = started(3);
    sync.take(PEER, replyOf(3, 30));
    prove(sync);
    expect(sync.isProven).toBe(true);
    const asked = new Set<string>();
    for (let portion = sync.missing(nothingHeld); portion.length > 0; portion = sync.missing(nothingHeld)) {
      expect(portion.length).toBeLessThanOrEqual(MAX_FETCH_REFS);
      expect(sync.ready()).toBeUndefined();
      for (const [i, ref] of portion.entries()) {
        expect(asked.has(refKey(ref))).toBe(false);
        asked.add(refKey(ref));
        expect(sync.wants(refKey(ref))).toBe(true);
        expect(sync.deliver(verified(history.block(ref)))).toBe(i === portion.length - 1);
        expect(sync.deliver(verified(history.block(ref)))).toBe(false);
      }
    }
    const expected = history.commits.slice(2, 32);
    expect(asked.size).toBe(expected.reduce((sum, { refs }) => sum + refs.length, 0));
    expect(sync.ready()).toEqual(expected.map(({ commit, digest, blocks }) => ({ commit, digest, blocks })));
  });

  test('that did not come are the next portion again', () => {
    const sync = started();
    sync.take(PEER, replyOf(1, 30));
    prove(sync);
    const portion = sync.missing(nothingHeld);
    for (const ref of portion.slice(5)) sync.deliver(verified(history.block(ref)));
    expect(sync.missing(nothingHeld)).toEqual(portion.slice(0, 5));
  });

  test('that are held need not be asked for, and stay though the DAG lets go of them', () => {
    const sync = started();
    sync.take(PEER, replyOf(1, 3));
    prove(sync);
    const held = (key: string) => {
      const block = history.rounds.flat().find(({ ref }) => refKey(ref) === key);
      return block && verified(block);
    };
    expect(sync.missing(held)).toEqual([]);
    expect(sync.ready()?.map(({ commit }) => commit.index)).toEqual([1, 2, 3]);
  });

  test('are nothing before every signature of the certificate was checked', () => {
    const sync = started();
    sync.take(PEER, replyOf(1, 1));
    for (const ref of sync.missing(nothingHeld)) sync.deliver(verified(history.block(ref)));
    for (let i = 0; i < 3; i++) {
      sync.signatureChecked();
      expect([sync.isProven, sync.ready()]).toEqual([false, undefined]);
    }
    sync.signatureChecked();
    expect(sync.ready()).toHaveLength(1);
  });

  test('of an earlier range are forgotten with it', () => {
    const sync = started();
    sync.take(PEER, replyOf(1, 3));
    prove(sync);
    const [ref] = sync.missing(nothingHeld) as [Ref];
    sync.start(3 as AuthorIndex, 2, 5000);
    expect([sync.wants(refKey(ref)), sync.isProven, sync.certificate]).toEqual([false, false, undefined]);
    expect(sync.deliver(verified(history.block(ref)))).toBe(false);
  });
});
