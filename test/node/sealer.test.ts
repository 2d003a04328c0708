import { expect, test } from 'vitest';
import { buildBlock, HEADER_CONTEXT } from '../../src/core/block.ts';
import type { SignedRecord } from '../../src/core/io.ts';
import type { AuthorIndex, Block, CommitDigest, CommitIndex, Round } from '../../src/core/types.ts';
import { identityFromSeed, type Signer } from '../../src/crypto/identity.ts';
import { verify } from '../../src/crypto/verify.ts';
import { PqError } from '../../src/errors.ts';
import { type RecordKeeper, Sealer } from '../../src/node/sealer.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee, ownFirst } from '../support/chain.ts';
import { temporaryStore } from './temporary.ts';

const kernels = loadKernels();
const committee = makeCommittee(kernels);
const { signing } = identityFromSeed(new Uint8Array(32).fill(7));

function unsigned(round: number): { block: Block; record: SignedRecord } {
  const block = buildBlock(
    kernels,
    {
      version: 1,
      chainId: committee.chainId,
      epoch: 0,
      round: round as Round,
      author: 0 as AuthorIndex,
      timestampMs: 1,
      confidence: 0,
      modelId: new Uint8Array(32),
      parents: ownFirst(committee.genesisRefs, 0),
      votes: [],
      commitVotes: [],
    },
    [],
  );
  const votedDigest = committee.chainId as CommitDigest;
  const record = {
    epoch: 0,
    round: block.ref.round,
    digest: block.ref.digest,
    votedIndex: 0 as CommitIndex,
    votedDigest,
  };
  return { block, record };
}

/** Records the order of what happens, over the real store and the real key. */
async function setUp(record: RecordKeeper | null | 'refuses' = { write: async () => {} }) {
  const store = await temporaryStore();
  const order: string[] = [];
  const { promise: answer, resolve } = Promise.withResolvers<Uint8Array | unknown>();
  const refuse = async () => Promise.reject(new PqError('SIGNED_RECORD_BACK', 'no'));
  const keeper = record === 'refuses' ? { write: refuse } : record;
  const signer: Pick<Signer, 'sign'> = {
    sign: (message, context) => {
      order.push('sign');
      return signing.sign(message, context);
    },
  };
  const sealer = new Sealer({
    store: {
      addBlock: (entry) => {
        order.push('add');
        store.addBlock(entry);
      },
      sync: async () => {
        await store.sync();
        order.push('synced');
      },
    },
    record: keeper && {
      write: async (next) => {
        order.push('record');
        await keeper.write(next);
      },
    },
    signer,
    onSealed: (_digest, signature) => resolve(signature),
    onFailed: resolve,
  });
  return { store, order, sealer, answer };
}

test('signs after the block and then the record are durable', async () => {
  const { store, order, sealer, answer } = await setUp();
  const { block, record } = unsigned(1);
  sealer.seal(block, record);
  const signature = (await answer) as Uint8Array;
  expect(order).toEqual(['add', 'synced', 'record', 'sign']);
  expect(await verify(signing.publicKey, block.ref.digest, HEADER_CONTEXT, signature)).toBe(true);
  expect(store.block(block.ref.digest)).toEqual(Buffer.from(block.bytes));
});

test('does not sign when the record refuses, then or later', async () => {
  const { order, sealer, answer } = await setUp('refuses');
  const first = unsigned(1);
  sealer.seal(first.block, first.record);
  expect(await answer).toMatchObject({ code: 'SIGNED_RECORD_BACK' });
  const second = unsigned(2);
  sealer.seal(second.block, second.record);
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(['add', 'synced', 'record']);
});

test('does not sign without a record', async () => {
  const { order, sealer, answer } = await setUp(null);
  const { block, record } = unsigned(1);
  sealer.seal(block, record);
  expect(await answer).toMatchObject({ code: 'SEAL_NO_RECORD' });
  expect(order).toEqual([]);
});

test('refuses to seal two blocks at once', async () => {
  const { order, sealer, answer } = await setUp();
  const [first, second] = [unsigned(1), unsigned(2)];
  sealer.seal(first.block, first.record);
  sealer.seal(second.block, second.record);
  expect(await answer).toMatchObject({ code: 'SEAL_BUSY' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(order).not.toContain('sign');
});
