import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBlock, decodeBlock, decodeRef, encodeRef, signBlock } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import { decodeCertificate, encodeCertificate } from '../../src/core/certificate.ts';
import { decisionLeaf, decodeCommit, encodeCommit } from '../../src/core/commit.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { encodeCommitVotes, encodeFields, encodeParents, encodeVotes } from '../../src/core/header.ts';
import { decodeCommittee, encodeCommittee } from '../../src/core/members.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/core/messages.ts';
import { decodeProposal, encodeProposal, identifyProposals } from '../../src/core/proposal.ts';
import { DECISION, type DecisionName, type ProposalId, REASON, type ReasonName } from '../../src/core/types.ts';
import { decodeUpgrade, encodeUpgrade } from '../../src/core/upgrade-codec.ts';
import {
  bytes32,
  certificateArb,
  commitArb,
  commitVotesArb,
  draftArb,
  fieldsArb,
  proposalArb,
  refArb,
  upgradeArb,
  votesArb,
} from '../support/arbitraries.ts';
import { makeCommittee, makeGenesis, makeRichBlock } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf, mutations, refusedOrCanonical } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import {
  BlockSsz,
  blockValue,
  CertificateSsz,
  CommitSsz,
  CommitsReplySsz,
  CommitteeSsz,
  CommitVotesSsz,
  certificateValue,
  DecisionLeafSsz,
  FetchBlocksSsz,
  FetchClosingSsz,
  FetchCommitsSsz,
  FetchRoundsSsz,
  FieldsSsz,
  ParentsSsz,
  ProposalSsz,
  PrunedSsz,
  RefSsz,
  refsValue,
  StatusSsz,
  UpgradeSsz,
  upgradeValue,
  VotesSsz,
  votesValue,
} from '../support/ssz-types.ts';

const same = (ours: Uint8Array, oracle: Uint8Array) => expect(toHex(ours)).toBe(toHex(oracle));
const few = { numRuns: 60 };

describe('our bytes are those of @chainsafe/ssz, and decode to what was encoded', () => {
  it('ref', () => {
    const property = fc.property(refArb, (ref) => {
      same(encodeRef(ref), RefSsz.serialize(ref));
      expect(decodeRef(encodeRef(ref))).toEqual(ref);
    });
    fc.assert(property);
  });

  it('proposal', () => {
    const property = fc.property(proposalArb, (proposal) => {
      same(encodeProposal(proposal), ProposalSsz.serialize(proposal));
      expect(decodeProposal(encodeProposal(proposal))).toEqual(proposal);
    });
    fc.assert(property, few);
  });

  it('the lists and the fixed fields that the digest is over', () => {
    const property = fc.property(
      fc.array(refArb, { maxLength: 8 }),
      votesArb,
      commitVotesArb,
      fieldsArb,
      (parents, votes, commitVotes, fields) => {
        same(encodeParents(parents), ParentsSsz.serialize(parents));
        same(encodeVotes(votes), VotesSsz.serialize(votesValue(votes)));
        same(encodeCommitVotes(commitVotes), CommitVotesSsz.serialize([...commitVotes]));
        same(encodeFields(fields), FieldsSsz.serialize(fields));
      },
    );
    fc.assert(property);
  });

  it('block', () => {
    const payload = fc.array(proposalArb, { maxLength: 3 });
    const signature = fc.uint8Array({ minLength: 3309, maxLength: 3309 });
    const property = fc.property(draftArb, payload, signature, (draft, proposals, filler) => {
      const identified = identifyProposals(hashing, proposals.map(encodeProposal));
      const block = signBlock(buildBlock(hashing, draft, identified), filler);
      same(block.bytes, BlockSsz.serialize(blockValue(block)));
      expect(decodeBlock(hashing, block.bytes)).toEqual(block);
    });
    fc.assert(property, few);
  });

  it('commit and decision leaf', () => {
    const names = <Name extends string>(table: Record<Name, number>) =>
      fc.constantFrom(...(Object.keys(table) as Name[]));
    const leaf = fc.record({
      id: bytes32 as fc.Arbitrary<ProposalId>,
      decision: names<DecisionName>(DECISION),
      reason: names<ReasonName>(REASON),
      confidence: fc.nat(10_000),
    });
    const property = fc.property(commitArb, leaf, fc.nat(), (commit, decision, receipt) => {
      same(encodeCommit(commit), CommitSsz.serialize(commit));
      expect(decodeCommit(encodeCommit(commit))).toEqual(commit);
      const numbers = { decision: DECISION[decision.decision], reason: REASON[decision.reason] };
      same(decisionLeaf(decision, receipt), DecisionLeafSsz.serialize({ ...decision, ...numbers, receipt }));
    });
    fc.assert(property);
  });

  it('certificate', () => {
    const property = fc.property(certificateArb, (certificate) => {
      same(encodeCertificate(certificate), CertificateSsz.serialize(certificateValue(certificate)));
      expect(decodeCertificate(encodeCertificate(certificate))).toEqual(certificate);
    });
    fc.assert(property, few);
  });

  it('committee', () => {
    const genesis = makeGenesis({
      stakes: [1, 2 ** 40, 7],
      parameters: { leadersPerRound: 2, requiredVotesPerMille: 800 },
    });
    const { validators, parameters, hash } = committeeOf(hashing, genesis);
    const value = { parameters, validators: validators.map((v) => ({ ...v, name: new TextEncoder().encode(v.name) })) };
    same(encodeCommittee(validators, parameters), CommitteeSsz.serialize(value));
    expect(decodeCommittee(encodeCommittee(validators, parameters))).toEqual({ validators, parameters });
    same(hash, hashing.sha3_256(CommitteeSsz.serialize(value)));
  });

  it('upgrade', () => {
    const property = fc.property(upgradeArb, (upgrade) => {
      same(encodeUpgrade(upgrade), UpgradeSsz.serialize(upgradeValue(upgrade)));
      expect(decodeUpgrade(encodeUpgrade(upgrade))).toEqual(upgrade);
    });
    fc.assert(property, few);
  });
});

const round = fc.nat() as fc.Arbitrary<never>;
const messageArb: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constantFrom('block' as const, 'blockReply' as const), bytes: fc.uint8Array() }),
  fc.record({
    kind: fc.constant('status' as const),
    epoch: fc.nat(),
    index: fc.nat() as fc.Arbitrary<never>,
    digest: bytes32 as fc.Arbitrary<never>,
    highestRound: round,
    last: refArb,
  }),
  fc.record({ kind: fc.constant('fetchBlocks' as const), refs: fc.array(refArb, { maxLength: 64 }) }),
  fc.record({ kind: fc.constant('fetchRounds' as const), epoch: fc.nat(), fromRound: round }),
  fc.record({ kind: fc.constant('fetchClosing' as const), epoch: fc.nat() }),
  fc.record({ kind: fc.constant('closing' as const), certificate: certificateArb }),
  fc.record({
    kind: fc.constant('fetchCommits' as const),
    from: fc.nat() as fc.Arbitrary<never>,
    count: fc.integer({ min: 1, max: 32 }),
  }),
  fc.record({ kind: fc.constant('pruned' as const), first: fc.nat() as fc.Arbitrary<never> }),
  fc.record({
    kind: fc.constant('commitsReply' as const),
    commits: fc.array(fc.record({ commit: commitArb, refs: fc.array(refArb, { maxLength: 5 }) }), { maxLength: 3 }),
    certificate: certificateArb,
  }),
);

/** Kind byte and body, by the oracle. */
function oracleMessage(message: Message): [number, Uint8Array] {
  switch (message.kind) {
    case 'block':
      return [1, message.bytes];
    case 'status':
      return [2, StatusSsz.serialize(message)];
    case 'fetchBlocks':
      return [3, FetchBlocksSsz.serialize(refsValue(message.refs))];
    case 'fetchRounds':
      return [4, FetchRoundsSsz.serialize(message)];
    case 'blockReply':
      return [5, message.bytes];
    case 'fetchCommits':
      return [6, FetchCommitsSsz.serialize(message)];
    case 'pruned':
      return [10, PrunedSsz.serialize(message)];
    case 'commitsReply': {
      const commits = message.commits.map(({ commit, refs }) => ({ commit, refs: refsValue(refs) }));
      return [7, CommitsReplySsz.serialize({ commits, certificate: certificateValue(message.certificate) })];
    }
    case 'fetchClosing':
      return [8, FetchClosingSsz.serialize(message)];
    case 'closing':
      return [9, CertificateSsz.serialize(certificateValue(message.certificate))];
  }
}

describe('messages', () => {
  it('are a kind byte and the SSZ of @chainsafe/ssz', () => {
    const property = fc.property(messageArb, (message) => {
      const [kind, body] = oracleMessage(message);
      same(encodeMessage(message), Uint8Array.of(kind, ...body));
      expect(decodeMessage(encodeMessage(message))).toEqual(message);
    });
    fc.assert(property);
  });
});

/** Feeds every mutation of `bytes` and counts the refusals. */
function attack<Value>(bytes: Uint8Array, decode: (bytes: Uint8Array) => Value, encode: (value: Value) => Uint8Array) {
  const codes = new Set<string>();
  let accepted = 0;
  for (const mutation of mutations(bytes)) {
    const code = refusedOrCanonical(mutation, decode, encode);
    if (code === undefined) accepted++;
    else codes.add(code);
  }
  return { codes, accepted };
}

describe('every truncation and every changed byte is refused with a code, or is the encoding of another object', () => {
  const committee = makeCommittee(hashing);
  const rebuild = (block: ReturnType<typeof decodeBlock>) =>
    signBlock(buildBlock(hashing, block.header, block.proposals), block.signature).bytes;

  it.each([1, 2])('block, seed %i', (seed) => {
    const block = makeRichBlock(hashing, committee, seeded(seed));
    const { codes, accepted } = attack(block.bytes, (bytes) => decodeBlock(hashing, bytes), rebuild);
    // The signature alone is 3309 bytes that mean nothing to the decoder.
    expect(accepted).toBeGreaterThan(3 * 3309);
    expect(codes).toContain('SSZ_TRUNCATED');
    expect(codes).toContain('SSZ_OFFSET');
    expect(codes).toContain('BLOCK_PAYLOAD_BYTES');
  });

  it('block, several bytes at once', () => {
    const block = makeRichBlock(hashing, committee, seeded(4));
    const edit = fc.record({ at: fc.nat(block.bytes.length - 1), value: fc.nat(255) });
    const property = fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
      const changed = block.bytes.slice();
      for (const { at, value } of edits) changed[at] = value;
      refusedOrCanonical(changed, (bytes) => decodeBlock(hashing, bytes), rebuild);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('random bytes', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 4000 }), (bytes) => {
      expect(codeOf(() => decodeBlock(hashing, bytes))).toMatch(/^(SSZ|BLOCK)_/);
      refusedOrCanonical(bytes, decodeProposal, encodeProposal);
      refusedOrCanonical(bytes, decodeCertificate, encodeCertificate);
      refusedOrCanonical(bytes, decodeMessage, encodeMessage);
      refusedOrCanonical(bytes, decodeUpgrade, encodeUpgrade);
    });
    fc.assert(property);
  });

  it('upgrade, committee', () => {
    const upgrades = fc.sample(upgradeArb, { seed: 5, numRuns: 60 });
    const upgrade = upgrades.find(({ joins, stakes }) => joins.length === 1 && stakes.length > 1)!;
    attack(encodeUpgrade(upgrade), decodeUpgrade, encodeUpgrade);
    const { validators, parameters } = committee;
    attack(encodeCommittee(validators.slice(0, 2), parameters), decodeCommittee, (members) =>
      encodeCommittee(members.validators, members.parameters),
    );
  });

  it('proposal, commit, certificate, message', () => {
    const [proposal] = fc.sample(proposalArb, { seed: 5, numRuns: 1 });
    const small = { ...proposal!, body: new Uint8Array(20), signature: new Uint8Array(9) };
    attack(encodeProposal(small), decodeProposal, encodeProposal);
    const [commit] = fc.sample(commitArb, { seed: 5, numRuns: 1 });
    attack(encodeCommit(commit!), decodeCommit, encodeCommit);
    const certificates = fc.sample(certificateArb, { seed: 5, numRuns: 30 });
    const certificate = certificates.find(({ commits, entries }) => commits.length > 0 && entries.length === 2)!;
    attack(encodeCertificate(certificate), decodeCertificate, encodeCertificate);
    for (const message of fc.sample(messageArb, { seed: 6, numRuns: 30 })) {
      const encoded = encodeMessage(message);
      if (encoded.length < 1500) attack(encoded, decodeMessage, encodeMessage);
    }
  });
});
