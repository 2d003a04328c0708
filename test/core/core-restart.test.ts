import { describe, expect, test } from 'vitest';
import { buildBlock } from '../../src/core/block.ts';
import { GC_DEPTH_ROUNDS } from '../../src/core/limits.ts';
import type { CommitIndex, IdentifiedProposal, Ref, Round } from '../../src/core/types.ts';
import { makeBlock, makeFullRounds, makeProposals, ownFirst } from '../support/chain.ts';
import { committee, driver, kernels, recordOf, soon, submit, TIMEOUT_MS } from '../support/core-bench.ts';
import { type CoreDriver, fillerOf } from '../support/core-driver.ts';
import { makeHistory } from '../support/history.ts';
import { seeded } from '../support/random.ts';

describe('a restart', () => {
  const full = makeFullRounds(kernels, committee, 12);
  const own = (round: number) => full[round - 1]![0]!;

  test('signs exactly the block of the record again, and goes on after it', () => {
    const before = driver();
    before.start();
    const [proposal] = submit(before) as [IdentifiedProposal];
    const { block, record } = before.all('seal')[0]!;
    const after = driver();
    after.start(record, block, [{ proposal }]);
    expect(after.all('seal').map((seal) => [seal.block, seal.record])).toEqual([[block, record]]);
    submit(after);
    after.pass(10_000);
    expect(after.all('seal')).toHaveLength(1);
    // An answer to something else is none.
    after.feed({ type: 'sealed', digest: own(2).ref.digest, signature: fillerOf(0) });
    expect(after.sent('block')).toEqual([]);
    after.seal();
    expect(after.sent('block')).toHaveLength(1);
    expect(after.events('emitted').map((event) => event.block.ref)).toEqual([block.ref]);
  });

  test('without a record signs nothing, whatever there is to do', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 3).flat() });
    core.start(null);
    core.connect(1, 2, 3);
    submit(core);
    for (const block of full[3]!.slice(1)) core.deliver(block);
    core.pass(60_000);
    expect(core.all('seal')).toEqual([]);
    expect(core.alarms).toEqual([]);
  });

  test('never signs a round twice, though the own block is lost', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 4).flat() });
    core.start(recordOf(own(5)));
    core.connect(1, 2, 3);
    submit(core);
    core.pass(60_000);
    expect(core.all('seal')).toEqual([]);
    submit(core, 1, core.nowMs + 30_000);
    // A quorum of round 5 without it: the one jump, on top of what is held.
    for (const block of full[4]!.slice(1)) core.deliver(block);
    core.pass(TIMEOUT_MS);
    expect(core.sealing?.ref.round).toBe(6);
    expect(core.sealing?.header.parents[0]).toEqual(own(4).ref);
  });

  test('stands on the own block of the record when a peer brings it back', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 4).flat() });
    core.start(recordOf(own(5)));
    core.connect(1, 2, 3);
    core.deliver(own(5), 2);
    submit(core);
    for (const block of full[4]!.slice(1)) core.deliver(block);
    core.pass(TIMEOUT_MS);
    expect(core.sealing?.ref.round).toBe(6);
    expect(core.sealing?.header.parents[0]).toEqual(own(5).ref);
  });

  test.each([
    ['above the record', () => own(6)],
    [
      'another one in its round',
      () => makeBlock(kernels, committee, 5, 0, { parents: own(5).header.parents, timestampMs: 1 }),
    ],
  ])('stops at an own block %s, from the disk or from a peer', (_name, foreign) => {
    const disk = driver();
    disk.feed({
      type: 'reload',
      blocks: [
        ...full.slice(0, 4).flat(),
        ...full[4]!.slice(1),
        foreign(),
        ...(foreign().ref.round > 5 ? [own(5)] : []),
      ],
    });
    disk.start(recordOf(own(5)));
    expect(disk.alarms).toEqual(['OWN_BLOCK_UNKNOWN']);
    const peer = driver();
    peer.feed({ type: 'reload', blocks: full.slice(0, 5).flat() });
    peer.start(recordOf(own(5)));
    peer.connect(1, 2, 3);
    peer.deliver(foreign(), 3);
    expect(peer.alarms).toEqual(['OWN_BLOCK_UNKNOWN']);
    for (const core of [disk, peer]) {
      submit(core);
      for (const block of full[5]!.slice(1)) core.deliver(block);
      core.pass(10_000);
      expect(core.all('seal')).toEqual([]);
      expect(core.core.status().halted).toBe(true);
    }
  });

  test('an alarm while a signature is made keeps the block in', () => {
    const core = driver();
    core.start();
    submit(core);
    core.deliver(own(3), 2);
    expect(core.alarms).toEqual(['OWN_BLOCK_UNKNOWN']);
    core.seal();
    expect(core.sent('block')).toEqual([]);
  });

  test('may skip rounds once, to where the others are, and never again', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 2).flat() });
    core.start(recordOf(own(2)));
    core.connect(1, 2, 3);
    let below: readonly Ref[] = full[1]!.map(({ ref }) => ref);
    const others = (round: number) => {
      const blocks = [1, 2, 3].map((author) =>
        makeBlock(kernels, committee, round, author, { parents: ownFirst(below, author) }),
      );
      for (const block of blocks) core.deliver(block);
      below = blocks.map(({ ref }) => ref);
    };
    // Its own block of round 3 is under way; they go on without it.
    others(3);
    core.seal();
    expect(core.events('emitted').map((event) => event.block.ref.round)).toEqual([3]);
    // Its own block of round 4 too: begun before they went on. Then it jumps.
    for (const round of [4, 5, 6, 7]) others(round);
    submit(core);
    if (core.sealing?.ref.round === 4) core.seal();
    core.pass(TIMEOUT_MS);
    expect(core.seal().ref.round).toBe(7);
    for (const round of [8, 9, 10, 11, 12]) others(round);
    core.pass(TIMEOUT_MS);
    const next = [core.seal()];
    core.pass(TIMEOUT_MS);
    next.push(core.seal());
    expect(next.map(({ ref }) => ref.round)).toEqual([8, 9]);
  });

  test('does not skip the round that a quorum is in: the others may wait there for its leader', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 2).flat() });
    core.start(recordOf(own(2)));
    core.connect(1, 2, 3);
    submit(core);
    let below: readonly Ref[] = full[1]!.map(({ ref }) => ref);
    for (const round of [3, 4]) {
      const blocks = [1, 2, 3].map((author) =>
        makeBlock(kernels, committee, round, author, { parents: ownFirst(below, author) }),
      );
      for (const block of blocks) core.deliver(block);
      below = blocks.map(({ ref }) => ref);
    }
    // They went on while its block of round 3 was sealed.
    expect(core.seal().ref.round).toBe(3);
    core.pass(10);
    expect(core.seal().ref.round).toBe(4);
  });

  test('skips rounds once more when the others leave its own one below what is kept', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 2).flat() });
    core.start(recordOf(own(2)));
    core.connect(1, 2, 3);
    let below: readonly Ref[] = full[1]!.map(({ ref }) => ref);
    const others = Array.from({ length: GC_DEPTH_ROUNDS + 20 }, (_, i) => {
      const blocks = [1, 2, 3].map((author) =>
        makeBlock(kernels, committee, 3 + i, author, { parents: ownFirst(below, author) }),
      );
      below = blocks.map(({ ref }) => ref);
      return blocks;
    });
    submit(core, 1, core.nowMs + 59_000);
    expect(core.seal().ref.round).toBe(3);
    for (const block of others.slice(0, 3).flat()) core.deliver(block);
    core.pass(TIMEOUT_MS);
    if (core.sealing?.ref.round === 4) core.seal();
    core.pass(TIMEOUT_MS);
    expect(core.seal().ref.round).toBe(5);
    // What it has to stand on comes last, and then everything is accepted and committed at once.
    for (const block of others.slice(3).toReversed().flat()) core.deliver(block);
    expect(core.core.status().gcRound).toBeGreaterThan(5);
    core.pass(TIMEOUT_MS);
    expect(core.seal().ref.round).toBe(GC_DEPTH_ROUNDS + 22);
  });

  test('tells of the last own block again, and sends it to whoever lacks it', () => {
    const core = driver();
    core.feed({ type: 'reload', blocks: full.slice(0, 2).flat() });
    core.start(recordOf(own(2)));
    core.connect(1, 2, 3);
    expect(core.sent('status')[0]?.message.last).toEqual(own(2).ref);
    // Quorum, own block, no leader of round 2 missing: it would go on. Let its signature take long.
    submit(core);
    core.pass(2 * TIMEOUT_MS);
    expect(core.all('seal')).toHaveLength(1);
    expect(core.sent('status').find(({ to }) => to === 'all')?.message.last).toEqual(own(2).ref);
    core.tell(1, { kind: 'fetchBlocks', refs: [own(2).ref] });
    expect(core.sent('blockReply')[0]?.message.bytes).toEqual(own(2).bytes);
  });

  test('takes blocks in any order, and a third one of a slot where others need it', () => {
    const twins = [1, 2].map((n) => makeBlock(kernels, committee, 1, 3, { timestampMs: n }));
    const needs = makeBlock(kernels, committee, 2, 1, {
      parents: ownFirst([...full[0]!.slice(0, 3).map(({ ref }) => ref), twins[1]!.ref], 1),
      timestampMs: 4,
    });
    const blocks = [...full.slice(0, 6).flat(), ...twins, needs];
    for (let seed = 0; seed < 5; seed++) {
      const core = driver();
      core.feed({ type: 'reload', blocks: seeded(seed).shuffled(blocks) });
      core.start(recordOf(own(6)));
      const status = core.core.status();
      expect(status.suspended).toBe(0);
      expect(status.dagBlocks).toBeGreaterThanOrEqual(6 * 4 + 2);
      expect(status.round).toBe(6);
    }
  });
});

describe('a replay', () => {
  const history = makeHistory(kernels, committee, 30);
  const replayed = (core: CoreDriver, count = history.commits.length) => {
    for (const { commit, blocks } of history.commits.slice(0, count))
      core.feed({ type: 'replay', record: { commit, blocks } });
  };

  test('gives the stored digests again, tells of them as replayed, and stores nothing twice', () => {
    const core = driver();
    replayed(core);
    core.start(recordOf(history.rounds[29]![0]!));
    expect(core.events('executed').map((event) => [event.digest, event.replayed])).toEqual(
      history.commits.map(({ digest }) => [digest, true]),
    );
    expect(core.all('storeCommit')).toEqual([]);
    expect(core.all('store')).toEqual([]);
    expect(core.core.status()).toMatchObject({
      commitIndex: history.commits.length,
      executedIndex: history.commits.length,
    });
  });

  test('stops at a digest that comes out differently', () => {
    const core = driver();
    const [first, second] = history.commits;
    core.feed({ type: 'replay', record: { commit: first!.commit, blocks: first!.blocks } });
    core.feed({
      type: 'replay',
      record: { commit: { ...second!.commit, stateRoot: new Uint8Array(32).fill(3) }, blocks: second!.blocks },
    });
    expect(core.alarms).toEqual(['COMMIT_DIGEST_MISMATCH']);
    core.start(recordOf(history.rounds[29]![0]!));
    submit(core);
    core.pass(10_000);
    expect(core.all('seal')).toEqual([]);
  });

  test('goes on with the same commits as a node that saw it all', () => {
    const core = driver();
    replayed(core, 9);
    core.feed({ type: 'reload', blocks: seeded(4).shuffled(history.rounds.flat()) });
    core.start(recordOf(history.rounds[29]![0]!));
    expect(core.events('executed').map((event) => event.digest)).toEqual(history.commits.map(({ digest }) => digest));
    expect(core.all('storeCommit').map(({ commit }) => commit.index)).toEqual(
      history.commits.slice(9).map(({ commit }) => commit.index),
    );
  });

  test('lists no commit again that the record says was listed', () => {
    const last = history.commits.at(-1)!;
    const core = driver();
    replayed(core);
    core.feed({ type: 'reload', blocks: history.rounds.flat() });
    core.start(
      recordOf(
        history.rounds[29]![0]!,
        history.commits[24]!.commit.index === 25 ? { index: 25, digest: history.commits[24]!.digest } : null,
      ),
    );
    submit(core);
    core.pass(TIMEOUT_MS);
    expect(core.sealing?.header.commitVotes.map(({ index }) => index)).toEqual([26, 27, last.commit.index]);
    expect(core.all('seal')[0]?.record).toMatchObject({ votedIndex: last.commit.index, votedDigest: last.digest });
  });

  test('lists none of them either when they are executed again only after the start', () => {
    const core = driver();
    replayed(core, 3);
    core.feed({ type: 'reload', blocks: history.rounds.flat() });
    core.start(recordOf(history.rounds[29]![0]!, { index: 27, digest: history.commits[26]!.digest }));
    submit(core);
    core.pass(TIMEOUT_MS);
    expect(core.alarms).toEqual([]);
    expect(core.sealing?.header.commitVotes.map(({ index }) => index)).toEqual([28]);
  });

  test.each([3, 28])('stops when it voted for another digest, with %i commits in the store', (stored) => {
    const core = driver();
    replayed(core, stored);
    core.feed({ type: 'reload', blocks: history.rounds.flat() });
    core.start(recordOf(history.rounds[29]![0]!, { index: 27, digest: new Uint8Array(32).fill(1) }));
    submit(core);
    core.pass(10_000);
    expect(core.alarms).toEqual(['COMMIT_VOTE_MISMATCH']);
    expect(core.all('seal')).toEqual([]);
  });
});

test('a block whose round has fallen out of the DAG gives back what it carried', () => {
  const history = makeHistory(kernels, committee, GC_DEPTH_ROUNDS + 20, [1, 2, 3]);
  const [proposal] = makeProposals(kernels, 1, 3, soon()) as [IdentifiedProposal];
  const { header } = makeBlock(kernels, committee, 1, 0);
  const unsigned = buildBlock(kernels, header, [proposal]);
  const core = driver();
  for (const { commit, blocks } of history.commits) core.feed({ type: 'replay', record: { commit, blocks } });
  core.feed({ type: 'reload', blocks: history.rounds.flat() });
  core.start(recordOf(unsigned), unsigned, [{ proposal }]);
  core.connect(1, 2, 3);
  expect(core.core.status()).toMatchObject({ round: 1, mempool: 0 });
  // Nobody has the rounds from its own last one on at hand: what it lacks is above what it holds.
  const { digest } = history.commits.at(-1)!;
  const highest = { highestRound: (GC_DEPTH_ROUNDS + 25) as Round, last: history.rounds.at(-1)![0]!.ref };
  core.tell(2, { kind: 'status', epoch: 0, index: 1 as CommitIndex, digest, ...highest });
  expect(core.sent('fetchRounds').map(({ message }) => message.fromRound)).toEqual([GC_DEPTH_ROUNDS + 21]);
  expect(core.core.status().gcRound).toBeGreaterThan(1);
  expect(core.seal().ref).toEqual(unsigned.ref);
  core.pass(TIMEOUT_MS);
  expect(core.sealing?.proposals.map(({ id }) => id)).toEqual([proposal.id]);
  expect(core.sealing?.ref.round).toBe(GC_DEPTH_ROUNDS + 20);
  expect(core.sealing?.header.parents[0]).toEqual(unsigned.ref);
});
