import { expect, test } from 'vitest';
import type { Submission } from '../../src/core/io.ts';
import { MAX_PROPOSAL_BYTES } from '../../src/core/limits.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import { PqError } from '../../src/errors.ts';
import { Admission, type AdmissionParts } from '../../src/node/admission.ts';
import type { Judgement } from '../../src/node/judge.ts';
import { OPINION } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { ManualClock } from './manual-clock.ts';
import { temporaryStore } from './temporary.ts';

const kernels = loadKernels();
const MAX_EXPIRY_MS = 60_000;

function judgementOf(count: number): Judgement {
  return {
    confidence: 9000,
    verdicts: new Uint8Array(count).fill(OPINION.APPROVE),
    p: new Float64Array(count).fill(0.1),
  };
}

async function setUp(parts: Partial<AdmissionParts> = {}) {
  const store = await temporaryStore();
  const clock = new ManualClock();
  const fed: Submission[] = [];
  const { promise: firstFed, resolve } = Promise.withResolvers<void>();
  const admission = new Admission({
    kernels,
    clock,
    store,
    judge: { judge: async (proposals) => judgementOf(proposals.length) },
    check: async () => null,
    isDecided: () => false,
    wasDecided: () => false,
    feed: (submissions) => {
      fed.push(...submissions);
      resolve();
    },
    onFailed: (error) => {
      throw error;
    },
    maxExpiryMs: () => MAX_EXPIRY_MS,
    maxProposalsPerSec: 1000,
    ...parts,
  });
  const make = (tag: number, expiresInMs = 10_000): Uint8Array =>
    encodeProposal({
      version: 1,
      kind: 1,
      expiryMs: clock.now() + expiresInMs,
      sender: new Uint8Array(0),
      body: Uint8Array.of(tag),
      signature: new Uint8Array(0),
    });
  return { store, clock, fed, firstFed, admission, make };
}

const codesOf = (results: readonly { taken: boolean; code?: string }[]) =>
  results.map((result) => (result.taken ? 'taken' : result.code));

test('what is acknowledged is in the log, and goes to the core with what the models said', async () => {
  const { store, fed, firstFed, admission, make } = await setUp();
  const bytes = make(1);
  const [result] = await admission.submit([bytes]);
  const { id } = identifyProposal(kernels, bytes);
  expect(result).toEqual({ taken: true, id });
  expect(store.pendingProposals()).toEqual([Buffer.from(bytes)]);
  expect(store.stats().log.bufferedBytes).toBe(0);
  await firstFed;
  expect(fed).toMatchObject([{ proposal: { id }, confidence: 9000 }]);
});

test('models that are slow do not hold a proposal back', async () => {
  const { clock, fed, firstFed, admission, make } = await setUp({ judge: { judge: () => new Promise(() => {}) } });
  const [result] = await admission.submit([make(1)]);
  expect(result!.taken).toBe(true);
  expect(fed).toEqual([]);
  clock.advance(10);
  await firstFed;
  expect(fed).toHaveLength(1);
  expect(fed[0]).not.toHaveProperty('confidence');
});

test('each proposal of a list is answered for itself', async () => {
  const problem = new PqError('PAYMENT_SIGNATURE', 'The signature does not verify.');
  const { admission, make } = await setUp({
    check: async ({ proposal }) => (proposal.body[0] === 3 ? problem : null),
  });
  const big = new Uint8Array(MAX_PROPOSAL_BYTES + 1);
  const list = [make(1), make(2, 0), make(3), make(4, MAX_EXPIRY_MS / 2 + 1), big, Uint8Array.of(1), make(5)];
  const results = await admission.submit(list);
  expect(codesOf(results)).toEqual([
    'taken',
    'PROPOSAL_EXPIRED',
    'PAYMENT_SIGNATURE',
    'PROPOSAL_EXPIRY_FAR',
    'PROPOSAL_BIG',
    expect.stringMatching(/^SSZ_/),
    'taken',
  ]);
  expect(admission.owed).toBe(2);
});

test('the same proposal again is acknowledged and goes to the core once', async () => {
  const { store, fed, firstFed, admission, make } = await setUp();
  const bytes = make(1);
  const [first, second] = await Promise.all([admission.submit([bytes, bytes]), admission.submit([bytes])]);
  expect(codesOf([...first, ...second])).toEqual(['taken', 'taken', 'taken']);
  await firstFed;
  expect(fed).toHaveLength(1);
  expect(store.pendingProposals()).toHaveLength(1);
});

test('what was taken is not refused when it comes again after its expiry, owed or decided', async () => {
  const decided = new Set<string>();
  const { clock, admission, make } = await setUp({ wasDecided: (id) => decided.has(String(id)) });
  const [bytes, other] = [make(1), make(2)];
  expect(codesOf(await admission.submit([bytes]))).toEqual(['taken']);
  clock.advance(10_001);
  const { id } = identifyProposal(kernels, bytes);
  expect(await admission.submit([other, bytes])).toMatchObject([{ code: 'PROPOSAL_EXPIRED' }, { taken: true, id }]);
  admission.settle([id]);
  expect(codesOf(await admission.submit([bytes]))).toEqual(['PROPOSAL_EXPIRED']);
  decided.add(String(id));
  expect(codesOf(await admission.submit([bytes]))).toEqual(['taken']);
  expect(admission.owed).toBe(0);
});

test('what runs out while it is checked is refused, or known', async () => {
  const checks: (() => void)[] = [];
  const { clock, admission, make } = await setUp({
    check: () => new Promise((resolve) => checks.push(() => resolve(null))),
  });
  const submitted = admission.submit([make(1)]);
  clock.advance(10_001);
  for (const check of checks) check();
  expect(codesOf(await submitted)).toEqual(['PROPOSAL_EXPIRED']);
  expect(admission.owed).toBe(0);
});

test('a rate above the configured one is refused, and taken later', async () => {
  const { clock, admission, make } = await setUp({ maxProposalsPerSec: 2 });
  const results = await admission.submit([1, 2, 3, 4, 5].map((tag) => make(tag)));
  expect(codesOf(results)).toEqual(['taken', 'taken', 'taken', 'taken', 'RATE_LIMITED']);
  clock.advance(500);
  expect(codesOf(await admission.submit([make(5)]))).toEqual(['taken']);
});

test('a node that owes too many decisions takes no more until some are made', async () => {
  const { clock, admission, make } = await setUp({ maxProposalsPerSec: 1_000_000 });
  const pending = Array.from({ length: 20_000 }, (_, i) =>
    encodeProposal({
      version: 1,
      kind: 1,
      expiryMs: clock.now() + 1000,
      sender: new Uint8Array(0),
      body: Uint8Array.of(i & 255, i >> 8),
      signature: new Uint8Array(0),
    }),
  ).map((bytes) => identifyProposal(kernels, bytes));
  admission.resume(pending);
  const bytes = make(1);
  expect(codesOf(await admission.submit([bytes]))).toEqual(['MEMPOOL_FULL']);
  admission.settle([pending[7]!.id]);
  expect(codesOf(await admission.submit([bytes]))).toEqual(['taken']);
});

test('what would expire before its turn comes is refused, by the pace of the last seconds', async () => {
  const { admission, clock, make } = await setUp({ maxProposalsPerSec: 100_000 });
  const many = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) =>
      encodeProposal({
        version: 1,
        kind: 1,
        expiryMs: clock.now() + 29_000,
        sender: new Uint8Array(0),
        body: Uint8Array.of((from + i) & 255, (from + i) >> 8),
        signature: new Uint8Array(0),
      }),
    );
  const waiting = (await admission.submit(many(1000, 1100))).flatMap((result) => (result.taken ? [result.id] : []));
  expect(waiting).toHaveLength(1100);
  // The first ones take a while: that is not the pace.
  clock.advance(1500);
  admission.settle(waiting.splice(0, 1));
  expect(codesOf(await admission.submit([make(4, 9000)]))).toEqual(['taken']);
  // 100 in two seconds: the 1000 that are left take 20.
  clock.advance(500);
  admission.settle(waiting.splice(0, 99));
  const [soon, late] = [make(1, 18_000), make(2, 22_000)];
  expect(codesOf(await admission.submit([soon, late]))).toEqual(['NODE_BUSY', 'taken']);
  // Who has few waiting takes whatever comes.
  admission.settle(waiting.splice(0, 900));
  expect(codesOf(await admission.submit([make(3, 1)]))).toEqual(['taken']);
});
