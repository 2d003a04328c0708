import { expect, onTestFinished, test } from 'vitest';
import { encodeRef } from '../../src/core/block.ts';
import { concatBytes } from '../../src/core/bytes.ts';
import { encodeCommit } from '../../src/core/commit.ts';
import type { SignedBlock } from '../../src/core/types.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../node/temporary.ts';
import { makeBlock } from '../support/chain.ts';
import { committee, kernels, recordOf } from '../support/core-bench.ts';
import { makeHistory } from '../support/history.ts';
import { StoreComparison } from './stores.ts';

const { rounds, commits } = makeHistory(kernels, committee, 12);
const all = rounds.flat();
/** Another block of validator 2 in round 3. */
const twin = makeBlock(kernels, committee, 3, 2, { parents: rounds[2]![2]!.header.parents, timestampMs: 1 });

/** A store with these blocks, and the commits of the history, or a wrong one among them. */
async function storeOf(blocks: readonly SignedBlock[], wrongCommit = 0): Promise<Store> {
  const store = await openStore(temporaryDirectory(), { segmentBytes: 1024 * 1024 });
  onTestFinished(() => store.close());
  for (const { ref, bytes } of blocks) store.addBlock({ ...ref, bytes });
  for (const { commit, refs } of commits) {
    const { index, leader } = commit;
    const stateRoot = index === wrongCommit ? new Uint8Array(32).fill(9) : commit.stateRoot;
    store.addCommit({
      index,
      leaderRound: leader.round,
      commit: encodeCommit({ ...commit, stateRoot }),
      refs: concatBytes(...refs.map(encodeRef)),
      decisions: [],
    });
  }
  return store;
}

test('stores that hold the same, one of them less, are good', async () => {
  const stores = new StoreComparison();
  stores.addStore(0, await storeOf(all));
  stores.addRecord(0, recordOf(rounds[11]![0]!));
  stores.addStore(1, await storeOf(all.slice(0, 20)));
  stores.checkRecords();
  expect(stores.counts).toEqual({ commits: commits.length, slots: all.length });
});

test('another commit at one index is found', async () => {
  const stores = new StoreComparison();
  stores.addStore(0, await storeOf(all));
  const wrong = await storeOf(all, 2);
  expect(() => stores.addStore(1, wrong)).toThrow(/^commit 2 is .* at node 1 and .* at node 2/);
});

test('a second block in one slot is found, in one store or in two', async () => {
  const [both, one, other] = [await storeOf([...all, twin]), await storeOf(all), await storeOf([twin])];
  const found = /^node 3 signed two blocks in .*round 3/;
  expect(() => new StoreComparison().addStore(0, both)).toThrow(found);
  const stores = new StoreComparison();
  stores.addStore(1, one);
  expect(() => stores.addStore(2, other)).toThrow(found);
});

test('a block that the record of its author does not cover is found', async () => {
  const above = new StoreComparison();
  above.addStore(0, await storeOf(all));
  above.addRecord(0, recordOf(rounds[9]![0]!));
  expect(() => above.checkRecords()).toThrow(/^node 1 signed a block of .*round 1[12]; its record ends at round 10/);
  const other = new StoreComparison();
  other.addStore(2, await storeOf(rounds.slice(0, 3).flat()));
  other.addRecord(2, recordOf(twin));
  expect(() => other.checkRecords()).toThrow(/^node 3 signed a block of .*round 3; its record ends at round 3/);
});
