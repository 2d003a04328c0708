/** A finished history: full rounds, the commits they give, and certificates of them. */
import { entryOf } from '../../src/core/certificate.ts';
import { type Committee, leaderSchedule } from '../../src/core/committee.ts';
import { Dag } from '../../src/core/dag.ts';
import { Focus } from '../../src/core/focus.ts';
import { Horizon } from '../../src/core/horizon.ts';
import { Prism } from '../../src/core/prism.ts';
import type {
  Certificate,
  Commit,
  CommitDigest,
  CommitIndex,
  Ref,
  SignedBlock,
  VerifiedBlock,
} from '../../src/core/types.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { makeBlock, ownFirst } from './chain.ts';

export interface HistoryCommit {
  readonly commit: Commit;
  readonly digest: CommitDigest;
  readonly refs: readonly Ref[];
  readonly blocks: readonly SignedBlock[];
}

export interface History {
  readonly rounds: readonly (readonly SignedBlock[])[];
  readonly commits: readonly HistoryCommit[];
  /** By key of the whole ref. */
  block(ref: Ref): SignedBlock;
  /** Of commit `index`, by these authors, with the fillers that stand for signatures. */
  certificate(index: number, authors?: readonly number[]): Certificate;
}

/** Rounds 1 … `count` of these authors, all if not given; every block links every block of the round before. */
export function makeHistory(kernels: Kernels, committee: Committee, count: number, by?: readonly number[]): History {
  const rounds = roundsOf(kernels, committee, count, by ?? committee.validators.map(({ index }) => index));
  const dag = new Dag(kernels, committee);
  const prism = new Prism(dag, committee, leaderSchedule(kernels, committee));
  const focus = new Focus(kernels, committee, () => ({ wellFormed: true, keys: [] }));
  const horizon = new Horizon(kernels, committee);
  const commits: HistoryCommit[] = [];
  for (const block of rounds.flat()) dag.admit(block as unknown as VerifiedBlock);
  for (let ordered = prism.next(); ordered; ordered = prism.next()) {
    const { index, blocks } = ordered;
    horizon.enqueue(ordered, focus.apply(ordered), null);
    const root = new Uint8Array(32);
    const done = horizon.executed({ index, stateRoot: root, modelRoot: root, receipts: [] });
    dag.collect(ordered.leader.round);
    if (!done) throw new Error('a commit was not sealed');
    const signed = blocks as unknown as SignedBlock[];
    commits.push({ commit: done.commit, digest: done.digest, refs: signed.map(({ ref }) => ref), blocks: signed });
  }
  const byDigest = new Map(rounds.flat().map((block) => [String(block.ref.digest), block]));
  return {
    rounds,
    commits,
    block(ref) {
      const block = byDigest.get(String(ref.digest));
      if (!block) throw new Error('no such block');
      return block;
    },
    certificate(index, authors = committee.validators.map((validator) => validator.index)) {
      const { commit, digest } = commits[index - 1]!;
      const commitVotes = [{ index: index as CommitIndex, digest }];
      const entries = authors.map((author) =>
        entryOf(kernels, makeBlock(kernels, committee, count + 1, author, { commitVotes })),
      );
      return { commits: [commit], entries };
    },
  };
}

function roundsOf(kernels: Kernels, committee: Committee, count: number, authors: readonly number[]): SignedBlock[][] {
  const rounds: SignedBlock[][] = [];
  let below: readonly Ref[] = committee.genesisRefs;
  for (let round = 1; round <= count; round++) {
    const parents = below;
    const blocks = authors.map((author) =>
      makeBlock(kernels, committee, round, author, { parents: ownFirst(parents, author) }),
    );
    rounds.push(blocks);
    below = blocks.map(({ ref }) => ref);
  }
  return rounds;
}
