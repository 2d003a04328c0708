import { expect, test } from 'vitest';
import { buildBlock, encodeRef } from '../../src/core/block.ts';
import { concatBytes } from '../../src/core/bytes.ts';
import { encodeCertificate } from '../../src/core/certificate.ts';
import { encodeCommit } from '../../src/core/commit.ts';
import { decodeMessage, type Message } from '../../src/core/messages.ts';
import type { Block, Commit, CommitDigest, CommitIndex, PeerNumber, Round } from '../../src/core/types.ts';
import { Certificates } from '../../src/node/certificates.ts';
import { Epochs } from '../../src/node/epochs.ts';
import { HistoryServer } from '../../src/node/history-server.ts';
import type { Store } from '../../src/store/store.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee, makeFullRounds, ownFirst } from '../support/chain.ts';
import { ManualClock } from './manual-clock.ts';
import { temporaryStore } from './temporary.ts';

const kernels = loadKernels();
const committee = makeCommittee(kernels);
const rounds = makeFullRounds(kernels, committee, 6);
const PEER = 3 as PeerNumber;

function addBlock(store: Store, block: Block, own = false): void {
  const { round, author, digest } = block.ref;
  store.addBlock({ round, author, digest, bytes: block.bytes, own });
}

/** Commit `index` orders the blocks of round `index`. */
function commitOf(index: number): Commit {
  const zeros = new Uint8Array(32);
  return {
    index: index as CommitIndex,
    previous: zeros as CommitDigest,
    leader: rounds[index - 1]![0]!.ref,
    timestampMs: 1000 + index,
    blocksRoot: zeros,
    decisionsRoot: zeros,
    stateRoot: zeros,
    modelRoot: zeros,
    epoch: 0,
    committeeHash: zeros,
    nextCommitteeHash: zeros,
    chainId: zeros,
  };
}

async function setUp(certified: readonly number[] = []) {
  const store = await temporaryStore();
  for (const block of rounds.flat()) addBlock(store, block);
  for (let index = 1; index <= 6; index++) {
    const commit = encodeCommit(commitOf(index));
    const refs = concatBytes(...rounds[index - 1]!.map((block) => encodeRef(block.ref)));
    store.addCommit({ index, leaderRound: index, commit, refs, decisions: [] });
  }
  for (const index of certified) {
    store.addCertificate(index, encodeCertificate({ commits: [commitOf(index)], entries: [] }));
  }
  const sent: Message[] = [];
  const clock = new ManualClock();
  const server = new HistoryServer(store, new Certificates(store, clock), new Epochs(store), clock, (peer, bytes) => {
    expect(peer).toBe(PEER);
    sent.push(decodeMessage(bytes));
  });
  return { store, clock, server, sent };
}

const bytesOf = (messages: readonly Message[]) =>
  messages.map((message) => (message.kind === 'blockReply' ? Buffer.from(message.bytes) : message.kind));

test('sends the blocks that it has of those asked for', async () => {
  const { server, sent } = await setUp();
  const [a, b] = [rounds[0]![1]!, rounds[4]![2]!];
  const unknown = { ...a.ref, digest: new Uint8Array(32) as typeof a.ref.digest };
  server.serve(PEER, { kind: 'fetchBlocks', refs: [a.ref, unknown, b.ref] });
  expect(bytesOf(sent)).toEqual([Buffer.from(a.bytes), Buffer.from(b.bytes)]);
});

test('sends rounds in order, and no own block that was never signed', async () => {
  const { store, server, sent } = await setUp();
  const header = { ...rounds[4]![0]!.header, timestampMs: 5, parents: ownFirst(committee.genesisRefs, 0) };
  addBlock(store, buildBlock(kernels, header, []), true);
  server.serve(PEER, { kind: 'fetchRounds', epoch: 0, fromRound: 5 as Round });
  expect(bytesOf(sent)).toHaveLength(8);
  const expected = [...rounds[4]!, ...rounds[5]!].map((block) => Buffer.from(block.bytes).toString('hex'));
  const received = bytesOf(sent).map((bytes) => bytes.toString('hex'));
  expect(received.toSorted()).toEqual(expected.toSorted());
});

test('a range of commits ends at one that a held certificate shows to be final', async () => {
  const { server, sent } = await setUp([2, 5]);
  server.serve(PEER, { kind: 'fetchCommits', from: 2 as CommitIndex, count: 10 });
  expect(sent).toHaveLength(1);
  const reply = sent[0]! as Extract<Message, { kind: 'commitsReply' }>;
  expect(reply.commits.map(({ commit }) => commit.index)).toEqual([2, 3, 4, 5]);
  expect(reply.commits[1]!.refs).toEqual(rounds[2]!.map((block) => block.ref));
  expect(reply.certificate.commits.map((commit) => commit.index)).toEqual([5]);
});

test('a range that ends before a certificate is proven by the commits in between', async () => {
  const { server, sent } = await setUp([5]);
  server.serve(PEER, { kind: 'fetchCommits', from: 2 as CommitIndex, count: 2 });
  const reply = sent[0]! as Extract<Message, { kind: 'commitsReply' }>;
  expect(reply.commits.map(({ commit }) => commit.index)).toEqual([2, 3]);
  expect(reply.certificate.commits.map((commit) => commit.index)).toEqual([3, 4, 5]);
});

test('what cannot be proven is not sent', async () => {
  const { server, sent } = await setUp([2]);
  server.serve(PEER, { kind: 'fetchCommits', from: 3 as CommitIndex, count: 10 });
  server.serve(PEER, { kind: 'fetchCommits', from: 7 as CommitIndex, count: 10 });
  expect(sent).toEqual([]);
});

test('what was removed is answered so, and what is left is served', async () => {
  const { store, server, sent } = await setUp([2, 6]);
  const leaderRound = 200;
  store.addCommit({ ...store.commit(6)!, index: 7, leaderRound });
  while (store.prune({ commit: 7, epoch: 0, round: 4 }, 100));
  server.serve(PEER, { kind: 'fetchCommits', from: 6 as CommitIndex, count: 10 });
  server.serve(PEER, { kind: 'fetchBlocks', refs: [rounds[3]![1]!.ref, rounds[4]![1]!.ref] });
  server.serve(PEER, { kind: 'fetchRounds', epoch: 0, fromRound: 4 as Round });
  const pruned = { kind: 'pruned', first: 7 };
  expect(sent).toEqual([pruned, { kind: 'blockReply', bytes: expect.anything() }, pruned, pruned]);
  sent.length = 0;
  // Of what was never there nothing is said.
  const unknown = { ...rounds[0]![0]!.ref, round: 150 as Round, digest: new Uint8Array(32) as never };
  server.serve(PEER, { kind: 'fetchBlocks', refs: [unknown] });
  server.serve(PEER, { kind: 'fetchRounds', epoch: 0, fromRound: 150 as Round });
  server.serve(PEER, { kind: 'fetchCommits', from: 8 as CommitIndex, count: 10 });
  expect(sent).toEqual([]);
});

test('a peer that asks for too much is served again later', async () => {
  const { clock, server, sent } = await setUp();
  const refs = rounds.flat().map((block) => block.ref);
  for (let i = 0; i < 1000; i++) server.serve(PEER, { kind: 'fetchBlocks', refs });
  expect(sent).toHaveLength(8000);
  clock.advance(1000);
  server.serve(PEER, { kind: 'fetchBlocks', refs });
  expect(sent).toHaveLength(8000 + refs.length);
});
