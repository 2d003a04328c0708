import { describe, expect, test } from 'vitest';
import { MAX_VERIFYING_PER_PEER, ROUND_WINDOW } from '../../src/core/limits.ts';
import type { CommitIndex, Ref, Round } from '../../src/core/types.ts';
import { makeBlock, makeFullRounds, ownFirst } from '../support/chain.ts';
import { committee, driver, kernels, TIMEOUT_MS } from '../support/core-bench.ts';
import { fillerOf } from '../support/core-driver.ts';
import { seeded } from '../support/random.ts';

describe('at the door', () => {
  const rounds = makeFullRounds(kernels, committee, 3);

  test('junk is refused with its code, and costs nothing more', () => {
    const core = driver();
    core.start();
    const random = seeded(1);
    for (let i = 0; i < 200; i++)
      core.feed({ type: 'message', peer: 1 as never, bytes: random.bytes(1 + random.below(200)) });
    expect(core.events('refused').length).toBeGreaterThan(150);
    expect(core.all('verify')).toEqual([]);
    expect(core.alarms).toEqual([]);
  });

  test('a wrong signature is no block, and the right one after it is', () => {
    const core = driver();
    core.start();
    const block = rounds[0]![1]!;
    core.deliver(makeBlock(kernels, committee, 1, 1, { signature: fillerOf(9) }));
    expect(core.events('refused').map(({ code }) => code)).toEqual(['BLOCK_SIGNATURE']);
    expect(core.events('accepted')).toEqual([]);
    core.deliver(block);
    expect(core.events('accepted').map((event) => event.block.ref)).toEqual([block.ref]);
    core.deliver(block);
    expect(core.all('verify')).toHaveLength(2);
  });

  test('a peer has one block checked once at a time, and so many blocks', () => {
    const core = driver({ verifies: false });
    core.start();
    const block = rounds[0]![1]!;
    for (let i = 0; i < 3; i++) core.deliver(block, 2);
    core.deliver(block, 3);
    expect(core.all('verify')).toHaveLength(2);
    for (let i = 0; i < MAX_VERIFYING_PER_PEER + 5; i++)
      core.deliver(makeBlock(kernels, committee, 1, 1, { timestampMs: i }), 2);
    expect(core.all('verify')).toHaveLength(1 + MAX_VERIFYING_PER_PEER);
    expect(new Set(core.events('refused').map(({ code }) => code))).toEqual(new Set(['PEER_BUSY']));
    for (const { token } of core.all('verify')) core.feed({ type: 'verified', token, valid: true });
    core.feed({ type: 'verified', token: core.all('verify')[0]!.token, valid: true });
    expect(core.core.status().dagBlocks).toBe(2);
  });

  test('more blocks of one slot than are looked at are refused unseen, but those that others need', () => {
    const core = driver();
    core.start();
    const twins = [1, 2, 3, 4].map((n) => makeBlock(kernels, committee, 1, 3, { timestampMs: n }));
    for (const twin of twins) core.deliver(twin);
    expect(core.events('refused').map(({ code }) => code)).toEqual(['BLOCK_SLOT_FULL', 'BLOCK_SLOT_FULL']);
    expect(core.events('equivocation')).toHaveLength(1);
    for (const author of [0, 1, 2]) if (author > 0) core.deliver(rounds[0]![author]!);
    core.deliver(
      makeBlock(kernels, committee, 2, 1, { parents: [rounds[0]![1]!.ref, rounds[0]![2]!.ref, twins[2]!.ref] }),
    );
    core.deliver(twins[2]!, 1);
    expect(core.core.status()).toMatchObject({ suspended: 0, dagBlocks: 6 });
  });

  test('a block of a far round is not held, but its author is known to be there', () => {
    const core = driver();
    core.start();
    core.connect(1, 2, 3);
    const far = ROUND_WINDOW + 1;
    const nowhere = (author: number): Ref => ({
      round: (far - 1) as Round,
      author: author as never,
      digest: new Uint8Array(32).fill(5) as never,
    });
    for (const author of [1, 2]) {
      core.deliver(makeBlock(kernels, committee, far, author, { parents: ownFirst([1, 2, 3].map(nowhere), author) }));
    }
    expect(core.core.status().suspended).toBe(0);
    core.pass(TIMEOUT_MS);
    expect(core.sent('status').filter(({ to }) => to === 'all')).toHaveLength(1);
    core.deliver(
      makeBlock(kernels, committee, far - 1, 3, {
        parents: ownFirst(
          [1, 2, 3].map((a) => ({ ...nowhere(a), round: (far - 2) as Round })),
          3,
        ),
      }),
    );
    expect(core.core.status().suspended).toBe(1);
  });

  test('what a peer asks for and is not here is passed on to the store, bounded', () => {
    const core = driver();
    core.start();
    for (const author of [1, 2, 3]) core.deliver(rounds[0]![author]!);
    const unknown = rounds[2]![1]!.ref;
    const answer = core.tell(2, { kind: 'fetchBlocks', refs: [rounds[0]![1]!.ref, unknown] });
    expect(core.sent('blockReply', answer)).toHaveLength(1);
    expect(core.all('serve').map(({ request }) => request)).toEqual([{ kind: 'fetchBlocks', refs: [unknown] }]);
    core.tell(2, { kind: 'fetchCommits', from: 1 as CommitIndex, count: 3 });
    core.tell(2, { kind: 'fetchRounds', epoch: 0, fromRound: 0 as Round });
    expect(core.all('serve')).toHaveLength(3);
    expect(
      core.sent('blockReply', core.tell(2, { kind: 'fetchRounds', epoch: 0, fromRound: 1 as Round })),
    ).toHaveLength(3);
    expect(
      core.sent('blockReply', core.tell(2, { kind: 'fetchRounds', epoch: 0, fromRound: 4e9 as Round })),
    ).toHaveLength(0);
  });
});
