import { expect, onTestFinished, test } from 'vitest';
import { decisionLeaf } from '../../src/core/commit.ts';
import type { Decision, ProposalId } from '../../src/core/types.ts';
import { Decisions } from '../../src/node/decisions.ts';
import type { Follower } from '../../src/node/followers.ts';
import type { Store } from '../../src/store/store.ts';
import { temporaryStore } from './temporary.ts';

const fail = (error: unknown): never => {
  throw error;
};

function decisionOn(tag: number, decision: Decision['decision'] = 'APPROVED'): Decision {
  return { id: new Uint8Array(32).fill(tag) as ProposalId, decision, reason: 'QUORUM', confidence: 9000 + tag };
}

function storeCommit(store: Store, index: number, decisions: readonly Decision[]): void {
  const leaves = decisions.map((decision, i) => ({ id: decision.id, leaf: decisionLeaf(decision, i) }));
  const refs = new Uint8Array(38);
  store.addCommit({ index, leaderRound: index, commit: Uint8Array.of(index), refs, decisions: leaves });
}

class Recorder implements Follower {
  readonly told: string[] = [];
  decided(index: number, decisions: readonly { readonly id: Uint8Array; readonly decision: string }[]): void {
    this.told.push(`${index}: ${decisions.map(({ id, decision }) => `${id[0]} ${decision}`).join(', ')}`);
  }
  certified(index: number): void {
    this.told.push(`certified ${index}`);
  }
}

async function setUp() {
  const store = await temporaryStore();
  const decisions = new Decisions(store, 0, fail);
  onTestFinished(() => decisions.flush());
  return { store, decisions, follower: new Recorder(), other: new Recorder() };
}

test('each follower is told of its own proposals, then of the certificate that makes them final', async () => {
  const { store, decisions, follower, other } = await setUp();
  const [one, two, three] = [decisionOn(1), decisionOn(2, 'REJECTED'), decisionOn(3)];
  decisions.follow(one.id, follower);
  decisions.follow(two.id, follower);
  decisions.follow(two.id, other);
  storeCommit(store, 1, [one, two, three]);
  decisions.executed(1, [one, two, three], [0, 1, 2]);
  decisions.certified(1);
  decisions.certified(2);
  await decisions.flush();
  expect(follower.told).toEqual(['1: 1 APPROVED, 2 REJECTED', 'certified 1']);
  expect(other.told).toEqual(['1: 2 REJECTED', 'certified 1']);
  expect(decisions.followed(follower)).toBe(0);
});

test('nobody is told before the decision is durable', async () => {
  const { store, decisions, follower } = await setUp();
  const one = decisionOn(1);
  decisions.follow(one.id, follower);
  const before = store.stats().log.durableSequence;
  let durableWhenTold = -1;
  follower.decided = () => {
    durableWhenTold = store.stats().log.durableSequence;
  };
  storeCommit(store, 1, [one]);
  decisions.executed(1, [one], [0]);
  await decisions.flush();
  expect(durableWhenTold).toBeGreaterThan(before);
});

test('a decision asked for later comes from the store', async () => {
  const { store, decisions, follower } = await setUp();
  const one = decisionOn(1);
  expect(decisions.find(one.id)).toBeUndefined();
  storeCommit(store, 1, [decisionOn(9), one]);
  decisions.executed(1, [decisionOn(9), one], [0, 1]);
  const decided = { id: one.id, decision: 'APPROVED', reason: 'QUORUM', confidence: 9001, receipt: 1 };
  expect(decisions.find(one.id)).toEqual({ state: 'decided', index: 1, decided });
  decisions.follow(one.id, follower);
  decisions.certified(1);
  expect(decisions.find(one.id)?.state).toBe('certified');
  decisions.follow(one.id, follower);
  await decisions.flush();
  expect(follower.told).toEqual(['1: 1 APPROVED', 'certified 1', '1: 1 APPROVED', 'certified 1']);
});

test('a lapsed proposal is told as expired without a commit, and needs no certificate', async () => {
  const { decisions, follower } = await setUp();
  decisions.follow(decisionOn(1).id, follower);
  decisions.lapsed(decisionOn(1).id);
  decisions.certified(5);
  await decisions.flush();
  expect(follower.told).toEqual(['0: 1 EXPIRED']);
});

test('a lapsed proposal is not unknown to whoever asks later, and a decision of a commit replaces it', async () => {
  const { store, decisions, follower } = await setUp();
  const one = decisionOn(1);
  decisions.lapsed(one.id);
  const decided = { id: one.id, decision: 'EXPIRED', reason: 'TIMEOUT', confidence: 0, receipt: 0 };
  expect(decisions.find(one.id)).toEqual({ state: 'decided', index: 0, decided });
  decisions.follow(one.id, follower);
  decisions.certified(5);
  await decisions.flush();
  expect(follower.told).toEqual(['0: 1 EXPIRED']);
  storeCommit(store, 1, [one]);
  expect(decisions.find(one.id)?.index).toBe(1);
});

test('a follower that is gone is told nothing', async () => {
  const { store, decisions, follower } = await setUp();
  const one = decisionOn(1);
  decisions.follow(one.id, follower);
  decisions.drop(follower);
  storeCommit(store, 1, [one]);
  decisions.executed(1, [one], [0]);
  decisions.certified(1);
  await decisions.flush();
  expect(follower.told).toEqual([]);
});
