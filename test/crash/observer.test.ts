import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { decisionLeaf } from '../../src/core/commit.ts';
import { identifyProposal } from '../../src/core/proposal.ts';
import type { DecisionName, ProposalId } from '../../src/core/types.ts';
import type { DecisionAnswer } from '../../src/node/client-protocol.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { temporaryDirectory } from '../node/temporary.ts';
import { settingOf } from '../node/test-validator.ts';
import { seeded } from '../support/random.ts';
import { type Entry, Journal, readJournal } from './journal.ts';
import { Observer } from './observer.ts';
import { losePower } from './power.ts';

const proposal = identifyProposal(loadKernels(), settingOf('key', 'value'));
const id = toHex(proposal.id);
const LATER_MS = Date.now() + 60_000;
const unknown = (): DecisionAnswer => ({ state: 'unknown' });

/** A store in which commits 1 … 3 are, and the third decided on the proposal, if `decision` is given. */
async function storeOf(decision?: DecisionName): Promise<Store> {
  const store = await openStore(temporaryDirectory(), { segmentBytes: 256 * 1024 });
  onTestFinished(() => store.close());
  for (let index = 1; index <= 3; index++) {
    const of = { id: proposal.id as ProposalId, reason: 'QUORUM', confidence: 1 } as const;
    const decisions =
      index === 3 && decision !== undefined ? [{ id: proposal.id, leaf: decisionLeaf({ ...of, decision }, 0) }] : [];
    store.addCommit({ index, leaderRound: index, commit: new Uint8Array(1), refs: new Uint8Array(0), decisions });
  }
  return store;
}

function acknowledged(expiryMs = LATER_MS): Observer {
  const observer = new Observer();
  observer.submitted(id, expiryMs);
  observer.acknowledged([id]);
  return observer;
}

test('what was acknowledged must be there, pending or decided, or have run out', async () => {
  const empty = await storeOf();
  expect(() => acknowledged().audit(empty, unknown)).toThrow(/was acknowledged, and its store has neither/);
  acknowledged(Date.now() - 1).audit(empty, unknown);
  const decided = acknowledged();
  decided.audit(await storeOf('APPROVED'), unknown);
  expect(decided.open).toEqual([]);
  empty.addProposal(proposal.bytes, proposal.id);
  acknowledged().audit(empty, unknown);
});

test('a decision that was told stays what it was', async () => {
  const observer = acknowledged();
  observer.decided({ id, index: 3, decision: 'APPROVED' });
  observer.audit(await storeOf('APPROVED'), unknown);
  const rejected = await storeOf('REJECTED');
  expect(() => observer.audit(rejected, unknown)).toThrow(/told APPROVED in commit 3 .*REJECTED in commit 3/);
  const none = await storeOf();
  expect(() => observer.audit(none, unknown)).toThrow(/its store has nothing/);
  expect(() => observer.decided({ id, index: 4, decision: 'APPROVED' })).toThrow(
    /and before that APPROVED in commit 3/,
  );
  const elsewhere = (): DecisionAnswer => ({
    state: 'decided',
    index: 3,
    decided: { id: proposal.id, decision: 'REJECTED', reason: 'QUORUM', confidence: 1, receipt: 0 },
  });
  const approved = await storeOf('APPROVED');
  expect(() => acknowledged().audit(approved, elsewhere)).toThrow(/APPROVED in commit 3 here, and REJECTED/);
});

test('nothing is signed twice, over all lives', () => {
  const signed = (round: number, digest: string, votedIndex: number, votedDigest: string): Entry => ({
    kind: 'signed',
    epoch: 0,
    round,
    digest,
    votedIndex,
    votedDigest,
  });
  const observer = new Observer();
  observer.signed([signed(5, 'aa', 1, '01'), signed(6, 'bb', 2, '02')]);
  // The block of the record is signed again after a restart.
  observer.signed([signed(6, 'bb', 2, '02'), signed(7, 'cc', 2, '02')]);
  expect(observer.seen.signed).toBe(3);
  expect(() => observer.signed([signed(7, 'dd', 3, '03')])).toThrow(/two blocks of epoch 0, round 7/);
  expect(() => observer.signed([signed(8, 'ee', 2, 'ff')])).toThrow(/two digests of commit 2/);
});

test('a power loss takes what was not known to be durable, and nothing else', () => {
  const folder = temporaryDirectory();
  const [log, from, to, index, copy] = ['1.wal', 'a.unfinished', 'a.snapshot', 'data.mdb', 'copy'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string, string];
  writeFileSync(log, Buffer.alloc(4096, 1));
  writeFileSync(to, 'snapshot');
  writeFileSync(index, Buffer.alloc(20_000, 2));
  writeFileSync(copy, Buffer.alloc(16_000, 1));
  const durable: Entry[] = [
    { kind: 'write', id: 0, path: log, position: 0, bytes: 2048 },
    { kind: 'done', id: 0 },
    { kind: 'rename', from, to },
    { kind: 'synced', folder },
    { kind: 'index', path: index, copy },
    { kind: 'indexed' },
  ];
  expect(losePower(durable, seeded(1))).toEqual([]);
  const lost = losePower(
    [
      ...durable,
      { kind: 'write', id: 1, path: log, position: 2048, bytes: 1024 },
      { kind: 'rename', from, to },
      { kind: 'index', path: index, copy },
    ],
    seeded(2),
  );
  expect(lost).toHaveLength(3);
  const bytes = readFileSync(log);
  expect(bytes.subarray(0, 2048).every((byte) => byte === 1)).toBe(true);
  expect(bytes.subarray(2048, 3072).some((byte) => byte !== 1)).toBe(true);
  expect(bytes.subarray(3072).every((byte) => byte === 1)).toBe(true);
  expect(readFileSync(from, 'utf8')).toBe('snapshot');
  expect(readFileSync(index)[0]).toBe(1);
});

test('a journal that was cut off in the middle of a line is read up to there', () => {
  const path = join(mkdtempSync(join(temporaryDirectory(), 'j')), 'x.journal');
  expect(readJournal(path)).toEqual([]);
  const journal = new Journal(path);
  journal.write({ kind: 'struck' });
  journal.write({ kind: 'done', id: 7 });
  journal.close();
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -5));
  expect(readJournal(path)).toEqual([{ kind: 'struck' }]);
});
