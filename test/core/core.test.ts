import { describe, expect, test } from 'vitest';
import type { Committee } from '../../src/core/committee.ts';
import { GC_DEPTH_ROUNDS, MAX_ROUND_ASKS } from '../../src/core/limits.ts';
import type { Message } from '../../src/core/messages.ts';
import type { CommitDigest, CommitIndex, IdentifiedProposal, Ref, SignedBlock } from '../../src/core/types.ts';
import { makeBlock, makeCommittee, makeFullRounds, ownFirst } from '../support/chain.ts';
import { committee, driver, kernels, soon, submit, Table, TIMEOUT_MS } from '../support/core-bench.ts';

describe('without a reason', () => {
  test('a node says who it is to whoever connects, and sleeps', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    expect(core.sent('status').map(({ to }) => to)).toEqual([1, 2, 3]);
    expect(core.sent('status')[0]?.message).toMatchObject({
      epoch: 0,
      index: 0,
      highestRound: 0,
      last: { round: 0, author: 0 },
    });
    expect([core.all('seal').length, core.wakeAtMs]).toEqual([0, Number.POSITIVE_INFINITY]);
    core.pass(3_600_000);
    expect(core.all('send')).toHaveLength(3);
  });

  test('a proposal after hours of silence gets a block at once, and nothing is repeated or asked for', () => {
    const core = driver({ keysOf: () => ({ wellFormed: false }) });
    core.start();
    core.connect(1, 2, 3);
    submit(core);
    new Table(core).finish();
    core.pass(3 * 3_600_000);
    const [before, seals] = [core.outputs.length, core.all('seal').length];
    submit(core, 1, core.nowMs + 30_000);
    expect(core.all('seal')).toHaveLength(seals + 1);
    const told = () => core.sent('status', core.outputs.slice(before)).map(({ to }) => to);
    core.pass(TIMEOUT_MS - 1);
    expect(told()).toEqual([]);
    core.pass(2);
    expect(told()).toEqual(['all']);
  });

  test.each([1, 2, 3])('a committee of %i decides, certifies and falls silent', (validators) => {
    const small = makeCommittee(kernels, { validators });
    const cores = small.validators.map(({ index }) => driver({ self: index }, small));
    for (const core of cores) core.start();
    for (const core of cores)
      core.connect(...small.validators.map(({ index }) => index).filter((i) => i !== core.self));
    const [proposal] = submit(cores[0]!, 1, soon(small)) as [IdentifiedProposal];
    const seen = cores.map(() => 0);
    for (let steps = 0; steps < 400; steps++) {
      for (const [i, core] of cores.entries()) {
        for (; seen[i]! < core.outputs.length; seen[i]! += 1) {
          const output = core.outputs[seen[i]!]!;
          if (output.type === 'seal') core.seal();
          if (output.type === 'score') {
            const opinion = { confidence: 1, verdicts: Uint8Array.of(1) };
            core.feed({ type: 'opinion', digest: output.block.ref.digest, opinion });
          }
          if (output.type !== 'send') continue;
          for (const other of cores) {
            if (other === core || (output.to !== 'all' && output.to !== other.self)) continue;
            other.feed({ type: 'message', peer: core.self as never, bytes: output.bytes });
          }
        }
      }
      for (const core of cores) core.pass(5);
    }
    for (const core of cores) {
      const decisions = core.events('executed').flatMap((event) => event.decisions);
      expect(decisions.map(({ id, decision }) => [id, decision])).toEqual([[proposal.id, 'APPROVED']]);
      expect(core.core.status().certifiedIndex).toBeGreaterThanOrEqual(
        core.events('executed').find((event) => event.decisions.length > 0)!.commit.index,
      );
      expect(core.wakeAtMs).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

function statusOf({ chainId }: Committee, last: Ref): Message {
  const [index, digest] = [0 as CommitIndex, chainId as CommitDigest];
  return { kind: 'status', epoch: 0, index, digest, highestRound: last.round, last };
}

describe('when messages may have been lost', () => {
  test('everybody is told of the last own block, at the pace of a growing timeout, and who lacks it gets it', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    submit(core);
    const own = core.seal();
    const told = () => core.sent('status').filter(({ to }) => to === 'all');
    expect(told()).toHaveLength(0);
    core.pass(TIMEOUT_MS);
    expect(told()[0]?.message.last).toEqual(own.ref);
    core.pass(1.5 * TIMEOUT_MS);
    expect(told()).toHaveLength(2);
    core.pass(1.5 * TIMEOUT_MS);
    expect(told()).toHaveLength(2);
    core.tell(2, { kind: 'fetchBlocks', refs: [own.ref] });
    expect(core.sent('blockReply').map(({ to, message }) => [to, message.bytes])).toEqual([
      [2, core.sent('block')[0]?.message.bytes],
    ]);
    expect(core.sent('block')).toHaveLength(1);
    expect(core.all('seal')).toHaveLength(1);
    expect(own.ref.round).toBe(1);
  });

  test('only a few peers are asked at a time, and all of them in turn', () => {
    const seven = makeCommittee(kernels, { validators: 7 });
    const core = driver({}, seven);
    core.start();
    core.connect(1, 2, 3, 4, 5, 6);
    submit(core, 1, soon(seven));
    const [first] = makeFullRounds(kernels, seven, 1) as [SignedBlock[]];
    const allAnswer = () => {
      for (const peer of [1, 2, 3, 4, 5, 6]) core.tell(peer, statusOf(seven, first[peer]!.ref));
    };
    core.pass(TIMEOUT_MS);
    allAnswer();
    expect(core.sent('fetchRounds')).toHaveLength(MAX_ROUND_ASKS);
    core.pass(2 * TIMEOUT_MS);
    allAnswer();
    expect(core.sent('fetchRounds')).toHaveLength(2 * MAX_ROUND_ASKS);
    expect(new Set(core.sent('fetchRounds').map(({ to }) => to)).size).toBe(6);
  });

  test('a node without need that is behind asks as well, and is quiet when it has caught up', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    const [first] = makeFullRounds(kernels, committee, 1) as [SignedBlock[]];
    const before = core.outputs.length;
    for (const peer of [1, 2]) core.tell(peer, statusOf(committee, first[peer]!.ref));
    expect(core.sent('fetchBlocks', core.outputs.slice(before)).map(({ to }) => to)).toEqual([1, 2]);
    expect(core.sent('fetchRounds', core.outputs.slice(before)).map(({ to }) => to)).toEqual([1, 2]);
    core.pass(TIMEOUT_MS);
    expect(core.sent('status').filter(({ to }) => to === 'all')).toHaveLength(1);
    for (const author of [1, 2, 3]) core.deliver(first[author]!);
    core.seal();
    expect(core.wakeAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('a node that nobody is connected to, with a block it cannot place, wakes for the timeout only', () => {
    const core = driver();
    core.start();
    const rounds = makeFullRounds(kernels, committee, 3);
    core.deliver(rounds[2]![1]!);
    let wakes = 0;
    for (let until = 0; until < 5_000 && core.wakeAtMs < Number.POSITIVE_INFINITY; until += 1, wakes++) {
      core.pass(Math.max(0, core.wakeAtMs - core.nowMs));
      if (core.nowMs > committee.genesisTimeMs + 60_000) break;
    }
    expect(wakes).toBeLessThan(60);
  });
});

describe('a proposal', () => {
  test('that nobody could open runs out by the own clock once all is quiet', () => {
    const core = driver();
    core.start();
    const far = committee.genesisTimeMs + committee.parameters.maxExpiryMs + 5_000;
    const [proposal] = submit(core, 1, far) as [IdentifiedProposal];
    new Table(core).finish();
    expect(core.events('executed').length).toBeGreaterThan(0);
    expect(core.core.status().openProposals).toBe(0);
    expect(core.wakeAtMs).toBe(far + 1);
    core.pass(far - core.nowMs);
    expect(core.events('lapsed')).toEqual([]);
    core.pass(2);
    expect(core.events('lapsed').map(({ id }) => id)).toEqual([proposal.id]);
    expect(core.wakeAtMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('that waits to be sent is not given up by the own clock: another validator may have the same bytes', () => {
    const core = driver();
    core.start();
    submit(core, 1, committee.genesisTimeMs + 50_000);
    // That one is in a block that waits for its signature, and this one for the block after it.
    submit(core, 1, committee.genesisTimeMs + 1_000);
    core.pass(5_000);
    expect(core.core.status().mempool).toBe(1);
    expect(core.events('lapsed')).toEqual([]);
  });

  test('that could never be sent runs out as well', () => {
    const core = driver();
    core.start(null);
    const [proposal] = submit(core, 1, committee.genesisTimeMs + 1_000) as [IdentifiedProposal];
    core.pass(5_000);
    expect(core.events('lapsed').map(({ id }) => id)).toEqual([proposal.id]);
  });

  test('of an own block that falls out of the DAG uncommitted goes out again', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    const [proposal] = submit(core, 1, committee.genesisTimeMs + 59_000) as [IdentifiedProposal];
    const first = core.seal();
    expect(first.proposals.map(({ id }) => id)).toEqual([proposal.id]);
    // The others never link it; the core follows them.
    let below: readonly Ref[] = committee.genesisRefs;
    for (let round = 1; round <= GC_DEPTH_ROUNDS + 6; round++) {
      const parents = below.filter((ref) => ref.author !== 0);
      const blocks = [1, 2, 3].map((author) =>
        makeBlock(kernels, committee, round, author, { parents: ownFirst(round === 1 ? below : parents, author) }),
      );
      for (const block of blocks) core.deliver(block);
      if (core.sealing && core.sealing.ref.round > (core.events('emitted').at(-1)?.block.ref.round ?? 0)) core.seal();
      below = blocks.map(({ ref }) => ref);
    }
    expect(core.core.status().gcRound).toBeGreaterThan(1);
    const carriers = core.all('seal').filter(({ block }) => block.proposals.length > 0);
    expect(carriers.map(({ block }) => block.proposals[0]?.id)).toEqual([proposal.id, proposal.id]);
  });

  test('that was decided before a restart is not sent again', () => {
    const core = driver({ keysOf: () => ({ wellFormed: false }) });
    core.start();
    const [proposal] = submit(core) as [IdentifiedProposal];
    new Table(core).finish();
    expect(
      core
        .events('executed')
        .flatMap((event) => event.decisions)
        .map(({ reason }) => reason),
    ).toEqual(['MALFORMED']);
    const seals = core.all('seal').length;
    core.feed({ type: 'submit', submissions: [{ proposal }] });
    core.pass(1_000);
    expect(
      core
        .all('seal')
        .slice(seals)
        .every(({ block }) => block.proposals.length === 0),
    ).toBe(true);
    expect(core.core.status().mempool).toBe(0);
  });
});

describe('divergence', () => {
  test('of more than f stops executing and signing, and keeps serving', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    submit(core);
    const table = new Table(core);
    for (let i = 0; i < 5; i++) table.step();
    const executed = core.core.status().executedIndex;
    expect(executed).toBeGreaterThan(0);
    const wrong = { commitVotes: [{ index: 1 as CommitIndex, digest: new Uint8Array(32).fill(9) as CommitDigest }] };
    table.step((author) => (author === 1 ? wrong : {}));
    expect(core.alarms).toEqual([]);
    const before = table.step((author) => (author === 2 ? wrong : {}));
    expect(core.alarms).toEqual(['DIVERGENT_QUORUM']);
    const seals = core.all('seal').length;
    submit(core);
    core.pass(10_000);
    expect(core.all('seal').length).toBe(seals);
    expect(core.core.status().halted).toBe(true);
    const answer = core.tell(3, { kind: 'fetchBlocks', refs: [before.ref] });
    expect(core.sent('blockReply', answer)).toHaveLength(1);
  });
});
