import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/disk.ts';
import { Life } from '../../src/sim/life.ts';
import { SimWorld } from '../../src/sim/world.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { SHORT } from './run.ts';

const kernels = loadKernels({ kind: 'wasm' });
const id = (n: number) => new Uint8Array(32).fill(n);

function setUp(seed = 1) {
  const world = new SimWorld(kernels, seed, SHORT);
  const disk = new SimDisk(world);
  const life = new Life();
  /** Lets time go on until `work` is done. */
  const finish = async <Result>(work: Promise<Result>): Promise<Result> => {
    do await nextTurn();
    while (world.clock.step(Number.POSITIVE_INFINITY));
    return work;
  };
  return { world, disk, life, finish };
}

test('what was synced survives, and of what was not a beginning at most', async () => {
  const kept = new Set<number>();
  for (let seed = 1; seed <= 40; seed++) {
    const { disk, life, finish } = setUp(seed);
    const store = disk.openStore(life);
    store.addProposal(Uint8Array.of(1), id(1));
    await finish(store.sync());
    for (const n of [2, 3, 4]) store.addProposal(Uint8Array.of(n), id(n));
    life.end();
    disk.crash();
    const found = disk
      .openStore(new Life())
      .pendingProposals()
      .map((bytes) => bytes[0]);
    expect(found).toEqual([1, 2, 3, 4].slice(0, found.length));
    kept.add(found.length);
  }
  expect([...kept].sort()).toEqual([1, 2, 3, 4]);
});

test('what is written during a sync waits for the next one', async () => {
  const { world, disk, life, finish } = setUp();
  const store = disk.openStore(life);
  store.addBlock({ round: 1, author: 0, digest: id(1), bytes: id(9) });
  const first = store.sync();
  store.addBlock({ round: 2, author: 0, digest: id(2), bytes: id(9) });
  const second = store.sync();
  world.clock.step(Number.POSITIVE_INFINITY);
  await first;
  expect([disk.durableBlock(id(1)), disk.durableBlock(id(2))]).toEqual([Buffer.from(id(9)), undefined]);
  await finish(second);
  expect(disk.durableBlock(id(2))).toBeDefined();
});

test('a failing disk rejects, and nothing of it becomes durable', async () => {
  const { disk, life, finish } = setUp();
  const store = disk.openStore(life);
  store.addBlock({ round: 1, author: 0, digest: id(1), bytes: id(9) });
  disk.failsNext = true;
  const synced = store.sync().catch((error: { code: string }) => error.code);
  expect(await finish(synced)).toBe('STORE_IO_FAILED');
  expect(disk.durableBlock(id(1))).toBeUndefined();
});

test('a record torn in the middle of a write is still the one before', async () => {
  const rounds = new Set<number>();
  for (let seed = 1; seed <= 60; seed++) {
    const { world, disk, life, finish } = setUp(seed);
    const record = await disk.openRecord(life);
    const next = { epoch: 0, digest: id(1), votedIndex: 0, votedDigest: world.committee.chainId };
    await finish(record.write({ ...next, round: 1 } as never));
    void record.write({ ...next, round: 2 } as never);
    await nextTurn();
    life.end();
    disk.crash();
    const found = (await disk.openRecord(new Life())).read();
    rounds.add(found!.round);
    expect(found!.round).toBeLessThanOrEqual(2);
  }
  expect([...rounds]).toContain(1);
});
