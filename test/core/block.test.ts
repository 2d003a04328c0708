import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bitAt,
  bitlistOf,
  buildBlock,
  compareRefs,
  decodeBlock,
  decodeRef,
  digestKey,
  emptyBitlist,
  HEADER_CONTEXT,
  headerDigest,
  refKey,
  signBlock,
} from '../../src/core/block.ts';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import { encodeVotes, voteBytes } from '../../src/core/header.ts';
import {
  MAX_BLOCK_BYTES,
  MAX_COMMIT_VOTES,
  MAX_PAYLOAD_BYTES,
  MAX_PROPOSALS,
  MAX_VALIDATORS,
  MAX_VOTES,
  MAX_VOTES_BYTES,
  SIGNATURE_BYTES,
} from '../../src/core/limits.ts';
import { encodeProposal, identifyProposals } from '../../src/core/proposal.ts';
import type { CommitDigest, CommitIndex, CommitVote, Header, Ref, SignedBlock, Vote } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { refArb, votesArb } from '../support/arbitraries.ts';
import { makeBlock, makeCommittee, makeProposals, makeRef, makeRichBlock, makeVote } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import {
  BlockSsz,
  blockValue,
  CommitVotesSsz,
  FieldsSsz,
  ParentsSsz,
  VotesSsz,
  votesValue,
} from '../support/ssz-types.ts';

const committee = makeCommittee(hashing);
const random = seeded(7);
const none = new Uint8Array(0);
const digest = (seed: number) => seeded(seed).bytes(32) as CommitDigest;
const rich = makeRichBlock(hashing, committee, seeded(2));

/** A block of other content, encoded by the oracle: what an honest builder would never send. */
function forged(block: SignedBlock, change: Partial<Header>): Uint8Array {
  return BlockSsz.serialize(blockValue({ ...block, header: { ...block.header, ...change } }));
}

describe('refs', () => {
  it('are ordered by round, author, digest', () => {
    const property = fc.property(fc.array(refArb, { maxLength: 20, size: 'max' }), (refs) => {
      const text = (ref: Ref) =>
        `${String(ref.round).padStart(10, '0')}/${String(ref.author).padStart(5, '0')}/${digestKey(ref.digest)}`;
      const sorted = [...refs].sort(compareRefs).map(text);
      expect(sorted).toEqual(refs.map(text).sort());
    });
    fc.assert(property);
  });

  it('have a key for each, by all three parts', () => {
    const ref = makeRef(random);
    const others = [
      { ...ref, round: (ref.round + 1) as Ref['round'] },
      { ...ref, author: (ref.author + 1) as Ref['author'] },
      { ...ref, digest: digest(1) as unknown as Ref['digest'] },
      // Without a separator, round 1 of author 11 would be round 11 of author 1.
      { ...ref, round: 1 as Ref['round'], author: 11 as Ref['author'] },
      { ...ref, round: 11 as Ref['round'], author: 1 as Ref['author'] },
    ];
    expect(new Set([ref, ...others].map(refKey)).size).toBe(6);
    expect(refKey({ ...ref, digest: ref.digest.slice() as Ref['digest'] })).toBe(refKey(ref));
  });

  it('take exactly 38 bytes', () => {
    expect(codeOf(() => decodeRef(new Uint8Array(37)))).toBe('SSZ_TRUNCATED');
    expect(codeOf(() => decodeRef(new Uint8Array(39)))).toBe('SSZ_TRAILING');
  });
});

describe('bitlists', () => {
  it('keep their bits; none set is the empty list', () => {
    const property = fc.property(fc.array(fc.boolean(), { maxLength: 70, size: 'max' }), (flags) => {
      const list = bitlistOf(flags);
      expect(bitlistOf(Uint8Array.from(flags, Number))).toEqual(list);
      expect(flags.map((_, i) => bitAt(list, i))).toEqual(flags);
      expect(bitAt(list, flags.length)).toBe(false);
      expect(list.length).toBe(flags.includes(true) ? flags.length : 0);
    });
    fc.assert(property);
    expect(bitlistOf([false, false])).toBe(emptyBitlist);
  });

  it.each([
    ['all false and not empty', { length: 3, bytes: Uint8Array.of(0) }],
    ['a bit beyond its length', { length: 3, bytes: Uint8Array.of(0b1001) }],
    ['a byte too many', { length: 3, bytes: Uint8Array.of(1, 0) }],
    ['a byte too few', { length: 9, bytes: Uint8Array.of(1) }],
    ['length 0 with a byte', { length: 0, bytes: Uint8Array.of(1) }],
  ])('are refused with %s', (_, rejects) => {
    const vote: Vote = { ...makeVote(makeRef(random)), rejects };
    expect(codeOf(() => encodeVotes([vote]))).toBe('SSZ_BITLIST');
  });

  it('that are all false are refused in bytes too', () => {
    const vote = makeVote(makeRef(random));
    for (const length of [1, 7, 8, 9, 512]) {
      const rejects = { length, bytes: new Uint8Array((length + 7) >> 3) };
      const bytes = forged(rich, { votes: [{ ...vote, rejects }] });
      expect(codeOf(() => decodeBlock(hashing, bytes))).toBe('SSZ_BITLIST');
    }
  });
});

describe('the digest', () => {
  it('is over the domain, the fixed fields and the hashes of the lists', () => {
    const { header } = rich;
    const sha = hashing.sha3_256;
    const parts = [
      utf8('pq/header/1'),
      FieldsSsz.serialize(header),
      sha(ParentsSsz.serialize([...header.parents])),
      sha(VotesSsz.serialize(votesValue(header.votes))),
      sha(CommitVotesSsz.serialize([...header.commitVotes])),
    ] as const;
    expect(rich.ref.digest).toEqual(sha(concatBytes(...parts)));
    expect(headerDigest(hashing, header, parts[2], parts[3], parts[4])).toEqual(rich.ref.digest);
    expect(rich.ref).toMatchObject({ round: header.round, author: header.author });
    expect(new TextDecoder().decode(HEADER_CONTEXT)).toBe('photon-quasar/header/1');
  });

  it('does not change with the signature, and changes with everything else', () => {
    const resigned = decodeBlock(hashing, signBlock(rich, random.bytes(SIGNATURE_BYTES)).bytes);
    expect(resigned.ref).toEqual(rich.ref);
    expect(resigned.bytes).not.toEqual(rich.bytes);
    const other = digest(3);
    const changes: Partial<Header>[] = [
      { version: 2 },
      { chainId: other },
      { epoch: 1 },
      { round: (rich.header.round + 1) as Header['round'] },
      { author: (rich.header.author + 1) as Header['author'] },
      { timestampMs: 1 },
      { confidence: 77 },
      { modelId: other },
      { parents: [makeRef(random)] },
      { votes: [] },
      { commitVotes: [{ index: 9 as CommitIndex, digest: other }] },
    ];
    const digests = changes.map((change) =>
      digestKey(buildBlock(hashing, { ...rich.header, ...change }, rich.proposals).ref.digest),
    );
    digests.push(digestKey(buildBlock(hashing, rich.header, makeProposals(hashing, 1, 99)).ref.digest));
    expect(new Set([...digests, digestKey(rich.ref.digest)]).size).toBe(changes.length + 2);
  });
});

describe('building and signing', () => {
  it('gives the same block through the kernels as through node:crypto', () => {
    const twin = loadKernels({ kind: 'twin' });
    expect(decodeBlock(twin, rich.bytes)).toEqual(rich);
    expect(signBlock(buildBlock(twin, rich.header, rich.proposals), rich.signature)).toEqual(rich);
  });

  it('leaves the signature zero until signed', () => {
    const unsigned = buildBlock(hashing, rich.header, rich.proposals);
    expect(unsigned.signature).toEqual(new Uint8Array(SIGNATURE_BYTES));
    expect(signBlock(unsigned, rich.signature)).toEqual(rich);
    // Signing must not write into what was persisted before.
    expect(decodeBlock(hashing, unsigned.bytes).signature).toEqual(new Uint8Array(SIGNATURE_BYTES));
    expect(codeOf(() => signBlock(unsigned, new Uint8Array(3308)))).toBe('SSZ_LENGTH');
  });

  it('says beforehand what a vote will take', () => {
    const property = fc.property(votesArb, (votes) => {
      expect(votes.reduce((sum, vote) => sum + voteBytes(vote), 0)).toBe(encodeVotes(votes).length);
    });
    fc.assert(property);
  });

  it('fits a block that uses all that an honest proposer may use', () => {
    const refs = Array.from({ length: MAX_VALIDATORS }, () => makeRef(random)).sort(compareRefs);
    const flags = Array.from({ length: MAX_PROPOSALS }, (_, i) => i % 2 === 0);
    const votes: Vote[] = [];
    let bytes = 0;
    for (const ref of refs) {
      const vote = makeVote(ref, flags, flags);
      if (bytes + voteBytes(vote) > MAX_VOTES_BYTES) break;
      bytes += voteBytes(vote);
      votes.push(vote);
    }
    const payload = makeProposals(hashing, MAX_PROPOSALS);
    while (payload.reduce((sum, proposal) => sum + proposal.bytes.length + 4, 4) > MAX_PAYLOAD_BYTES) payload.pop();
    const commitVotes: CommitVote[] = Array.from({ length: MAX_COMMIT_VOTES }, (_, i) => ({
      index: (i + 1) as CommitIndex,
      digest: digest(i),
    }));
    const block = makeBlock(hashing, committee, 9, 0, { parents: refs, votes, commitVotes, payload });
    expect(block.bytes.length).toBeLessThanOrEqual(MAX_BLOCK_BYTES);
    expect(decodeBlock(hashing, block.bytes)).toEqual(block);
  });

  it('refuses what is too much, at both ends', () => {
    const big = makeProposals(hashing, MAX_PROPOSALS).map((proposal) => ({ ...proposal, bytes: new Uint8Array(400) }));
    expect(codeOf(() => makeBlock(hashing, committee, 1, 0, { payload: big }))).toBe('BLOCK_BYTES');
    expect(codeOf(() => decodeBlock(hashing, new Uint8Array(MAX_BLOCK_BYTES + 1)))).toBe('BLOCK_BYTES');
    const refs = (count: number) => Array.from({ length: count }, () => makeRef(random)).sort(compareRefs);
    const parents = refs(MAX_VALIDATORS + 1);
    const votes = refs(MAX_VOTES + 1).map((ref) => makeVote(ref));
    const commitVotes = refs(MAX_COMMIT_VOTES + 1).map((ref, i) => ({
      index: i as CommitIndex,
      digest: ref.digest as unknown as CommitDigest,
    }));
    for (const change of [{ parents }, { votes }, { commitVotes }]) {
      expect(codeOf(() => makeBlock(hashing, committee, 1, 0, change))).toBe('SSZ_LIMIT');
      expect(codeOf(() => decodeBlock(hashing, forged(rich, change)))).toBe('SSZ_LIMIT');
    }
    const long = { length: MAX_PROPOSALS + 1, bytes: new Uint8Array((MAX_PROPOSALS >> 3) + 1).fill(1) };
    expect(codeOf(() => encodeVotes([{ ...votes[0]!, abstains: long }]))).toBe('SSZ_LIMIT');
    const bytes = forged(rich, { votes: [{ ...votes[0]!, abstains: long }] });
    expect(codeOf(() => decodeBlock(hashing, bytes))).toBe('SSZ_LIMIT');
  });

  it('refuses more than MAX_PROPOSALS, however small, at both ends', () => {
    const smallest = { version: 1, kind: 0, expiryMs: 0, ...{ sender: none, body: none, signature: none } };
    const list = (count: number) => identifyProposals(hashing, Array(count).fill(encodeProposal(smallest)));
    const full = makeBlock(hashing, committee, 1, 0, { payload: list(MAX_PROPOSALS) });
    expect(decodeBlock(hashing, full.bytes)).toEqual(full);
    const over = list(MAX_PROPOSALS + 1);
    expect(codeOf(() => makeBlock(hashing, committee, 1, 0, { payload: over }))).toBe('SSZ_LIMIT');
    const header = { ...full.header, proposals: over.length, payloadBytes: full.header.payloadBytes + 4 + 23 };
    const bytes = BlockSsz.serialize(blockValue({ ...full, header, proposals: over }));
    expect(codeOf(() => decodeBlock(hashing, bytes))).toBe('SSZ_LIMIT');
  });
});

describe('decoding refuses', () => {
  const [low, high] = [makeRef(seeded(1)), makeRef(seeded(2))].sort(compareRefs);
  const vote = (index: number, seed = index): CommitVote => ({ index: index as CommitIndex, digest: digest(seed) });

  it.each<[string, string, Partial<Header>]>([
    ['votes out of order', 'BLOCK_VOTE_ORDER', { votes: [makeVote(high!), makeVote(low!)] }],
    ['two votes for one target', 'BLOCK_VOTE_ORDER', { votes: [makeVote(low!), makeVote(low!, [true])] }],
    ['commit votes out of order', 'BLOCK_COMMIT_VOTE_ORDER', { commitVotes: [vote(2), vote(1)] }],
    ['two commit votes for one index', 'BLOCK_COMMIT_VOTE_ORDER', { commitVotes: [vote(1, 1), vote(1, 2)] }],
  ])('%s', (_, code, change) => {
    expect(codeOf(() => decodeBlock(hashing, forged(rich, change)))).toBe(code);
    expect(codeOf(() => buildBlock(hashing, { ...rich.header, ...change }, []))).toBe(code);
  });

  it.each<[string, string, Partial<Header>]>([
    ['a payload of another size', 'BLOCK_PAYLOAD_BYTES', { payloadBytes: rich.header.payloadBytes + 1 }],
    ['another number of proposals', 'BLOCK_PAYLOAD_COUNT', { proposals: rich.header.proposals + 1 }],
    ['another payload', 'BLOCK_PAYLOAD_ROOT', { payloadRoot: digest(8) }],
  ])('%s than the header names', (_, code, change) => {
    expect(codeOf(() => decodeBlock(hashing, forged(rich, change)))).toBe(code);
  });

  it('a payload with its proposals in another order', () => {
    const block = makeBlock(hashing, committee, 1, 0, { payload: makeProposals(hashing, 2) });
    const swapped = { ...block, proposals: [...block.proposals].reverse() };
    const bytes = BlockSsz.serialize(blockValue(swapped));
    expect(codeOf(() => decodeBlock(hashing, bytes))).toBe('BLOCK_PAYLOAD_ROOT');
  });

  it('a timestamp above 2^53 - 1', () => {
    const bytes = rich.bytes.slice();
    // The header begins behind two offsets and the signature; its timestamp behind 43 bytes of other fields.
    new DataView(bytes.buffer).setUint32(8 + SIGNATURE_BYTES + 43 + 4, 0x20_0000, true);
    expect(codeOf(() => decodeBlock(hashing, bytes))).toBe('SSZ_NUMBER');
  });
});
