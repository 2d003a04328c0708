import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { Focus } from '../../src/core/focus.ts';
import type { OrderedCommit } from '../../src/core/prism.ts';
import { type CoreSnapshot, decodeSnapshot, encodeSnapshot, type FocusState } from '../../src/core/snapshot.ts';
import type { AcceptedBlock, CommitIndex, Decision, Ref } from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommit, makeCommittee, ownFirst } from '../support/chain.ts';
import { Cluster } from '../support/cluster.ts';
import { committee, driver, kernels, recordOf } from '../support/core-bench.ts';
import { keysOfBody, type RandomCommit, randomCommits } from '../support/decisions.ts';
import { makeHistory } from '../support/history.ts';

const wasm = loadKernels({ kind: 'wasm' });
/** Compares at once: `toEqual` looks at every byte. */
const expectSame = (a: Uint8Array, b: Uint8Array) => expect(Buffer.compare(a, b)).toBe(0);
const bytesOf = (snapshot: CoreSnapshot) => concatBytes(...encodeSnapshot(snapshot));

describe('decisions under way', () => {
  const START = committee.genesisTimeMs;

  function apply(focus: Focus, { round, addMs, blocks }: RandomCommit, index: number): Decision[] {
    const ordered: OrderedCommit = {
      index: index as CommitIndex,
      leader: { round, author: 0, digest: new Uint8Array(32) } as unknown as Ref,
      timestampMs: START + addMs,
      blocks: blocks as unknown as AcceptedBlock[],
    };
    return [...focus.apply(ordered).decisions];
  }

  /** What a state is after it went through bytes. */
  function throughBytes(state: FocusState, on: Kernels): FocusState {
    const snapshot = { commit: makeCommit(committee, 1), decisiveIndex: 0, committed: [], focus: state };
    return decodeSnapshot(on, [...encodeSnapshot(snapshot)]).focus;
  }

  function bytesOfState(focus: Focus): Uint8Array {
    const commit = makeCommit(committee, 1);
    return bytesOf({ commit, decisiveIndex: 0, committed: [], focus: focus.capture() });
  }

  test.each([1, 2, 3, 4, 5, 6])('restored anywhere in history %i, they go on as if nothing had happened', (seed) => {
    const commits = randomCommits(kernels, committee, seed);
    const blocks = new Map(
      commits.flatMap((commit) => commit.blocks).map((block) => [String(block.ref.digest), block]),
    );
    const whole = new Focus(kernels, committee, keysOfBody);
    const expected = commits.map((commit, i) => {
      return { decisions: apply(whole, commit, i + 1), bytes: bytesOfState(whole), state: whole.capture() };
    });
    expect(expected.flatMap(({ decisions }) => decisions).length).toBeGreaterThan(20);
    let open = 0;
    for (let at = 0; at < commits.length; at += 7) {
      const on = at % 2 === 0 ? kernels : wasm;
      const focus = new Focus(on, committee, keysOfBody);
      const state = throughBytes(expected[at]!.state, on);
      open += state.open.length;
      focus.restore(state, START + commits[at]!.addMs, (ref) => {
        return blocks.get(String(ref.digest)) as unknown as AcceptedBlock;
      });
      expectSame(bytesOfState(focus), expected[at]!.bytes);
      for (let next = at + 1; next < commits.length; next++) {
        expect(apply(focus, commits[next]!, next + 1)).toEqual(expected[next]!.decisions);
        expectSame(bytesOfState(focus), expected[next]!.bytes);
      }
    }
    expect(open).toBeGreaterThan(20);
  });

  test('what was captured does not change with what comes after', () => {
    const commits = randomCommits(kernels, committee, 8);
    const focus = new Focus(kernels, committee, keysOfBody);
    for (const [i, commit] of commits.slice(0, 30).entries()) apply(focus, commit, i + 1);
    const snapshot = { commit: makeCommit(committee, 30), decisiveIndex: 3, committed: [], focus: focus.capture() };
    const before = bytesOf(snapshot);
    for (const [i, commit] of commits.slice(30).entries()) apply(focus, commit, i + 31);
    expectSame(bytesOf(snapshot), before);
    expect(bytesOf({ ...snapshot, focus: focus.capture() })).not.toEqual(before);
  });

  test('a state that no commits lead to is refused', () => {
    const focus = new Focus(kernels, committee, keysOfBody);
    const commits = randomCommits(kernels, committee, 3);
    for (const [i, commit] of commits.slice(0, 20).entries()) apply(focus, commit, i + 1);
    const state = focus.capture();
    const timeMs = START + commits[19]!.addMs;
    const remembered = [concatBytes(...state.remembered, ...state.remembered)];
    const bad: Partial<FocusState>[] = [
      { ballots: state.ballots.subarray(1) },
      { deferred: [makeBlock(kernels, committee, 9, 1).ref] },
      { remembered },
    ];
    for (const change of bad) {
      const fresh = new Focus(kernels, committee, keysOfBody);
      expect(() => fresh.restore({ ...state, ...change }, timeMs, () => undefined)).toThrow(
        expect.objectContaining({ code: 'SNAPSHOT_FOCUS' }),
      );
    }
  });
});

describe('a snapshot', () => {
  test.each([
    [1, 4, 1],
    [2, 4, 4],
    [3, 7, 2],
    [4, 1, 1],
  ])(
    '%i: is the same on all of %i validators with %i leaders a round, and a core goes on from it',
    (seed, validators, leadersPerRound) => {
      const of = makeCommittee(kernels, { validators, parameters: { leadersPerRound, openMs: 200 } });
      const cluster = new Cluster({ kernels: wasm, committee: of, seed, snapshotEvery: 5 });
      const { members, random } = cluster;
      const restarted = new Set<number>();
      for (let turn = 0; turn < 30; turn++) {
        if (turn < 24) for (let i = 0; i < 3; i++) cluster.submit();
        cluster.run(20 * validators);
        if (turn % 5 !== 4) continue;
        const member = members[random.below(validators)]!;
        const from = member.snapshots.at(-1 - random.below(2)) ?? null;
        if (from !== null) restarted.add(from.commit.index);
        cluster.restart(member, from);
        const { executedIndex, halted } = member.core.core.status();
        expect([executedIndex >= member.commits.length, halted]).toEqual([true, false]);
      }
      cluster.settle();
      const last = members[0]!.commits.length;
      expect(last).toBeGreaterThan(50);
      expect(restarted.size).toBeGreaterThan(2);
      expect(new Set(members.flatMap(({ decisions }) => decisions)).size).toBe(4);
      for (const member of members) {
        expect(member.core.alarms).toEqual([]);
        expect([...member.digests]).toEqual([...members[0]!.digests]);
        for (const { commit, pieces } of member.snapshots) {
          const same = members[0]!.snapshots.find((other) => other.commit.index === commit.index);
          expectSame(concatBytes(...pieces), concatBytes(...same!.pieces));
        }
      }
      expect(members[0]!.snapshots.length).toBeGreaterThan(8);
    },
  );

  const history = makeHistory(kernels, committee, 100);
  const snapshots = (() => {
    const core = driver({ local: { snapshotEvery: 40 } });
    core.feed({ type: 'reload', blocks: history.rounds.flat() });
    core.start(recordOf(history.rounds[99]![0]!));
    return core.all('snapshot').map(({ snapshot }) => snapshot);
  })();
  const [, second] = snapshots as [CoreSnapshot, CoreSnapshot];
  const blocks = second.committed.map((ref) => history.block(ref));
  const commits = history.commits.slice(0, 80).map(({ commit }) => commit);

  test('is handed out every so many commits, with the committed blocks above gcRound', () => {
    expect(snapshots.map(({ commit }) => commit.index)).toEqual([40, 80]);
    expect(second.commit).toEqual(history.commits[79]!.commit);
    const gcRound = second.commit.leader.round - 60;
    const expected = history.commits.slice(0, 80).flatMap(({ refs }) => refs);
    expect(new Set(second.committed.map(String))).toEqual(
      new Set(expected.filter(({ round }) => round > gcRound).map(String)),
    );
  });

  test('of thousands of everything goes through bytes piece by piece', () => {
    const open = randomCommits(kernels, committee, 2)
      .flatMap((commit) => commit.blocks.flatMap((block) => block.proposals))
      .map((proposal) => ({ proposal, openedRound: 3, votableFromMs: null }));
    const focus: FocusState = {
      open,
      ballots: Uint16Array.from({ length: 4 * open.length }, (_, i) => (i % 4) * 2 ** 14 + (i % 10_001)),
      votable: Array.from({ length: 3000 }, (_, i) => ({
        ref: history.rounds[i % 100]![i % 4]!.ref,
        ids: open.slice(i % 7, i % 50).map(({ proposal }) => Buffer.from(proposal.id).toString('hex')),
      })),
      deferred: [],
      remembered: [new Uint8Array(700_000).fill(7), new Uint8Array(10).fill(8)],
    };
    const snapshot = { ...second, focus };
    const pieces = [...encodeSnapshot(snapshot)];
    expect(pieces.length).toBeGreaterThan(5);
    for (const piece of pieces) expect(piece.length).toBeLessThan(300_000);
    const decoded = decodeSnapshot(kernels, pieces);
    const joined = { ...focus, remembered: [concatBytes(...focus.remembered)] };
    expectSame(bytesOf(decoded), bytesOf({ ...snapshot, focus: joined }));
    expect(decoded.focus.open).toEqual(open);
  });

  test.each<[string, Partial<Extract<Parameters<ReturnType<typeof driver>['feed']>[0], { type: 'restore' }>>]>([
    ['SNAPSHOT_BLOCKS', { blocks: blocks.slice(1) }],
    ['SNAPSHOT_COMMITS', { commits: commits.slice(0, -1) }],
    ['SNAPSHOT_COMMITS', { commits: [...commits.slice(0, 50), ...commits.slice(60)] }],
    ['SNAPSHOT_ORIGIN', { snapshot: { ...second, commit: { ...second.commit, epoch: 1 } } }],
    ['SNAPSHOT_ORIGIN', { snapshot: { ...second, commit: { ...second.commit, chainId: new Uint8Array(32) } } }],
    [
      'SNAPSHOT_ORIGIN',
      { snapshot: { ...second, commit: { ...second.commit, nextCommitteeHash: new Uint8Array(32) } } },
    ],
  ])('is refused with %s when its parts do not belong together', (code, change) => {
    const restore = () => driver().feed({ type: 'restore', snapshot: second, blocks, commits, ...change });
    expect(restore).toThrow(expect.objectContaining({ code }));
  });

  test('with pieces that mean nothing is refused', () => {
    const pieces = [...encodeSnapshot(second)];
    for (const bad of [[], pieces.slice(1), [...pieces, Uint8Array.of(99)]]) {
      expect(() => decodeSnapshot(kernels, bad)).toThrow(expect.objectContaining({ code: 'SNAPSHOT_PIECE' }));
    }
    for (const piece of pieces) {
      expect(() => decodeSnapshot(kernels, [pieces[0]!, piece.subarray(0, -1)])).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^SSZ_/) }),
      );
    }
  });

  test('commits that were executed before it can still be certified and listed', () => {
    const core = driver();
    core.feed({ type: 'restore', snapshot: second, blocks, commits });
    core.start(recordOf(history.rounds[99]![0]!, { index: 77, digest: history.commits[76]!.digest }));
    const commitVotes = [{ index: 79 as CommitIndex, digest: history.commits[78]!.digest }];
    core.connect(1, 2, 3);
    const refs = history.rounds[99]!.map(({ ref }) => ref);
    for (const author of [1, 2, 3]) {
      core.deliver(makeBlock(kernels, committee, 101, author, { commitVotes, parents: ownFirst(refs, author) }));
    }
    expect(core.events('certified').map(({ index }) => index)).toEqual([79]);
    expect(core.alarms).toEqual([]);
  });
});
