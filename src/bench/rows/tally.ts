/** The tally: votes on the proposals of one block, as a commit brings them, until they are closed. */
import type { TallyKernel, TallyOptions, TallyVote } from '../../wasm/kernels.ts';
import { type Column, checksum, type RowSpec } from '../harness.ts';
import { NaiveTally } from '../naive/tally.ts';
import { perKernel, pseudoRandom } from './kernels.ts';

const NO_BITS = new Uint8Array(0);

function votesOn(slots: Int32Array, authors: number, opinions: 'approvals' | 'mixed'): TallyVote[] {
  const next = pseudoRandom(authors);
  return Array.from({ length: authors }, (_, author) => {
    const rejects = new Uint8Array(Math.ceil(slots.length / 8));
    if (opinions === 'mixed')
      for (let i = 0; i < slots.length; i++) if (next() % 8 === 0) rejects[i >> 3]! |= 1 << (i & 7);
    return {
      author,
      confidence: next() % 10_001,
      slots,
      rejects: opinions === 'mixed' ? rejects : NO_BITS,
      abstains: NO_BITS,
    };
  });
}

function tallyRow(
  authors: number,
  proposals: number,
  opinions: 'approvals' | 'mixed',
  targets: NonNullable<RowSpec['targets']> = {},
): RowSpec {
  const options: TallyOptions = {
    stakes: new Array<number>(authors).fill(1),
    requiredVotes: authors - Math.floor((authors - 1) / 3),
    validity: Math.floor((authors - 1) / 3) + 1,
    maxOpen: 20_000,
  };
  const column = (make: () => TallyKernel) => (): Column => {
    const tally = make();
    let slots = new Int32Array(0);
    let votes: TallyVote[] = [];
    return {
      prepare: () => {
        for (const slot of slots) tally.close(slot);
        slots = Int32Array.from({ length: proposals }, () => tally.open());
        votes = votesOn(slots, authors, opinions);
      },
      run: () => {
        tally.apply(votes);
        return checksum(tally.evaluate(slots));
      },
    };
  };
  return {
    name: 'tally: apply and evaluate',
    params: { votes: authors, proposals, opinions },
    operations: 1,
    operation: 'commit',
    columns: {
      naive: column(() => new NaiveTally(options)),
      ...Object.fromEntries(
        Object.entries(perKernel((kernels) => kernels)).map(([name, kernels]) => [
          name,
          column(() => kernels().createTally(options)),
        ]),
      ),
    },
    targets,
  };
}

/** All that one proposal costs the tally over its life: open, votes of everybody, verdict, confidence, close. */
function lifeRow(authors: number, proposals: number): RowSpec {
  const options: TallyOptions = {
    stakes: new Array<number>(authors).fill(1),
    requiredVotes: authors - Math.floor((authors - 1) / 3),
    validity: Math.floor((authors - 1) / 3) + 1,
    maxOpen: 20_000,
  };
  const column = (make: () => TallyKernel) => (): Column => {
    const tally = make();
    const votes = votesOn(new Int32Array(proposals), authors, 'mixed');
    return {
      run: () => {
        const slots = Int32Array.from({ length: proposals }, () => tally.open());
        tally.apply(votes.map((vote) => ({ ...vote, slots })));
        const verdicts = tally.evaluate(slots);
        const confidences: number[] = [];
        for (const slot of slots) {
          confidences.push(tally.confidence(slot, 1));
          tally.close(slot);
        }
        return `${checksum(verdicts)} ${checksum(confidences)}`;
      },
    };
  };
  return {
    name: 'tally: open to close',
    params: { votes: authors, proposals },
    operations: proposals,
    operation: 'proposal',
    columns: {
      naive: column(() => new NaiveTally(options)),
      ...Object.fromEntries(
        Object.entries(perKernel((kernels) => kernels)).map(([name, kernels]) => [
          name,
          column(() => kernels().createTally(options)),
        ]),
      ),
    },
  };
}

/** What a snapshot of the node's state asks for: every ballot on everything open. */
function ballotsRow(authors: number, proposals: number): RowSpec {
  const options: TallyOptions = {
    stakes: new Array<number>(authors).fill(1),
    requiredVotes: authors - Math.floor((authors - 1) / 3),
    validity: Math.floor((authors - 1) / 3) + 1,
    maxOpen: 20_000,
  };
  const column = (make: () => TallyKernel) => (): Column => {
    const tally = make();
    const slots = Int32Array.from({ length: proposals }, () => tally.open());
    tally.apply(votesOn(slots, authors, 'mixed'));
    // Of the last ones: going through all of them would cost more than the kernel.
    return { run: () => checksum(tally.ballots(slots).subarray(-256)) };
  };
  return {
    name: 'tally: all ballots',
    params: { authors, proposals },
    operations: 1,
    operation: 'snapshot',
    columns: {
      naive: column(() => new NaiveTally(options)),
      ...Object.fromEntries(
        Object.entries(perKernel((kernels) => kernels)).map(([name, kernels]) => [
          name,
          column(() => kernels().createTally(options)),
        ]),
      ),
    },
  };
}

export function tallyRows(): RowSpec[] {
  return [
    tallyRow(100, 1000, 'approvals', { twin: 5 }),
    tallyRow(100, 1000, 'mixed', { twin: 5 }),
    tallyRow(4, 100, 'mixed'),
    lifeRow(100, 1000),
    lifeRow(4, 100),
    ballotsRow(100, 1000),
  ];
}
