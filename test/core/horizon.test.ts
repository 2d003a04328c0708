import { describe, expect, test } from 'vitest';
import { checkCertificate, verifyCertificate } from '../../src/core/certificate.ts';
import { commitDigest } from '../../src/core/commit.ts';
import { Horizon } from '../../src/core/horizon.ts';
import { COMMIT_VOTE_WINDOW, MAX_COMMIT_VOTES } from '../../src/core/limits.ts';
import type {
  Commit,
  CommitDigest,
  CommitIndex,
  CommitVote,
  Decision,
  ProposalId,
  Ref,
  SignedBlock,
  VerifiedBlock,
} from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommittee } from '../support/chain.ts';

const kernels = loadKernels({ kind: 'twin' });
const committee = makeCommittee(kernels);
const root = new Uint8Array(32);

function decision(n: number): Decision {
  return { id: new Uint8Array(32).fill(n) as ProposalId, decision: 'APPROVED', reason: 'QUORUM', confidence: 5000 };
}

/** Executes commits 1 … count; returns what was sealed. */
function run(horizon: Horizon, count: number, from = 1, decisive = true): { commit: Commit; digest: CommitDigest }[] {
  const sealed: { commit: Commit; digest: CommitDigest }[] = [];
  for (let index = from; index < from + count; index++) {
    const leader = { round: index, author: 0, digest: new Uint8Array(32).fill(index) } as unknown as Ref;
    const ordered = { index: index as CommitIndex, leader, timestampMs: index, blocks: [] };
    const decisions = decisive ? [decision(index & 255)] : [];
    horizon.enqueue(ordered, { decisions, proposals: [] }, null);
    const done = horizon.executed({
      index: index as CommitIndex,
      stateRoot: root,
      modelRoot: root,
      receipts: decisions.map(() => 0),
    });
    if (done) sealed.push(done);
  }
  return sealed;
}

function stating(author: number, votes: readonly { commit: Commit; digest: CommitDigest }[], round = 1, tag = 0) {
  const commitVotes: CommitVote[] = votes.map(({ commit, digest }) => ({ index: commit.index, digest }));
  return makeBlock(kernels, committee, round, author, { commitVotes, timestampMs: tag }) as SignedBlock & VerifiedBlock;
}

const other = (sealed: { commit: Commit; digest: CommitDigest }, n = 1) => ({
  ...sealed,
  digest: new Uint8Array(32).fill(100 + n) as CommitDigest,
});

describe('execution', () => {
  test('chains digests, from the chain id on, over what was ordered and answered', () => {
    const [first, second] = run(new Horizon(kernels, committee), 2) as [
      { commit: Commit; digest: CommitDigest },
      { commit: Commit; digest: CommitDigest },
    ];
    expect(first.commit.previous).toEqual(committee.chainId);
    expect(second.commit.previous).toEqual(first.digest);
    expect(second.digest).toEqual(commitDigest(kernels, second.commit));
    expect(second.commit.committeeHash).toEqual(committee.hash);
    expect(second.commit.nextCommitteeHash).toEqual(committee.hash);
  });

  test('every part of an answer is in the digest', () => {
    const seal = (stateRoot: Uint8Array, modelRoot: Uint8Array, receipt: number) => {
      const horizon = new Horizon(kernels, committee);
      const leader = { round: 1, author: 0, digest: root } as unknown as Ref;
      const ordered = { index: 1 as CommitIndex, leader, timestampMs: 1, blocks: [] };
      horizon.enqueue(ordered, { decisions: [decision(1)], proposals: [] }, null);
      return horizon.executed({ index: 1 as CommitIndex, stateRoot, modelRoot, receipts: [receipt] })?.digest;
    };
    const digests = [
      seal(root, root, 0),
      seal(
        root.map(() => 1),
        root,
        0,
      ),
      seal(
        root,
        root.map(() => 1),
        0,
      ),
      seal(root, root, 1),
    ];
    expect(new Set(digests.map(String)).size).toBe(4);
  });

  test('takes answers in order only, and only whole ones', () => {
    const horizon = new Horizon(kernels, committee);
    const leader = { round: 1, author: 0, digest: root } as unknown as Ref;
    horizon.enqueue(
      { index: 1 as CommitIndex, leader, timestampMs: 1, blocks: [] },
      { decisions: [decision(1)], proposals: [] },
      null,
    );
    const answer = { stateRoot: root, modelRoot: root };
    expect(horizon.executed({ ...answer, index: 2 as CommitIndex, receipts: [0] })).toBeUndefined();
    expect(horizon.executed({ ...answer, index: 1 as CommitIndex, receipts: [] })).toBeUndefined();
    expect(horizon.executed({ ...answer, index: 1 as CommitIndex, receipts: [0] })?.asExpected).toBe(true);
    expect([horizon.executedIndex, horizon.lag]).toEqual([1, 0]);
  });

  test('sees that a known commit came out differently', () => {
    const horizon = new Horizon(kernels, committee);
    const leader = { round: 1, author: 0, digest: root } as unknown as Ref;
    const ordered = { index: 1 as CommitIndex, leader, timestampMs: 1, blocks: [] };
    horizon.enqueue(ordered, { decisions: [], proposals: [] }, new Uint8Array(32).fill(9) as CommitDigest);
    expect(
      horizon.executed({ index: 1 as CommitIndex, stateRoot: root, modelRoot: root, receipts: [] })?.asExpected,
    ).toBe(false);
  });
});

describe('certificates', () => {
  test('are of the newest commit that a quorum states, and verify', async () => {
    const horizon = new Horizon(kernels, committee);
    const sealed = run(horizon, 3);
    horizon.observe(stating(2, sealed));
    horizon.observe(stating(0, sealed));
    expect(horizon.certify()).toBeUndefined();
    expect(horizon.owesCertificate).toBe(true);
    horizon.observe(stating(3, sealed.slice(0, 2)));
    const certificate = horizon.certify();
    if (!certificate) throw new Error('no certificate');
    expect(horizon.certifiedIndex).toBe(2);
    expect(horizon.owesCertificate).toBe(true);
    expect(certificate.entries.map(({ fields }) => fields.author)).toEqual([0, 2, 3]);
    expect(checkCertificate(kernels, committee, certificate)).toMatchObject({
      index: 2,
      digest: sealed[1]!.digest,
      stake: 3,
    });
    const signatures = await verifyCertificate(kernels, committee, certificate, (key, _digest, _context, signature) => {
      const author = committee.validators.findIndex(({ publicKey }) => publicKey === key);
      return signature.every((byte) => byte === author + 1);
    });
    expect(signatures.signers).toEqual([0, 2, 3]);
    horizon.observe(stating(1, sealed.slice(2)));
    expect(horizon.certify()?.commits[0]?.index).toBe(3);
    expect(horizon.owesCertificate).toBe(false);
  });

  test('count what was stated before the own execution', () => {
    const sealed = run(new Horizon(kernels, committee), 2);
    const horizon = new Horizon(kernels, committee);
    for (const author of [1, 2, 3]) horizon.observe(stating(author, sealed));
    expect(horizon.certify()).toBeUndefined();
    run(horizon, 2);
    expect(horizon.certify()?.commits[0]?.index).toBe(2);
  });

  test('count authors and their first word, not blocks', () => {
    const horizon = new Horizon(kernels, committee);
    const sealed = run(horizon, 1);
    horizon.observe(stating(1, [other(sealed[0]!)]));
    horizon.observe(stating(1, sealed, 2));
    horizon.observe(stating(2, sealed));
    horizon.observe(stating(2, sealed, 2));
    horizon.observe(stating(2, sealed, 2, 5));
    expect(horizon.certify()).toBeUndefined();
    horizon.observe(stating(0, sealed));
    expect(horizon.certify()).toBeUndefined();
    horizon.observe(stating(3, sealed));
    expect(horizon.certify()?.entries.map(({ fields }) => fields.author)).toEqual([0, 2, 3]);
  });

  test('are weighed by stake', () => {
    const weighted = makeCommittee(kernels, { stakes: [1, 1, 1, 6] });
    const horizon = new Horizon(kernels, weighted);
    const sealed = run(horizon, 1);
    for (const author of [0, 1, 2]) horizon.observe(stating(author, sealed));
    expect(horizon.certify()).toBeUndefined();
    horizon.observe(stating(3, sealed));
    expect(horizon.certify()).toBeDefined();
  });

  test('from elsewhere end the debt as well', () => {
    const horizon = new Horizon(kernels, committee);
    run(horizon, 3);
    horizon.adopt(2);
    expect([horizon.certifiedIndex, horizon.owesCertificate]).toEqual([2, true]);
    horizon.adopt(1);
    expect(horizon.certifiedIndex).toBe(2);
    horizon.adopt(3);
    expect(horizon.owesCertificate).toBe(false);
  });

  test('are owed for commits that decided something only', () => {
    const horizon = new Horizon(kernels, committee);
    run(horizon, 3, 1, false);
    expect(horizon.owesCertificate).toBe(false);
    run(horizon, 1, 4, true);
    expect(horizon.owesCertificate).toBe(true);
  });
});

describe('divergence', () => {
  test('is more than f of the stake with another digest, not f of it', () => {
    const horizon = new Horizon(kernels, committee);
    const sealed = run(horizon, 2);
    horizon.observe(stating(1, [other(sealed[1]!)]));
    horizon.observe(stating(1, [other(sealed[1]!, 2)], 2));
    expect(horizon.diverging).toBeUndefined();
    horizon.observe(stating(2, [other(sealed[1]!, 3)]));
    expect(horizon.diverging).toBe(2);
  });

  test('is seen when the own execution comes last', () => {
    const sealed = run(new Horizon(kernels, committee), 1);
    const horizon = new Horizon(kernels, committee);
    for (const author of [1, 2]) horizon.observe(stating(author, [other(sealed[0]!)]));
    expect(horizon.diverging).toBeUndefined();
    run(horizon, 1);
    expect(horizon.diverging).toBe(1);
  });

  test('is nothing that a window of indexes ahead could show: those keep only how far their author is', () => {
    const horizon = new Horizon(kernels, committee);
    const [sealed] = run(horizon, 1);
    const far = (index: number) => ({ ...sealed!, commit: { ...sealed!.commit, index: index as CommitIndex } });
    horizon.observe(stating(1, [far(COMMIT_VOTE_WINDOW + 1), far(COMMIT_VOTE_WINDOW + 2), far(2 ** 40)]));
    expect(horizon.claimedBy(1)).toBe(2 ** 40);
    expect(horizon.claimedBy(2)).toBe(0);
    const long = run(new Horizon(kernels, committee), COMMIT_VOTE_WINDOW + 1).at(-1)!;
    const forgetful = new Horizon(kernels, committee);
    for (const author of [1, 2, 3]) forgetful.observe(stating(author, [long]));
    run(forgetful, COMMIT_VOTE_WINDOW + 1);
    expect(forgetful.certify()).toBeUndefined();
    // Within the window it counts once it is reached.
    const ahead = new Horizon(kernels, committee);
    const all = run(new Horizon(kernels, committee), 3);
    for (const author of [1, 2, 3]) ahead.observe(stating(author, all));
    run(ahead, 3);
    expect(ahead.certify()?.commits[0]?.index).toBe(3);
  });
});

test('without certificates for long, only the newest window of commits is kept, and certified as soon as it can be', () => {
  const horizon = new Horizon(kernels, committee);
  const sealed = run(horizon, COMMIT_VOTE_WINDOW + 10);
  expect(horizon.digestAt(10)).toBeUndefined();
  expect(horizon.digestAt(11)).toEqual(sealed[10]!.digest);
  for (const author of [1, 2, 3]) horizon.observe(stating(author, sealed.slice(5, 10)));
  expect(horizon.certify()).toBeUndefined();
  for (const author of [1, 2, 3]) horizon.observe(stating(author, sealed.slice(9, 12)));
  expect(horizon.certify()?.commits[0]?.index).toBe(12);
});

describe('the own statements', () => {
  test('are each executed commit once, ascending, the newest hundred', () => {
    const horizon = new Horizon(kernels, committee);
    run(horizon, 3);
    expect(horizon.takeVotes().map(({ index }) => index)).toEqual([1, 2, 3]);
    expect(horizon.takeVotes()).toEqual([]);
    run(horizon, MAX_COMMIT_VOTES + 5, 4);
    const votes = horizon.takeVotes().map(({ index }) => index);
    expect(votes).toHaveLength(MAX_COMMIT_VOTES);
    expect([votes[0], votes.at(-1)]).toEqual([9, MAX_COMMIT_VOTES + 8]);
  });

  test('leave out what was listed before a restart, executed again or still to come', () => {
    const horizon = new Horizon(kernels, committee);
    run(horizon, 3);
    horizon.listedUpTo(5);
    expect(horizon.takeVotes()).toEqual([]);
    run(horizon, 4, 4);
    expect(horizon.takeVotes().map(({ index }) => index)).toEqual([6, 7]);
  });
});
