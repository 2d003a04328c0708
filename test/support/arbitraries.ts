/** fast-check generators of the protocol's objects. Sizes are stated: the library's own default stays near ten. */
import fc from 'fast-check';
import { bitlistOf, compareRefs } from '../../src/core/block.ts';
import type {
  AuthorIndex,
  Bitlist,
  BlockDigest,
  Certificate,
  CertificateEntry,
  Commit,
  CommitDigest,
  CommitIndex,
  CommitVote,
  Header,
  HeaderFields,
  Proposal,
  Ref,
  Round,
  Vote,
} from '../../src/core/types.ts';
import type { Upgrade } from '../../src/core/upgrade.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
/** Small ones and ones near the top: both halves of the u64 matter. */
const u64 = fc.oneof(
  fc.nat(1000),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constant(Number.MAX_SAFE_INTEGER),
);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
export const bytes32 = bytes(32);
const byteList = (limit: number) => fc.uint8Array({ maxLength: limit, size: 'max' });

export const proposalArb: fc.Arbitrary<Proposal> = fc.record({
  version: u8,
  kind: u16,
  expiryMs: u64,
  sender: byteList(64),
  body: fc.oneof(byteList(300), bytes(8 * 1024)),
  signature: fc.oneof(byteList(100), bytes(5 * 1024)),
});

export const refArb: fc.Arbitrary<Ref> = fc.record({
  round: u32 as fc.Arbitrary<Round>,
  author: u16 as fc.Arbitrary<AuthorIndex>,
  digest: bytes32 as fc.Arbitrary<BlockDigest>,
});

const bitlistArb: fc.Arbitrary<Bitlist> = fc
  .oneof(
    fc.array(fc.boolean(), { maxLength: 70, size: 'max' }),
    fc.array(fc.boolean(), { minLength: 505, maxLength: 512 }),
  )
  .map(bitlistOf);

export const votesArb: fc.Arbitrary<readonly Vote[]> = fc
  .array(fc.record({ target: refArb, confidence: u16, rejects: bitlistArb, abstains: bitlistArb }), { maxLength: 6 })
  .map((votes) => strictlyAscending(votes, (a, b) => compareRefs(a.target, b.target)));

export const commitVotesArb: fc.Arbitrary<readonly CommitVote[]> = fc
  .array(fc.record({ index: u64 as fc.Arbitrary<CommitIndex>, digest: bytes32 as fc.Arbitrary<CommitDigest> }), {
    maxLength: 6,
  })
  .map((votes) => strictlyAscending(votes, (a, b) => a.index - b.index));

export const fieldsArb: fc.Arbitrary<HeaderFields> = fc.record({
  version: u8,
  chainId: bytes32,
  epoch: u32,
  round: u32 as fc.Arbitrary<Round>,
  author: u16 as fc.Arbitrary<AuthorIndex>,
  timestampMs: u64,
  payloadRoot: bytes32,
  payloadBytes: u32,
  proposals: u32,
  confidence: u16,
  modelId: bytes32,
});

export const draftArb: fc.Arbitrary<Omit<Header, 'payloadRoot' | 'payloadBytes' | 'proposals'>> = fc
  .record({
    fields: fieldsArb,
    parents: fc.array(refArb, { maxLength: 6 }),
    votes: votesArb,
    commitVotes: commitVotesArb,
  })
  .map(({ fields, ...lists }) => {
    const { payloadRoot: _root, payloadBytes: _bytes, proposals: _count, ...rest } = fields;
    return { ...rest, ...lists };
  });

export const commitArb: fc.Arbitrary<Commit> = fc.record({
  index: u64 as fc.Arbitrary<CommitIndex>,
  previous: bytes32 as fc.Arbitrary<CommitDigest>,
  leader: refArb,
  timestampMs: u64,
  blocksRoot: bytes32,
  decisionsRoot: bytes32,
  stateRoot: bytes32,
  modelRoot: bytes32,
  epoch: u32,
  committeeHash: bytes32,
  nextCommitteeHash: bytes32,
  chainId: bytes32,
});

const entryArb: fc.Arbitrary<CertificateEntry> = fc.record({
  fields: fieldsArb,
  parentsHash: bytes32,
  votesHash: bytes32,
  commitVotes: commitVotesArb,
  signature: fc.oneof(bytes(3309)),
});

export const certificateArb: fc.Arbitrary<Certificate> = fc
  .record({ commits: fc.array(commitArb, { maxLength: 3 }), entries: fc.array(entryArb, { maxLength: 3 }) })
  .map(({ commits, entries }) => ({
    commits,
    entries: strictlyAscending(entries, (a, b) => a.fields.author - b.fields.author),
  }));

const keysArb = { publicKey: bytes(1952), ed25519Key: bytes32, gateKey: bytes32 };
const consentArb = bytes(3309);
export const upgradeArb: fc.Arbitrary<Upgrade> = fc
  .record({
    chainId: bytes32,
    epoch: u32,
    joins: fc.array(
      fc.record({ name: fc.string({ unit: 'grapheme', maxLength: 8 }), stake: u64, ...keysArb, consent: consentArb }),
      { maxLength: 1 },
    ),
    leaves: fc.array(u16, { maxLength: 9 }),
    stakes: fc.array(fc.record({ author: u16, stake: u64 }), { maxLength: 5 }),
    rotations: fc.array(fc.record({ author: u16, ...keysArb, consent: consentArb }), { maxLength: 1 }),
    parameters: fc.option(
      fc.record({ leadersPerRound: u16, requiredVotesPerMille: u16, openMs: u64, maxExpiryMs: u64 }),
    ),
  })
  .filter(({ joins }) => joins.every(({ name }) => new TextEncoder().encode(name).length <= 64))
  .map(({ leaves, stakes, ...upgrade }) => ({
    ...upgrade,
    leaves: strictlyAscending(leaves, (a, b) => a - b),
    stakes: strictlyAscending(stakes, (a, b) => a.author - b.author),
  }));

/** Sorted, without repetitions. */
function strictlyAscending<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): Item[] {
  return [...items].sort(compare).filter((item, i, all) => i === 0 || compare(all[i - 1]!, item) < 0);
}
