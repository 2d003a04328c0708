import { createHash } from 'node:crypto';
import { cpSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HistoryStart } from '../../src/store/prune.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryDirectory } from './temporary.ts';

const SEGMENT = { segmentBytes: 256 * 1024 };

async function open(directory: string): Promise<Store> {
  const store = await openStore(directory, SEGMENT);
  onTestFinished(() => store.close());
  return store;
}

function digestOf(text: string): Uint8Array {
  return createHash('sha3-256').update(text).digest();
}

function block(round: number, author: number, size = 100) {
  const digest = digestOf(`${round}/${author}/${size}`);
  return { round, author, digest, bytes: Buffer.alloc(size, round * 16 + author) };
}

function commit(index: number, decisions = 3) {
  return {
    index,
    leaderRound: index * 2,
    commit: Buffer.from(`commit ${index}`),
    refs: Buffer.alloc(38 * 2, index),
    decisions: Array.from({ length: decisions }, (_, at) => ({
      id: digestOf(`proposal ${index}/${at}`),
      leaf: Buffer.from(`leaf ${index}/${at}`),
    })),
  };
}

/** Everything a store answers, as plain data. */
function contents(store: Store): unknown {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return {
    blocks: Array.from(store.blocksFrom(0), hex),
    commits: Array.from(store.commits(0), (each) => ({
      ...each,
      commit: hex(each.commit),
      refs: hex(each.refs),
      decisions: each.decisions.map((decision) => [hex(decision.id), hex(decision.leaf)]),
    })),
    pending: store.pendingProposals().map(hex),
    last: [store.lastCommitIndex, store.highestBlockRound],
  };
}

describe('blocks', () => {
  test('come back by digest and in (round, author) order, before and after they are in LMDB', async () => {
    const store = await open(temporaryDirectory());
    const blocks = [block(3, 1), block(300, 0), block(2, 2), block(3, 0), block(2, 70), block(1, 0)];
    for (const each of blocks) store.addBlock(each);
    const expected = [block(2, 2), block(2, 70), block(3, 0), block(3, 1), block(300, 0)].map((each) => each.bytes);
    const look = () => {
      expect([...store.blocksFrom(2)].map((each) => Buffer.from(each))).toEqual(expected);
      for (const each of blocks) expect(Buffer.from(store.block(each.digest)!)).toEqual(each.bytes);
      expect(store.block(digestOf('nobody'))).toBeUndefined();
      expect(store.highestBlockRound).toBe(300);
    };
    look();
    await store.sync();
    look();
    await store.close();
  });

  test('an unsigned own block is replaced by the signed one, and by nothing else afterwards', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    const unsigned = { ...block(7, 1), own: true };
    const signed = { ...unsigned, bytes: Buffer.alloc(100, 0xaa), own: false };
    store.addBlock(unsigned);
    store.addBlock({ ...unsigned, bytes: Buffer.alloc(100, 0xbb) });
    expect(Buffer.from(store.block(unsigned.digest)!)).toEqual(unsigned.bytes);
    store.addBlock(signed);
    store.addBlock({ ...signed, bytes: Buffer.alloc(100, 0xcc) });
    store.addBlock(unsigned);
    expect(Buffer.from(store.block(unsigned.digest)!)).toEqual(signed.bytes);
    await store.close();
    const again = await open(directory);
    again.addBlock(unsigned);
    expect(Buffer.from(again.block(unsigned.digest)!)).toEqual(signed.bytes);
    expect([...again.blocksFrom(0)]).toHaveLength(1);
  });

  test('two blocks of one slot are both kept', async () => {
    const store = await open(temporaryDirectory());
    store.addBlock(block(1, 1, 50));
    store.addBlock(block(1, 1, 60));
    expect([...store.blocksFrom(1)].map((each) => each.length).sort()).toEqual([50, 60]);
  });

  test('rounds of another epoch are kept apart, and the newest epoch has the highest round', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    store.addBlock(block(900, 0));
    store.addBlock({ ...block(2, 0), epoch: 1 });
    store.addBlock({ ...block(1, 0), epoch: 1 });
    expect([...store.blocksFrom(0, 1)].map((each) => each[0])).toEqual([16, 32]);
    expect([...store.blocksFrom(0, 0)]).toHaveLength(1);
    expect(store.highestBlockRound).toBe(2);
    await store.close();
    expect((await open(directory)).highestBlockRound).toBe(2);
  });

  test('more blocks than a page, partly in LMDB, come in order exactly once', async () => {
    const store = await open(temporaryDirectory());
    const order = Array.from({ length: 300 }, (_, at) => (at * 7) % 300);
    for (const [at, round] of order.entries()) {
      store.addBlock({ ...block(round, 0), bytes: Buffer.from(String(round)) });
      if (at % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 60));
    }
    const walk = Array.from(store.blocksFrom(0), (bytes) => Number(Buffer.from(bytes).toString()));
    expect(walk).toEqual(Array.from({ length: 300 }, (_, at) => at));
  });
});

describe('commits and decisions', () => {
  test('are found by index and by proposal', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    for (let index = 1; index <= 5; index++) store.addCommit(commit(index));
    store.addCommit(commit(5));
    const look = (each: Store) => {
      expect(each.lastCommitIndex).toBe(5);
      expect(each.commit(4)).toEqual(commit(4));
      expect(each.commit(6)).toBeUndefined();
      expect(Array.from(each.commits(3), (entry) => entry.index)).toEqual([3, 4, 5]);
      const { id, leaf } = commit(2).decisions[1]!;
      expect(each.decision(id)).toEqual({ commitIndex: 2, position: 1, leaf });
      expect(each.decision(digestOf('nothing'))).toBeUndefined();
    };
    look(store);
    await store.close();
    look(await open(directory));
  });

  test('a commit of thousands of decisions is one commit', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    store.addCommit(commit(1, 5000));
    await store.close();
    const again = await open(directory);
    expect(again.commit(1)).toEqual(commit(1, 5000));
    expect(again.decision(commit(1, 5000).decisions[4321]!.id)?.position).toBe(4321);
  });

  test('gaps and other content at the same index are refused', async () => {
    const store = await open(temporaryDirectory());
    store.addCommit(commit(1));
    expect(() => store.addCommit(commit(3))).toThrow(expect.objectContaining({ code: 'STORE_COMMIT_GAP' }));
    const other = { ...commit(1), commit: Buffer.from('another') };
    expect(() => store.addCommit(other)).toThrow(expect.objectContaining({ code: 'STORE_COMMIT_CONFLICT' }));
    expect(store.lastCommitIndex).toBe(1);
  });

  test('the nearest certificate at or after an index', async () => {
    const store = await open(temporaryDirectory());
    for (const index of [3, 7, 300]) store.addCertificate(index, Buffer.from(`certificate ${index}`));
    store.addCertificate(7, Buffer.from('a second one'));
    expect(store.certificate(1)?.index).toBe(3);
    expect(store.certificate(4)).toEqual({ index: 7, bytes: Buffer.from('certificate 7') });
    expect(store.certificate(300)?.index).toBe(300);
    expect(store.certificate(301)).toBeUndefined();
  });
});

describe('proposals and meta', () => {
  test('an acknowledged proposal is pending until it is settled, in order of arrival, also over restarts', async () => {
    const directory = temporaryDirectory();
    let store = await open(directory);
    const ids = Array.from({ length: 6 }, (_, at) => digestOf(`id ${at}`));
    const bytes = ids.map((_, at) => Buffer.from(`bytes ${at}`));
    for (const [at, id] of ids.entries()) store.addProposal(bytes[at]!, id);
    store.addProposal(Buffer.from('the same id again'), ids[2]!);
    store.settleProposals([ids[1]!, ids[4]!, digestOf('unknown')]);
    expect(store.pendingProposals()).toEqual([0, 2, 3, 5].map((at) => bytes[at]));
    await store.close();
    store = await open(directory);
    expect(store.pendingProposals()).toEqual([0, 2, 3, 5].map((at) => bytes[at]));
    store.settleProposals(ids.slice(0, 3));
    store.addProposal(bytes[0]!, ids[0]!);
    expect(store.pendingProposals()).toEqual([3, 5, 0].map((at) => bytes[at]));
    await store.close();
    expect((await open(directory)).stats().pendingProposals).toBe(3);
  });

  test('meta values keep their last value; empty values are values', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    store.setMeta('chainId', Buffer.from('one'));
    store.setMeta('chainId', Buffer.from('two'));
    store.setMeta('empty', Buffer.alloc(0));
    expect(store.getMeta('nothing')).toBeUndefined();
    expect(() => store.setMeta('x'.repeat(200), Buffer.alloc(1))).toThrow(
      expect.objectContaining({ code: 'STORE_NAME_TOO_LONG' }),
    );
    await store.close();
    const again = await open(directory);
    expect(Buffer.from(again.getMeta('chainId')!).toString()).toBe('two');
    expect(again.getMeta('empty')).toHaveLength(0);
  });
});

describe('pruning', () => {
  /** Commit i of leader round 2 i, with the blocks of rounds 2 i − 1 and 2 i, and a certificate each tenth. */
  async function filled(directory: string, commits: number): Promise<Store> {
    const store = await open(directory);
    for (let index = 1; index <= commits; index++) {
      for (const round of [2 * index - 1, 2 * index]) store.addBlock(block(round, index % 4));
      store.addCommit(commit(index));
      if (index % 10 === 0) store.addCertificate(index, Buffer.from(`certificate ${index}`));
    }
    return store;
  }

  function pruneAll(store: Store, start: HistoryStart, limit = 7): number {
    let steps = 1;
    while (store.prune(start, limit)) steps++;
    return steps;
  }

  test('forgets commits, decisions, certificates and blocks before a point, over restarts too', async () => {
    const directory = temporaryDirectory();
    const store = await filled(directory, 100);
    await store.sync();
    expect(pruneAll(store, { commit: 61, epoch: 0, round: 100 })).toBeGreaterThan(50);
    const look = (each: Store) => {
      expect([each.firstCommitIndex, each.lastCommitIndex]).toEqual([61, 100]);
      expect(Array.from(each.commits(1), ({ index }) => index)).toEqual(Array.from({ length: 40 }, (_, i) => 61 + i));
      expect([each.commit(60), each.decision(commit(60).decisions[2]!.id)]).toEqual([undefined, undefined]);
      expect(each.commit(61)).toEqual(commit(61));
      expect(each.decision(commit(61).decisions[2]!.id)?.commitIndex).toBe(61);
      expect(each.certificate(1)?.index).toBe(70);
      expect([...each.blocksFrom(0)]).toHaveLength(100);
      expect(each.block(block(100, 2).digest)).toBeUndefined();
      expect(each.block(block(101, 3).digest)).toHaveLength(100);
      expect(each.highestBlockRound).toBe(200);
    };
    look(store);
    await store.close();
    const again = await open(directory);
    look(again);
    // What is there goes on as before, and the next part goes where the last one ended.
    again.addCommit(commit(101));
    pruneAll(again, { commit: 101, epoch: 0, round: 200 });
    expect([again.firstCommitIndex, [...again.blocksFrom(0)].length, again.certificate(1)]).toEqual([
      101,
      0,
      undefined,
    ]);
    expect(() => again.prune({ commit: 102, epoch: 0, round: 200 }, 1)).toThrow(
      expect.objectContaining({ code: 'STORE_PRUNE_LAST' }),
    );
  });

  test('nothing of a commit is answered from the first step on', async () => {
    const store = await filled(temporaryDirectory(), 20);
    expect(store.prune({ commit: 11, epoch: 0, round: 0 }, 1)).toBe(true);
    expect([store.commit(10), store.decision(commit(9).decisions[0]!.id)]).toEqual([undefined, undefined]);
    expect(Array.from(store.commits(1), ({ index }) => index)[0]).toBe(11);
  });

  test('an id that was decided again keeps its later decision', async () => {
    const store = await open(temporaryDirectory());
    store.addCommit(commit(1));
    const [again] = commit(1).decisions;
    store.addCommit({ ...commit(2), decisions: [again!] });
    store.addCommit(commit(3));
    pruneAll(store, { commit: 2, epoch: 0, round: 0 });
    expect(store.decision(again!.id)).toMatchObject({ commitIndex: 2 });
    pruneAll(store, { commit: 3, epoch: 0, round: 0 });
    expect(store.decision(again!.id)).toBeUndefined();
  });

  test('blocks of earlier epochs go whatever their round', async () => {
    const store = await open(temporaryDirectory());
    store.addCommit(commit(1));
    for (const round of [5, 900]) store.addBlock(block(round, 0));
    for (const round of [3, 4, 5]) store.addBlock({ ...block(round, 1), epoch: 1 });
    pruneAll(store, { commit: 1, epoch: 1, round: 3 });
    expect([[...store.blocksFrom(0)].length, [...store.blocksFrom(0, 1)].length]).toEqual([0, 2]);
  });

  test('a crash in the middle of it leaves whole commits, and the rest goes the next time', async () => {
    const directory = temporaryDirectory();
    const store = await filled(directory, 60);
    const start = { commit: 41, epoch: 0, round: 60 };
    store.prune(start, 50);
    await store.sync();
    store.prune(start, 50);
    const copy = temporaryDirectory();
    cpSync(directory, copy, { recursive: true });
    rmSync(join(copy, 'LOCK'));
    const crashed = await open(copy);
    const { firstCommitIndex } = crashed;
    expect(firstCommitIndex).toBeGreaterThan(5);
    expect(firstCommitIndex).toBeLessThan(20);
    for (const entry of crashed.commits(1)) expect(entry).toEqual(commit(entry.index));
    pruneAll(crashed, start);
    expect([crashed.firstCommitIndex, [...crashed.blocksFrom(0)].length]).toEqual([41, 60]);
  });

  test('the space is used again: the database does not grow with what went through it', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    const sizes: number[] = [];
    for (let index = 1; index <= 1800; index++) {
      store.addBlock({ ...block(index, 0), bytes: Buffer.alloc(2000 + ((index * 7919) % 9000), index) });
      store.addCommit({ ...commit(index, index % 5), leaderRound: index });
      if (index % 100 !== 0) continue;
      if (index > 300) pruneAll(store, { commit: index - 200, epoch: 0, round: index - 260 });
      await store.sync();
      // However busy the machine is: the database has all of it but a rest.
      while (store.stats().overlayOperations > 1000) await new Promise((resolve) => setTimeout(resolve, 5));
      if (index % 600 === 0) sizes.push(statSync(join(directory, 'lmdb', 'data.mdb')).size);
    }
    const { log } = store.stats();
    expect(log.writtenBytes).toBeGreaterThan(11_000_000);
    expect(log.segments).toBeLessThan(40);
    expect(sizes[2]).toBeLessThan(9_000_000);
    expect(sizes[2]).toBeLessThan(1.5 * sizes[0]!);
  });
});

describe('the whole store', () => {
  test('a store of another format, or a place that is no directory, is refused', async () => {
    const directory = temporaryDirectory();
    const store = await open(directory);
    store.setMeta('format', Uint8Array.of(99));
    await store.close();
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'STORE_FORMAT' });
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'STORE_FORMAT' });
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await expect(openStore(join(file, 'store'))).rejects.toMatchObject({ code: 'STORE_IO_FAILED' });
  });

  test('a closed store says so', async () => {
    const store = await open(temporaryDirectory());
    store.addBlock(block(1, 1));
    await store.close();
    await store.close();
    const closed = expect.objectContaining({ code: 'STORE_CLOSED' });
    expect(() => store.block(block(1, 1).digest)).toThrow(closed);
    expect(() => store.setMeta('a', Uint8Array.of(1))).toThrow(closed);
    await expect(store.sync()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('far ahead of LMDB, sync() waits for it; a caller that never waits is stopped', async () => {
    const store = await open(temporaryDirectory());
    const value = Buffer.alloc(8);
    const fill = (count: number) => {
      for (let at = 0; at < count; at++) store.setMeta(`name ${at}`, value);
    };
    fill(120_000);
    expect(store.stats().flushes).toBe(0);
    await store.sync();
    expect(store.stats().flushes).toBeGreaterThan(0);
    expect(() => fill(250_000)).toThrow(expect.objectContaining({ code: 'STORE_BEHIND' }));
  });

  test('reopening changes nothing, however often', async () => {
    const directory = temporaryDirectory();
    let store = await open(directory);
    for (let round = 1; round <= 40; round++) store.addBlock(block(round, round % 4, 3000));
    for (let index = 1; index <= 10; index++) store.addCommit(commit(index));
    store.addProposal(Buffer.from('p'), digestOf('p'));
    const before = contents(store);
    for (let times = 0; times < 3; times++) {
      await store.close();
      store = await open(directory);
      expect(contents(store)).toEqual(before);
    }
  });

  test('answers like a map whatever the order of adding, syncing, flushing and reopening', async () => {
    const action = fc.oneof(
      fc.record({
        do: fc.constant('block' as const),
        round: fc.integer({ min: 1, max: 5 }),
        author: fc.integer({ min: 0, max: 3 }),
      }),
      fc.record({ do: fc.constant('propose' as const), which: fc.integer({ min: 0, max: 7 }) }),
      fc.record({ do: fc.constant('settle' as const), which: fc.integer({ min: 0, max: 7 }) }),
      fc.record({ do: fc.constantFrom('commit' as const, 'sync' as const, 'wait' as const, 'reopen' as const) }),
    );
    const run = fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const directory = temporaryDirectory();
      let store = await openStore(directory, SEGMENT);
      const blocks = new Map<string, Buffer>();
      const pending = new Map<number, Buffer>();
      let commits = 0;
      for (const each of actions) {
        if (each.do === 'block') {
          const added = block(each.round, each.author);
          store.addBlock(added);
          blocks.set(`${each.round}/${each.author}`, added.bytes);
        } else if (each.do === 'propose') {
          store.addProposal(Buffer.from([each.which]), digestOf(`p${each.which}`));
          if (!pending.has(each.which)) pending.set(each.which, Buffer.from([each.which]));
        } else if (each.do === 'settle') {
          store.settleProposals([digestOf(`p${each.which}`)]);
          pending.delete(each.which);
        } else if (each.do === 'commit') store.addCommit(commit(++commits));
        else if (each.do === 'sync') await store.sync();
        else if (each.do === 'wait') await new Promise((resolve) => setTimeout(resolve, 55));
        else {
          await store.close();
          store = await openStore(directory, SEGMENT);
        }
      }
      const expected = [...blocks.keys()].sort().map((name) => blocks.get(name));
      expect([...store.blocksFrom(0)].map((bytes) => Buffer.from(bytes))).toEqual(expected);
      expect(store.pendingProposals()).toEqual([...pending.values()]);
      expect(Array.from(store.commits(1), (each) => each.index)).toEqual(
        Array.from({ length: commits }, (_, at) => at + 1),
      );
      await store.close();
    });
    await fc.assert(run, { numRuns: 12 });
  });
});
