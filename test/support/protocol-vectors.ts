/** The objects of test/core/protocol-vectors.json: everything from seeds, so that whoever makes them again gets the same bytes. */
import { bitlistOf, buildBlock, signBlock } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import { encodeCertificate, entryOf } from '../../src/core/certificate.ts';
import { commitDigest, decisionLeaf, encodeCommit } from '../../src/core/commit.ts';
import { committeeAfter, committeeHash, committeeOf, leaderSchedule } from '../../src/core/committee.ts';
import { canonicalJson } from '../../src/core/genesis.ts';
import { encodeCommittee } from '../../src/core/members.ts';
import { encodeProposal, identifyProposal } from '../../src/core/proposal.ts';
import type { CommitDigest, CommitIndex } from '../../src/core/types.ts';
import { applyUpgrade, consentDigest, emptyUpgrade } from '../../src/core/upgrade.ts';
import { encodeUpgrade } from '../../src/core/upgrade-codec.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';
import { makeBlock, makeCommit, makeGenesis, makeVote } from './chain.ts';
import { makeJoin, makeUpgrade } from './upgrades.ts';

/** Everything in hex. Signatures are fillers: encodings do not depend on who can make them. */
export function protocolVectors(kernels: Kernels) {
  const genesis = makeGenesis({ stakes: [3, 1, 1, 2], parameters: { leadersPerRound: 2 } });
  const committee = committeeOf(kernels, genesis);
  const proposal = {
    version: 1,
    kind: 2,
    expiryMs: 1_700_000_030_000,
    sender: Uint8Array.of(1, 2, 3),
    body: Uint8Array.of(4, 5),
    signature: Uint8Array.of(6),
  };
  const identified = identifyProposal(kernels, encodeProposal(proposal));
  const first = makeBlock(kernels, committee, 1, 2, { payload: [identified] });
  const leaf = decisionLeaf({ id: identified.id, decision: 'APPROVED', reason: 'QUORUM', confidence: 9_000 }, 7);
  const commit = {
    ...makeCommit(committee, 1),
    leader: first.ref,
    blocksRoot: kernels.merkleRoot([]),
    decisionsRoot: kernels.merkleRoot([leaf]),
  };
  const digest = commitDigest(kernels, commit);
  const commitVotes = [{ index: 1 as CommitIndex, digest }];
  const draft = { ...first.header, round: 2 as never, parents: [first.ref], votes: [makeVote(first.ref, [true])] };
  const rich = signBlock(buildBlock(kernels, { ...draft, commitVotes }, []), first.signature);
  const signers = [0, 2, 3].map((author) =>
    entryOf(kernels, makeBlock(kernels, committee, 4, author, { commitVotes })),
  );
  const join = makeJoin(1);
  const upgrade = { ...emptyUpgrade(committee), joins: [join], leaves: [1], stakes: [{ author: 3, stake: 5 }] };
  const members = applyUpgrade(committee, upgrade);
  const origin = { index: 9 as CommitIndex, digest: digest as CommitDigest, timestampMs: 1_700_000_009_000 };
  const next = committeeAfter(kernels, committee, members, origin);
  const carried = makeUpgrade(kernels, committee, upgrade);
  const schedule = leaderSchedule(kernels, committee);
  return {
    genesis: {
      canonicalJson: canonicalJson(genesis),
      chainId: toHex(committee.chainId),
      committee: toHex(encodeCommittee(committee.validators, committee.parameters)),
      committeeHash: toHex(committee.hash),
      refs: committee.genesisRefs.map(({ digest: ref }) => toHex(ref)),
      leaders: [1, 2, 3, 4, 5, 6, 7, 8].map((round) => schedule.leaders(round)),
    },
    proposal: { bytes: toHex(identified.bytes), id: toHex(identified.id) },
    blocks: [first, rich].map((block) => ({ bytes: toHex(block.bytes), digest: toHex(block.ref.digest) })),
    bitlists: [[true], [false, true], new Array(8).fill(true)].map((flags) => toHex(bitlistOf(flags).bytes)),
    commit: { bytes: toHex(encodeCommit(commit)), digest: toHex(digest), leaf: toHex(leaf) },
    certificate: { bytes: toHex(encodeCertificate({ commits: [commit], entries: signers })), stake: 6 },
    upgrade: {
      body: toHex(encodeUpgrade(upgrade)),
      id: toHex(carried.id),
      consentDigest: toHex(consentDigest(kernels, upgrade, join)),
      nextCommittee: toHex(encodeCommittee(members.validators, members.parameters)),
      nextCommitteeHash: toHex(committeeHash(kernels, members)),
      nextRefs: next.genesisRefs.map(({ digest: ref }) => toHex(ref)),
    },
  };
}
