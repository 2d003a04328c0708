import { expect, test } from 'vitest';
import type { ProposalData } from '../../src/agent/proposals.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import { PqError } from '../../src/errors.ts';
import { Judge, type JudgeParts } from '../../src/node/judge.ts';
import { OPINION } from '../../src/wasm/kernels.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeProposals } from '../support/chain.ts';

const kernels = loadKernels();

function setUp(parts: Partial<JudgeParts> = {}) {
  const asked: number[] = [];
  const failures: unknown[] = [];
  const judge = new Judge({
    opine: async (items) => {
      asked.push(items.length);
      return {
        verdicts: new Uint8Array(items.length).fill(OPINION.APPROVE),
        p: new Float64Array(items.length).fill(0.1),
      };
    },
    describe: ({ proposal }): ProposalData => ({ kind: 'other', body: proposal.body }),
    problemOf: () => null,
    deadlineMs: () => 500,
    onFailure: (error) => failures.push(error),
    ...parts,
  });
  return { judge, asked, failures };
}

test('scores a proposal once, however many blocks carry it', async () => {
  const { judge, asked } = setUp();
  const [a, b, c] = makeProposals(kernels, 3) as [IdentifiedProposal, IdentifiedProposal, IdentifiedProposal];
  const first = await judge.judge([a, b]);
  expect(first?.confidence).toBe(9000);
  expect([...first!.verdicts]).toEqual([OPINION.APPROVE, OPINION.APPROVE]);
  await judge.judge([b, c]);
  await judge.judge([a, b, c]);
  expect(asked).toEqual([2, 1]);
  expect(judge.stats).toEqual({ scored: 3, late: 0 });
});

test('two blocks at once share the opinion that is being formed', async () => {
  const { judge, asked } = setUp();
  const proposals = makeProposals(kernels, 2);
  const [one, two] = await Promise.all([judge.judge(proposals), judge.judge(proposals)]);
  expect(asked).toEqual([2]);
  expect(one).toEqual(two);
  expect(one).not.toBeNull();
});

test('rejects what fails a check without state, whatever the models say', async () => {
  const [good, bad] = makeProposals(kernels, 2) as [IdentifiedProposal, IdentifiedProposal];
  const { judge } = setUp({
    problemOf: (proposal) => (proposal === bad ? new PqError('PROPOSAL_BAD_SIGNATURE', 'not signed') : null),
  });
  const judgement = await judge.judge([good, bad]);
  expect([...judgement!.verdicts]).toEqual([OPINION.APPROVE, OPINION.REJECT]);
  expect([...judgement!.p]).toEqual([0.1, 1]);
  expect(judgement!.confidence).toBe(9500);
});

test('has no opinion when the models are late, and asks again later', async () => {
  let late = true;
  const { judge } = setUp({
    opine: async (items) =>
      late ? null : { verdicts: new Uint8Array(items.length).fill(OPINION.ABSTAIN), p: new Float64Array(items.length) },
  });
  const proposals = makeProposals(kernels, 2);
  expect(await judge.judge(proposals)).toBeNull();
  expect(judge.stats.late).toBe(1);
  late = false;
  expect([...(await judge.judge(proposals))!.verdicts]).toEqual([OPINION.ABSTAIN, OPINION.ABSTAIN]);
});

test('has no opinion when the models fail, and says why', async () => {
  const failure = new Error('out of memory');
  const { judge, failures } = setUp({ opine: () => Promise.reject(failure) });
  expect(await judge.judge(makeProposals(kernels, 1))).toBeNull();
  expect(failures).toEqual([failure]);
});
