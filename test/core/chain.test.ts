import { describe, expect, test } from 'vitest';
import { Chain } from '../../src/core/chain.ts';
import { leaderSchedule } from '../../src/core/committee.ts';
import { MAX_PENDING_COMMITS } from '../../src/core/limits.ts';
import { Outbox } from '../../src/core/outbox.ts';
import type { CommitDigest, CommitIndex, Ref, SignedBlock, VerifiedBlock } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee, makeFullRounds, ownFirst } from '../support/chain.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);
const schedule = leaderSchedule(kernels, committee);

function newChain() {
  const out = new Outbox([]);
  const nothing = () => undefined;
  const listener = { admitted: nothing, dropped: nothing, decided: nothing };
  const keysOf = () => ({ wellFormed: true, keys: [] }) as const;
  return { chain: new Chain({ kernels, committee, schedule, keysOf, out, listener, snapshotEvery: 0 }), out };
}
function alarms(out: Outbox): string[] {
  return out
    .drain()
    .flatMap((output) => (output.type === 'event' && output.event.type === 'alarm' ? [output.event.code] : []));
}
const refs = (blocks: readonly SignedBlock[]) => blocks.map(({ ref }) => ref);

describe('the chain', () => {
  test('asks for the execution of one commit at a time, in order', () => {
    const { chain, out } = newChain();
    for (const block of makeFullRounds(kernels, committee, 6).flat())
      chain.dag.admit(block as unknown as VerifiedBlock);
    chain.advance();
    const asked: number[] = [];
    for (let i = 0; i < 5; i++) {
      const executions = out.drain().flatMap((output) => (output.type === 'execute' ? [output.execution] : []));
      asked.push(...executions.map(({ index }) => index));
      const [next] = executions;
      if (!next) break;
      chain.executed({ index: next.index, stateRoot: new Uint8Array(32), modelRoot: new Uint8Array(32), receipts: [] });
    }
    expect(asked).toEqual([1, 2, 3, 4]);
    expect(chain.horizon.lag).toBe(0);
  });

  test('orders no further ahead of a stalled execution than so far, and goes on with it', () => {
    const out = new Outbox([]);
    const single = makeCommittee(kernels, { validators: 1 });
    const lone = new Chain({
      kernels,
      committee: single,
      schedule: leaderSchedule(kernels, single),
      keysOf: () => ({ wellFormed: true, keys: [] }),
      out,
      listener: { admitted: () => undefined, dropped: () => undefined, decided: () => undefined },
      snapshotEvery: 0,
    });
    for (const [block] of makeFullRounds(kernels, single, MAX_PENDING_COMMITS + 50)) {
      lone.dag.admit(block as unknown as VerifiedBlock);
      lone.advance();
    }
    expect([lone.horizon.lag, lone.prism.index]).toEqual([MAX_PENDING_COMMITS, MAX_PENDING_COMMITS]);
    const answer = { stateRoot: new Uint8Array(32), modelRoot: new Uint8Array(32), receipts: [] };
    for (let index = 1; index <= MAX_PENDING_COMMITS + 48; index++) {
      lone.executed({ index: index as CommitIndex, ...answer });
      lone.advance();
    }
    expect([lone.horizon.lag, lone.horizon.executedIndex]).toEqual([0, MAX_PENDING_COMMITS + 48]);
  });

  test('executes nothing more once more than f state another digest', () => {
    const { chain, out } = newChain();
    for (const block of makeFullRounds(kernels, committee, 6).flat())
      chain.dag.admit(block as unknown as VerifiedBlock);
    const commitVotes = [{ index: 1 as CommitIndex, digest: new Uint8Array(32).fill(1) as CommitDigest }];
    for (const author of [1, 2]) {
      chain.observe(makeBlock(kernels, committee, 9, author, { commitVotes }) as unknown as VerifiedBlock);
    }
    chain.advance();
    chain.certify();
    out.drain();
    const answer = { stateRoot: new Uint8Array(32), modelRoot: new Uint8Array(32), receipts: [] };
    chain.executed({ index: 1 as CommitIndex, ...answer });
    const outputs = out.drain();
    expect(outputs.filter(({ type }) => type === 'execute')).toEqual([]);
    expect(outputs.flatMap((o) => (o.type === 'event' && o.event.type === 'alarm' ? [o.event.code] : []))).toEqual([
      'DIVERGENT_QUORUM',
    ]);
    // Neither what a driver answers late, nor what the DAG brings, changes that.
    chain.executed({ index: 2 as CommitIndex, ...answer });
    expect(out.drain().filter(({ type }) => type === 'execute')).toEqual([]);
  });

  test('halts, and does not throw, when the DAG shows that more than f are faulty', () => {
    const first = makeFullRounds(kernels, committee, 1)[0] as SignedBlock[];
    const leader = schedule.leader(1, 0);
    const twin = makeBlock(kernels, committee, 1, leader, { timestampMs: 9 });
    const others = first.filter(({ ref }) => ref.author !== leader);
    const above = (below: readonly Ref[], round: number, tag: number) =>
      committee.validators.map(({ index }) =>
        makeBlock(kernels, committee, round, index, { parents: ownFirst(below, index), timestampMs: tag }),
      );
    // Everybody equivocates: one half of the DAG for each of the two leader blocks.
    const left = above(refs(first), 2, 1);
    const right = above([...refs(others), twin.ref], 2, 2);
    const top = [...above(refs(left), 3, 3), ...above(refs(right), 3, 4)];
    const { chain, out } = newChain();
    for (const block of [...first, twin, ...left, ...right, ...top]) {
      chain.dag.admit(block as unknown as VerifiedBlock);
    }
    chain.advance();
    expect(alarms(out)).toEqual(['DAG_TWO_COMMITS']);
    expect([chain.halted, chain.prism.index]).toEqual([true, 0]);
    chain.advance();
    expect(alarms(out)).toEqual([]);
  });
});
