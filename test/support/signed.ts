/** Certificates and proofs that validators really signed, without a network around them. */
import { HEADER_CONTEXT } from '../../src/core/block.ts';
import { entryOf } from '../../src/core/certificate.ts';
import { commitDigest, decisionLeaf, decisionsRootOf, type ExecutedDecision } from '../../src/core/commit.ts';
import { committeeOf } from '../../src/core/committee.ts';
import type { Genesis } from '../../src/core/genesis.ts';
import { merklePath } from '../../src/core/merkle-path.ts';
import type { ProposalProof } from '../../src/core/proof.ts';
import type { Certificate, Commit, CommitVote, ProposalId } from '../../src/core/types.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommit, makeGenesis } from './chain.ts';
import { seeded } from './random.ts';

export const identities = [1, 2, 3, 4].map((seed) => identityFromSeed(new Uint8Array(32).fill(seed)));
export const publicKeys: readonly Uint8Array[] = identities.map((identity) => identity.signing.publicKey);
/** Four validators of stake 1: three of them are a quorum. */
export const signedGenesis: Genesis = makeGenesis({ publicKeys });

/** A certificate of commit 7, with `fields` in it, that these of the four validators signed. */
export async function certify(authors: readonly number[], fields: Partial<Commit> = {}): Promise<Certificate> {
  const kernels = loadKernels();
  const committee = committeeOf(kernels, signedGenesis);
  const commit = { ...makeCommit(committee, 7), ...fields };
  const commitVotes: CommitVote[] = [{ index: commit.index, digest: commitDigest(kernels, commit) }];
  const entries = authors.map(async (author) => {
    const block = makeBlock(kernels, committee, 9, author, { commitVotes });
    const signature = await identities[author]!.signing.sign(block.ref.digest, HEADER_CONTEXT);
    return entryOf(kernels, { ...block, signature });
  });
  return { commits: [commit], entries: await Promise.all(entries) };
}

/** The proof of decision `position` among `count` of one commit, signed by validators 0, 1 and 3. */
export async function signedProof(position: number, count: number): Promise<ProposalProof> {
  const kernels = loadKernels();
  const decisions = makeDecisions(count);
  const leaves = decisions.map((decided) => decisionLeaf(decided, decided.receipt));
  return {
    certificate: await certify([0, 1, 3], { decisionsRoot: decisionsRootOf(kernels, leaves) }),
    decided: decisions[position]!,
    path: merklePath(kernels, leaves, position),
  };
}

function makeDecisions(count: number): ExecutedDecision[] {
  const random = seeded(count);
  return Array.from({ length: count }, (_, i) => ({
    id: random.bytes(32) as ProposalId,
    decision: i % 2 === 0 ? 'APPROVED' : 'REJECTED',
    reason: 'QUORUM',
    confidence: random.below(10_001),
    receipt: i % 3,
  }));
}
