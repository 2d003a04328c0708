import { describe, expect, test } from 'vitest';
import type { CommitDigest, CommitIndex, Ref, Round } from '../../src/core/types.ts';
import { makeBlock } from '../support/chain.ts';
import { committee, driver, kernels, recordOf, submit } from '../support/core-bench.ts';
import { type CoreDriver, type DriverOptions, fillerOf } from '../support/core-driver.ts';
import { makeHistory } from '../support/history.ts';

describe('commit sync', () => {
  const history = makeHistory(kernels, committee, 80);
  const last = history.commits.length;

  /** A core that lost all but its record, and that three peers tell of `index` commits. */
  function behind(options: DriverOptions = {}, index = last): CoreDriver {
    const core = driver(options);
    core.start(recordOf(history.rounds[79]![0]!));
    core.connect(1, 2, 3);
    for (const peer of [1, 2, 3]) {
      const { ref } = history.rounds[79]![peer]!;
      core.tell(peer, {
        kind: 'status',
        epoch: 0,
        index: index as CommitIndex,
        digest: history.commits[index - 1]!.digest,
        highestRound: 80 as Round,
        last: ref,
      });
    }
    return core;
  }
  /** What commit sync asked for, in order; the blocks that a STATUS names are of round 80. */
  function requests(core: CoreDriver) {
    return core.outputs.flatMap((output) => {
      const blocks = core
        .sent('fetchBlocks', [output])
        .filter(({ message }) => message.refs.some((ref) => ref.round < 80));
      return [...blocks, ...core.sent('fetchCommits', [output])];
    });
  }
  const asked = (core: CoreDriver) => core.sent('fetchCommits').at(-1)!;
  const askedBlocks = (core: CoreDriver) => {
    const found = requests(core).findLast(({ message }) => message.kind === 'fetchBlocks');
    if (found?.message.kind !== 'fetchBlocks') throw new Error('no blocks were asked for');
    return { to: found.to as number, refs: found.message.refs };
  };
  function reply(core: CoreDriver): void {
    const { to, message } = asked(core);
    core.tell(to as number, rangeUpTo(message.from + 31, message.from));
  }
  function rangeUpTo(end: number, from = end - 31): Parameters<CoreDriver['tell']>[1] {
    const index = Math.min(end, last);
    const commits = history.commits.slice(from - 1, index).map(({ commit, refs }) => ({ commit, refs }));
    return { kind: 'commitsReply', commits, certificate: history.certificate(index) };
  }
  /** Answers the last request for blocks. */
  function sendBlocks(core: CoreDriver, keep: (ref: Ref) => boolean = () => true): void {
    const { to, refs } = askedBlocks(core);
    for (const ref of refs.filter(keep)) core.tell(to, { kind: 'blockReply', bytes: history.block(ref).bytes });
  }
  /** Answers whatever is asked for until nothing is. */
  function serve(core: CoreDriver, until = last): void {
    for (let done = 0; done < requests(core).length && core.core.status().executedIndex < until; ) {
      done = requests(core).length;
      if (requests(core).at(-1)?.message.kind === 'fetchCommits') reply(core);
      else sendBlocks(core);
    }
  }
  const expectDigests = (core: CoreDriver, count: number) =>
    expect(core.events('executed').map((event) => event.digest)).toEqual(
      history.commits.slice(0, count).map(({ digest }) => digest),
    );

  test('takes ranges one after the other and ends where the fetching of blocks takes over', () => {
    const core = behind();
    expect(core.core.status().syncing).toBe(true);
    serve(core);
    expect(core.core.status().syncing).toBe(false);
    expect(core.events('synced').map(({ index }) => index)).toEqual([32, 64]);
    expectDigests(core, 64);
    expect(core.events('certified').map(({ index }) => index)).toEqual([32, 64]);
    expect(core.all('storeCommit').map(({ commit }) => commit.index)).toEqual([...Array(64).keys()].map((i) => i + 1));
    for (const block of history.rounds.flat()) core.deliver(block, 1);
    expectDigests(core, last);
  });

  test('that nobody can answer, because nothing ahead is certified, keeps nobody from its rounds', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    const first = history.rounds[0]!;
    for (const peer of [1, 2, 3]) {
      const digest = history.commits[last - 1]!.digest;
      const status = { epoch: 0, index: last as CommitIndex, digest, highestRound: 2 as Round, last: first[peer]!.ref };
      core.tell(peer, { kind: 'status', ...status });
    }
    expect(core.sent('fetchCommits')).toHaveLength(1);
    const parents = [first[1]!.ref, first[2]!.ref, first[3]!.ref];
    core.deliver(makeBlock(kernels, committee, 2, 1, { parents }));
    core.pass(20);
    expect(core.sent('fetchBlocks').some(({ message }) => message.refs.length === 3)).toBe(true);
    submit(core);
    for (const author of [1, 2, 3]) core.deliver(first[author]!);
    core.pass(1_000);
    expect(core.sealing).toBeDefined();
    expect(core.sent('fetchCommits').length).toBeGreaterThan(1);
  });

  test('leaves a peer at once that keeps the commits no more, until it comes back', () => {
    const core = behind();
    const pruned = (peer: number, first: number) => core.tell(peer, { kind: 'pruned', first: first as CommitIndex });
    const first = asked(core).to as number;
    pruned(first, 2);
    const next = asked(core).to as number;
    expect([next === first, core.events('refused').map(({ code }) => code)]).toEqual([false, ['HISTORY_PRUNED']]);
    // Of others it may say what it likes, and what it said of older ones concerns nobody.
    pruned(first, 40);
    pruned(next, 1);
    expect(core.sent('fetchCommits')).toHaveLength(2);
    pruned(next, 33);
    const last = asked(core).to as number;
    expect(new Set([first, next, last])).toEqual(new Set([1, 2, 3]));
    expect(core.alarms).toEqual([]);
    pruned(last, 7);
    expect([core.sent('fetchCommits').length, core.alarms]).toEqual([3, ['HISTORY_PRUNED']]);
    core.pass(5_000);
    expect([core.sent('fetchCommits').length, core.alarms]).toEqual([3, ['HISTORY_PRUNED']]);
    // A peer that comes back may keep more than before.
    core.feed({ type: 'peerDown', peer: next as never });
    core.connect(next);
    expect(asked(core).to).toBe(next);
    serve(core);
    expect(core.core.status().executedIndex).toBeGreaterThanOrEqual(64);
  });

  test('gets the blocks of a range elsewhere when the peer has let go of them meanwhile', () => {
    const core = behind();
    reply(core);
    const { to } = askedBlocks(core);
    core.tell(to, { kind: 'pruned', first: 60 as CommitIndex });
    expect(askedBlocks(core).to).not.toBe(to);
    serve(core);
    expect(core.events('synced').map(({ index }) => index)).toEqual([32, 64]);
  });

  test('does not begin for what one liar says', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    core.tell(3, {
      kind: 'status',
      epoch: 0,
      index: 1e6 as CommitIndex,
      digest: committee.chainId as CommitDigest,
      highestRound: 4e9 as Round,
      last: history.rounds[79]![3]!.ref,
    });
    core.pass(5_000);
    expect(core.sent('fetchCommits')).toEqual([]);
  });

  test('turns to another peer after junk, silence, a wrong signature or a lost session', () => {
    const core = behind();
    const tried: number[] = [];
    const next = () => {
      tried.push(asked(core).to as number);
      return tried.at(-1)!;
    };
    const good = rangeUpTo(32) as Extract<ReturnType<typeof rangeUpTo>, { kind: 'commitsReply' }>;
    core.tell(next(), { ...good, commits: good.commits.slice(1) });
    const entries = good.certificate.entries.map((entry) => ({ ...entry, signature: fillerOf(77) }));
    core.tell(next(), { ...good, certificate: { ...good.certificate, entries } });
    expect(core.events('refused').map(({ code }) => code)).toEqual(
      expect.arrayContaining(['SYNC_CHAIN', 'SYNC_SIGNATURE']),
    );
    core.feed({ type: 'peerDown', peer: next() as never });
    core.pass(1_001);
    expect(new Set(tried).size).toBe(3);
    expect(core.core.status().executedIndex).toBe(0);
    serve(core, 32);
    expectDigests(core, 32);
  });

  test('asks others for the blocks of a proven range when one peer is late with them', () => {
    const core = behind();
    reply(core);
    const first = askedBlocks(core);
    sendBlocks(core, (ref) => ref.author !== 2);
    core.pass(1_001);
    const second = askedBlocks(core);
    expect(second.to).not.toBe(first.to);
    expect(second.refs).toEqual(first.refs.filter((ref) => ref.author === 2));
    serve(core, 32);
    expectDigests(core, 32);
    expect(core.sent('fetchCommits').filter(({ message }) => message.from === 1)).toHaveLength(1);
  });

  test('is not kept waiting by one block at a time', () => {
    const core = behind();
    reply(core);
    const first = askedBlocks(core);
    for (const ref of first.refs.slice(0, 4)) {
      core.pass(400);
      core.tell(first.to, { kind: 'blockReply', bytes: history.block(ref).bytes });
    }
    expect(askedBlocks(core).to).not.toBe(first.to);
  });

  test('counts no signature of a range that was given up', () => {
    const core = behind({ verifies: false });
    const late: number[] = [];
    const sinceOf = (from: number) =>
      core.outputs
        .slice(from)
        .filter((output) => output.type === 'verify')
        .map(({ token }) => token);
    let from = core.outputs.length;
    reply(core);
    late.push(...sinceOf(from));
    expect(late).toHaveLength(4);
    core.feed({ type: 'peerDown', peer: asked(core).to as never });
    // The next peer lies: a state that nobody certified, under signatures of nobody.
    const good = rangeUpTo(32) as Extract<ReturnType<typeof rangeUpTo>, { kind: 'commitsReply' }>;
    const forged = makeHistory(kernels, committee, 34);
    from = core.outputs.length;
    core.tell(asked(core).to as number, { ...good, certificate: forged.certificate(32) });
    const pending = sinceOf(from);
    expect(pending).toHaveLength(4);
    for (const token of late) core.feed({ type: 'verified', token, valid: true });
    expect(requests(core).every(({ message }) => message.kind === 'fetchCommits')).toBe(true);
    // Nor does a bad one of then end the range at hand.
    for (const token of pending.slice(0, 3)) core.feed({ type: 'verified', token, valid: true });
    expect(core.events('refused')).toEqual([]);
    core.feed({ type: 'verified', token: pending[3]!, valid: true });
    expect(requests(core).at(-1)?.message.kind).toBe('fetchBlocks');
  });

  test('works on top of a DAG that holds some of it, accepted and suspended', () => {
    const core = behind();
    for (const block of [...history.rounds.slice(0, 5).flat(), ...history.rounds.slice(20, 24).flat()])
      core.deliver(block, 1);
    expect(core.core.status().suspended).toBeGreaterThan(0);
    serve(core);
    expect(core.events('executed').length).toBeGreaterThanOrEqual(64);
    expectDigests(core, core.events('executed').length);
  });

  test('halts when what was executed here meanwhile is not what is certified', () => {
    const core = behind({ executes: false });
    // Everything comes by itself before the range does, and is executed wrongly.
    for (const block of history.rounds.slice(0, 36).flat()) core.deliver(block, 1);
    for (let i = 0; i < 32; i++) {
      const { execution } = core.all('execute').at(-1)!;
      const roots = { stateRoot: new Uint8Array(32).fill(1), modelRoot: new Uint8Array(32) };
      core.feed({ type: 'executed', index: execution.index, ...roots, receipts: [] });
    }
    reply(core);
    serve(core, 33);
    expect(core.alarms).toEqual(['CERTIFICATE_OTHER']);
    expect(core.events('certified')).toEqual([]);
  });

  test('halts when a quorum certified another state than was executed here', () => {
    const core = behind({ executes: false });
    serve(core);
    const { execution } = core.all('execute')[0]!;
    core.feed({
      type: 'executed',
      index: execution.index,
      stateRoot: new Uint8Array(32).fill(1),
      modelRoot: new Uint8Array(32),
      receipts: [],
    });
    expect(core.alarms).toEqual(['COMMIT_DIGEST_MISMATCH']);
    expect(core.all('execute')).toHaveLength(1);
  });
});
