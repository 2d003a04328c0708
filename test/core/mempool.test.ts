import { describe, expect, test } from 'vitest';
import { digestKey } from '../../src/core/block.ts';
import {
  EMISSION_START,
  MAX_MEMPOOL_BYTES,
  MAX_MEMPOOL_PROPOSALS,
  MAX_PAYLOAD_BYTES,
  MAX_PROPOSALS,
} from '../../src/core/limits.ts';
import { Mempool } from '../../src/core/mempool.ts';
import type { IdentifiedProposal, ProposalId } from '../../src/core/types.ts';
import { makeProposals } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';

const nothingOpen = () => false;
const ids = (list: readonly { proposal: IdentifiedProposal }[]) => list.map(({ proposal }) => digestKey(proposal.id));

/** Proposals that only their ids and sizes tell apart. */
function sized(count: number, bytes: number, expiryMs = 1000): IdentifiedProposal[] {
  const id = (i: number) => Uint8Array.of(i & 255, (i >> 8) & 255, i >> 16) as ProposalId;
  return Array.from({ length: count }, (_, i) => ({
    id: id(i),
    bytes: new Uint8Array(bytes),
    proposal: { expiryMs } as IdentifiedProposal['proposal'],
  }));
}
function filled(proposals: readonly IdentifiedProposal[]): Mempool {
  const mempool = new Mempool();
  for (const proposal of proposals) mempool.add({ proposal });
  return mempool;
}

describe('taking', () => {
  test('first come first served, each once', () => {
    const proposals = makeProposals(hashing, 5);
    const mempool = filled([...proposals, ...proposals]);
    expect(mempool.size).toBe(5);
    expect(ids(mempool.take(MAX_PAYLOAD_BYTES))).toEqual(proposals.map(({ id }) => digestKey(id)));
    expect([mempool.size, mempool.take(MAX_PAYLOAD_BYTES).length]).toEqual([0, 0]);
    expect(mempool.add({ proposal: proposals[0]! })).toBe(true);
    expect(mempool.size).toBe(0);
  });

  test('as much as one payload holds', () => {
    expect(filled(sized(MAX_PROPOSALS + 5, 10)).take(MAX_PAYLOAD_BYTES)).toHaveLength(MAX_PROPOSALS);
    const mempool = filled(sized(400, 1000));
    const taken = mempool.take(MAX_PAYLOAD_BYTES);
    const bytes = taken.reduce((sum, { proposal }) => sum + 4 + proposal.bytes.length, 4);
    expect(bytes).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(bytes + 1004).toBeGreaterThan(MAX_PAYLOAD_BYTES);
    expect(mempool.size).toBe(400 - taken.length);
  });

  test('no more than the window has room for, until something of it is decided', () => {
    const mempool = filled(sized(EMISSION_START + 100, 10));
    const out = [mempool.take(MAX_PAYLOAD_BYTES), mempool.take(MAX_PAYLOAD_BYTES)].flat();
    expect([out.length, mempool.size, mempool.hasNext]).toEqual([EMISSION_START, 100, false]);
    for (const id of ids(out.slice(0, 3))) mempool.decided(id, 'QUORUM');
    expect(mempool.hasNext).toBe(true);
    expect(mempool.take(MAX_PAYLOAD_BYTES)).toHaveLength(3);
  });

  test('within its bounds by count and by bytes, which settling and emitting free again', () => {
    const many = sized(MAX_MEMPOOL_PROPOSALS + 1, 1);
    const mempool = filled(many.slice(0, MAX_MEMPOOL_PROPOSALS));
    const last = { proposal: many.at(-1)! };
    expect(mempool.add(last)).toBe(false);
    mempool.settle(digestKey(many[7]!.id));
    expect(mempool.add(last)).toBe(true);
    const big = sized(2 * Math.ceil(MAX_MEMPOOL_BYTES / 16_384), 16_384);
    const heavy = new Mempool();
    const accepted = big.filter((proposal) => heavy.add({ proposal })).length;
    expect(accepted).toBe(Math.floor(MAX_MEMPOOL_BYTES / 16_384));
    heavy.take(MAX_PAYLOAD_BYTES);
    expect(heavy.add({ proposal: big.at(-1)! })).toBe(true);
  });
});

describe('what an own block carried', () => {
  test('goes out again when the block will never be committed, but not when it was decided', () => {
    const proposals = makeProposals(hashing, 3);
    const mempool = filled(proposals);
    mempool.take(MAX_PAYLOAD_BYTES);
    mempool.settle(digestKey(proposals[1]!.id));
    mempool.giveBack(proposals);
    expect(ids(mempool.take(MAX_PAYLOAD_BYTES))).toEqual([digestKey(proposals[0]!.id), digestKey(proposals[2]!.id)]);
  });

  test('is not taken for new after a restart', () => {
    const proposals = makeProposals(hashing, 2);
    const mempool = filled(proposals.slice(0, 1));
    mempool.markEmitted(proposals.map((proposal) => ({ proposal })));
    expect(mempool.size).toBe(0);
    for (const proposal of proposals) mempool.add({ proposal });
    expect(mempool.size).toBe(0);
    mempool.giveBack(proposals);
    expect(mempool.size).toBe(2);
  });
});

describe('running out', () => {
  test('what waits lapses by one time, what was emitted by another, and what is open not at all', () => {
    const [emitted, open, waiting, young] = makeProposals(hashing, 4, 1, 1000) as [
      IdentifiedProposal,
      IdentifiedProposal,
      IdentifiedProposal,
      IdentifiedProposal,
    ];
    const mempool = filled([emitted, open]);
    mempool.take(MAX_PAYLOAD_BYTES);
    mempool.add({ proposal: waiting });
    mempool.add({ proposal: { ...young, proposal: { ...young.proposal, expiryMs: 2000 } } });
    const isOpen = (key: string) => key === digestKey(open.id);
    expect(mempool.lapse(1000, 1000, isOpen)).toEqual([]);
    expect(mempool.lapse(1001, 1000, isOpen)).toEqual([waiting.id]);
    expect(mempool.lapse(1001, 1001, isOpen)).toEqual([emitted.id]);
    expect(mempool.lapse(1500, 1500, nothingOpen)).toEqual([open.id]);
    expect(mempool.lapse(1500, 1500, nothingOpen)).toEqual([]);
    expect(mempool.size).toBe(1);
  });

  test('knows when the next that was emitted does', () => {
    const mempool = filled([...sized(1, 1, 700), ...makeProposals(hashing, 1, 1, 900)]);
    expect(mempool.nextExpiryMs).toBe(Number.POSITIVE_INFINITY);
    mempool.take(MAX_PAYLOAD_BYTES);
    expect(mempool.nextExpiryMs).toBe(700);
  });
});
