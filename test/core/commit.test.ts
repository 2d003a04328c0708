import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import {
  blocksRootOf,
  COMMIT_BYTES,
  commitDigest,
  DECISION_LEAF_BYTES,
  decisionLeaf,
  decisionsRootOf,
} from '../../src/core/commit.ts';
import { DECISION, type Decision, REASON } from '../../src/core/types.ts';
import { makeCommit, makeCommittee, makeRef } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import { CommitSsz, DecisionLeafSsz, RefSsz } from '../support/ssz-types.ts';

const committee = makeCommittee(hashing);
const commit = makeCommit(committee, 1);
const other = seeded(9).bytes(32);

describe('the commit digest', () => {
  it('is the hash of the encoding under its own domain', () => {
    const encoded = CommitSsz.serialize(commit);
    expect(encoded.length).toBe(COMMIT_BYTES);
    expect(commitDigest(hashing, commit)).toEqual(hashing.sha3_256(concatBytes(utf8('pq/commit/1'), encoded)));
  });

  it('binds every field', () => {
    const changes: object[] = [
      { index: 2 },
      { leader: makeRef(seeded(2)) },
      { timestampMs: 5 },
      { epoch: 1 },
      ...['previous', 'blocksRoot', 'decisionsRoot', 'stateRoot', 'modelRoot'].map((field) => ({ [field]: other })),
      ...['committeeHash', 'nextCommitteeHash', 'chainId'].map((field) => ({ [field]: other })),
    ];
    expect(changes.length).toBe(Object.keys(commit).length);
    const digests = changes.map((change) => commitDigest(hashing, { ...commit, ...change }).join());
    expect(new Set([...digests, commitDigest(hashing, commit).join()]).size).toBe(changes.length + 1);
  });
});

describe('what a commit binds', () => {
  const decision: Decision = { id: other as never, decision: 'EXPIRED', reason: 'SPLIT', confidence: 17 };

  it('a leaf per decision, with the numbers of the wire', () => {
    expect(DECISION).toEqual({ APPROVED: 1, REJECTED: 2, CONFLICT: 3, EXPIRED: 4 });
    expect(REASON).toEqual({ QUORUM: 0, MALFORMED: 1, CLAIMED: 2, TIMEOUT: 3, SPLIT: 4, EPOCH: 5 });
    const leaf = decisionLeaf(decision, 258);
    expect(leaf).toEqual(
      DecisionLeafSsz.serialize({ id: other, decision: 4, reason: 4, confidence: 17, receipt: 258 }),
    );
    expect(leaf.length).toBe(DECISION_LEAF_BYTES);
    expect(codeOf(() => decisionLeaf(decision, -1))).toBe('SSZ_NUMBER');
  });

  it('the order of blocks and of decisions', () => {
    const refs = [makeRef(seeded(1)), makeRef(seeded(2)), makeRef(seeded(3))];
    const root = blocksRootOf(hashing, refs);
    expect(root).toEqual(hashing.merkleRoot(refs.map((ref) => RefSsz.serialize(ref))));
    expect(blocksRootOf(hashing, [...refs].reverse())).not.toEqual(root);
    const leaves = [decisionLeaf(decision, 0), decisionLeaf(decision, 1)];
    expect(decisionsRootOf(hashing, leaves)).toEqual(hashing.merkleRoot(leaves));
    expect(decisionsRootOf(hashing, [...leaves].reverse())).not.toEqual(hashing.merkleRoot(leaves));
  });
});
