import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  checkCertificate,
  decodeCertificate,
  encodeCertificate,
  entryDigest,
  entryOf,
  type VerifySignature,
  verifyCertificate,
} from '../../src/core/certificate.ts';
import { commitDigest } from '../../src/core/commit.ts';
import type { Committee } from '../../src/core/committee.ts';
import { MAX_CERTIFICATE_COMMITS } from '../../src/core/limits.ts';
import type {
  Certificate,
  CertificateEntry,
  Commit,
  CommitVote,
  HeaderFields,
  SignedBlock,
} from '../../src/core/types.ts';
import { makeBlock, makeCommit, makeCommittee, makeRef, makeVote } from '../support/chain.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf, codeOfAsync } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import { CertificateSsz, certificateValue } from '../support/ssz-types.ts';

/** n = 4, one of them with twice the stake: N = 5, f = 1, Q = 4. */
const keys = [1, 2, 3, 4].map((seed) => ml_dsa65.keygen(seeded(seed).bytes(32)));
const committee = makeCommittee(hashing, {
  stakes: [2, 1, 1, 1],
  publicKeys: keys.map(({ publicKey }) => publicKey),
});
const context = new TextEncoder().encode('photon-quasar/header/1');
const verify: VerifySignature = (publicKey, digest, ctx, signature) =>
  ml_dsa65.verify(signature, digest, publicKey, { context: ctx });

const commits = chain(committee, 7, 3);
const [, , last] = commits as [Commit, Commit, Commit];
const vote: CommitVote = { index: last.index, digest: commitDigest(hashing, last) };
const earlier: CommitVote = { index: 3 as never, digest: seeded(3).bytes(32) as never };

function chain(of: Committee, from: number, count: number): Commit[] {
  const list = [makeCommit(of, from, seeded(99).bytes(32))];
  while (list.length < count) {
    list.push(makeCommit(of, from + list.length, commitDigest(hashing, list[list.length - 1]!)));
  }
  return list;
}

/** A block with parents, votes and commit votes, signed by its author's key. */
function signedBlock(author: number, commitVotes: readonly CommitVote[] = [earlier, vote], ctx = context): SignedBlock {
  const options = { votes: [makeVote(makeRef(seeded(author)), [true, false])], commitVotes };
  const { ref } = makeBlock(hashing, committee, 1, author, options);
  const signature = ml_dsa65.sign(ref.digest, keys[author]!.secretKey, { context: ctx, extraEntropy: false });
  return makeBlock(hashing, committee, 1, author, { ...options, signature });
}

let entries: readonly CertificateEntry[];
let certificate: Certificate;

beforeAll(() => {
  entries = [0, 1, 2, 3].map((author) => entryOf(hashing, signedBlock(author)));
  certificate = { commits, entries: [entries[0]!, entries[1]!, entries[3]!] };
});

/** An entry of author `i` with other fixed fields; its signature is then of another header. */
const altered = (i: number, change: Partial<HeaderFields>): CertificateEntry => ({
  ...entries[i]!,
  fields: { ...entries[i]!.fields, ...change },
});
const withEntries = (...list: CertificateEntry[]): Certificate => ({ commits, entries: list });
const code = (changed: Certificate, by: Committee = committee) => codeOf(() => checkCertificate(hashing, by, changed));

describe('an entry', () => {
  it('has the digest of its block, without its parents and votes', () => {
    const block = signedBlock(2);
    const entry = entryOf(hashing, block);
    expect(entryDigest(hashing, entry)).toEqual(block.ref.digest);
    expect(Object.keys(entry.fields)).not.toContain('parents');
    expect(Object.keys(entry.fields)).not.toContain('votes');
  });
});

describe('a certificate', () => {
  it('proves its first commit to who has the committee, also after a journey', async () => {
    const expected = { index: 7, digest: commitDigest(hashing, commits[0]!), signers: [0, 1, 3], stake: 4 };
    expect(checkCertificate(hashing, committee, certificate)).toEqual(expected);
    const received = decodeCertificate(encodeCertificate(certificate));
    expect(await verifyCertificate(hashing, committee, received, verify)).toEqual(expected);
    const answer = verifyCertificate(hashing, committee, certificate, async (...args) => verify(...args));
    expect(await answer).toEqual(expected);
  });

  it('may consist of one commit and all signers', () => {
    const whole = { commits: [last], entries };
    expect(checkCertificate(hashing, committee, whole)).toMatchObject({ index: 9, digest: vote.digest, stake: 5 });
  });

  it('costs about 3.6 KB a signer', () => {
    const bytes = encodeCertificate(certificate).length - encodeCertificate({ commits, entries: [] }).length;
    expect(bytes / 3).toBeLessThan(3700);
  });
});

describe('a signature is refused', () => {
  const refused = (changed: Certificate, check = verify) =>
    codeOfAsync(() => verifyCertificate(hashing, committee, changed, check));

  it('when any byte of what it is over changes', async () => {
    const changes: CertificateEntry[] = [
      altered(3, { timestampMs: 1 }),
      altered(3, { round: 2 as never }),
      altered(3, { payloadRoot: seeded(1).bytes(32) }),
      altered(3, { proposals: 1 }),
      altered(3, { modelId: seeded(1).bytes(32) }),
      { ...entries[3]!, parentsHash: seeded(1).bytes(32) },
      { ...entries[3]!, votesHash: seeded(1).bytes(32) },
      { ...entries[3]!, commitVotes: [vote] },
      { ...entries[3]!, signature: entries[3]!.signature.map((byte, i) => (i === 2000 ? byte ^ 1 : byte)) },
    ];
    for (const changed of changes) {
      expect(await refused(withEntries(entries[0]!, entries[1]!, changed))).toBe('CERTIFICATE_SIGNATURE');
    }
  });

  it('when another validator made it, or it is of another context', async () => {
    const swapped = { ...entries[3]!, signature: entries[1]!.signature };
    expect(await refused(withEntries(entries[0]!, entries[1]!, swapped))).toBe('CERTIFICATE_SIGNATURE');
    const other = entryOf(hashing, signedBlock(3, [vote], new TextEncoder().encode('photon-quasar/header/2')));
    expect(await refused(withEntries(entries[0]!, entries[1]!, other))).toBe('CERTIFICATE_SIGNATURE');
  });

  it('also beyond the quorum: nothing unchecked rides along', async () => {
    const forged = { ...entries[3]!, signature: new Uint8Array(3309) };
    const list = withEntries(entries[0]!, entries[1]!, entries[2]!, forged);
    expect(await refused(list)).toBe('CERTIFICATE_SIGNATURE');
  });

  it('only after everything that costs less', async () => {
    const never: VerifySignature = () => expect.fail('No signature is checked of what is refused anyway.');
    expect(await refused(withEntries(entries[0]!), never)).toBe('CERTIFICATE_STAKE');
  });

  it('and an error of the check itself is passed on', async () => {
    const broken = () => Promise.reject(new Error('worker died'));
    await expect(verifyCertificate(hashing, committee, certificate, broken)).rejects.toThrow('worker died');
  });
});

describe('a certificate is refused', () => {
  const change = (position: number, fields: Partial<Commit>): Certificate => ({
    ...certificate,
    commits: commits.map((commit, i) => (i === position ? { ...commit, ...fields } : commit)),
  });
  const other = seeded(5).bytes(32);
  const decode = (value: Certificate) =>
    codeOf(() => decodeCertificate(CertificateSsz.serialize(certificateValue(value))));

  it('without commits', () => {
    expect(code({ ...certificate, commits: [] })).toBe('CERTIFICATE_EMPTY');
  });

  it.each([0, 1, 2])('when commit %i is of another chain, epoch or committee', (position) => {
    expect(code(change(position, { chainId: other }))).toBe('CERTIFICATE_CHAIN');
    expect(code(change(position, { epoch: 1 }))).toBe('CERTIFICATE_EPOCH');
    expect(code(change(position, { committeeHash: other }))).toBe('CERTIFICATE_COMMITTEE');
  });

  it('by whoever has another committee, another chain or another epoch', () => {
    expect(code(certificate, { ...committee, hash: other })).toBe('CERTIFICATE_COMMITTEE');
    expect(code(certificate, { ...committee, chainId: other })).toBe('CERTIFICATE_CHAIN');
    expect(code(certificate, { ...committee, epoch: 1 })).toBe('CERTIFICATE_EPOCH');
  });

  it('when its commits are not a chain', () => {
    expect(code(change(0, { stateRoot: other }))).toBe('CERTIFICATE_LINK');
    expect(code(change(1, { previous: other as never }))).toBe('CERTIFICATE_LINK');
    expect(code(change(1, { index: 9 as never }))).toBe('CERTIFICATE_LINK');
    const gap = makeCommit(committee, 9, commitDigest(hashing, commits[0]!));
    expect(code({ ...certificate, commits: [commits[0]!, gap] })).toBe('CERTIFICATE_LINK');
    expect(code({ ...certificate, commits: [commits[0]!, commits[2]!] })).toBe('CERTIFICATE_LINK');
    expect(code({ ...certificate, commits: [...commits].reverse() })).toBe('CERTIFICATE_LINK');
  });

  it('when the last commit is not the one voted for', () => {
    expect(code(change(2, { stateRoot: other }))).toBe('CERTIFICATE_VOTE_OTHER');
    expect(code({ ...certificate, commits: commits.slice(0, 2) })).toBe('CERTIFICATE_VOTE_MISSING');
    expect(code({ ...certificate, commits: chain(committee, 3, 1) })).toBe('CERTIFICATE_VOTE_OTHER');
  });

  it('when a signer does not vote, votes for another digest, or for two', () => {
    const without = { ...entries[3]!, commitVotes: [earlier] };
    expect(code(withEntries(entries[0]!, entries[1]!, without))).toBe('CERTIFICATE_VOTE_MISSING');
    const differs = { ...entries[3]!, commitVotes: [{ ...vote, digest: other as never }] };
    expect(code(withEntries(entries[0]!, entries[1]!, differs))).toBe('CERTIFICATE_VOTE_OTHER');
    const both = { ...entries[3]!, commitVotes: [vote, { ...vote, digest: other as never }] };
    expect(code(withEntries(entries[0]!, entries[1]!, both))).toBe('CERTIFICATE_VOTE_ORDER');
  });

  it('when a header is of another chain, epoch or version', () => {
    const list = (changed: CertificateEntry) => withEntries(entries[0]!, entries[1]!, changed);
    expect(code(list(altered(3, { chainId: other })))).toBe('CERTIFICATE_CHAIN');
    expect(code(list(altered(3, { epoch: 1 })))).toBe('CERTIFICATE_EPOCH');
    expect(code(list(altered(3, { version: 2 })))).toBe('CERTIFICATE_VERSION');
  });

  it('when a signer is unknown, twice there, or out of order: in objects and in bytes', () => {
    expect(code(withEntries(entries[0]!, entries[1]!, altered(3, { author: 4 as never })))).toBe(
      'CERTIFICATE_SIGNER_UNKNOWN',
    );
    const twice = withEntries(entries[0]!, entries[1]!, entries[1]!);
    const unsorted = withEntries(entries[1]!, entries[0]!, entries[3]!);
    expect(code(twice)).toBe('CERTIFICATE_SIGNER_DUPLICATE');
    expect(code(unsorted)).toBe('CERTIFICATE_SIGNER_UNSORTED');
    expect(decode(twice)).toBe('CERTIFICATE_SIGNER_DUPLICATE');
    expect(decode(unsorted)).toBe('CERTIFICATE_SIGNER_UNSORTED');
  });

  it('with one stake less than a quorum', () => {
    expect(code(withEntries(entries[1]!, entries[2]!, entries[3]!))).toBe('CERTIFICATE_STAKE');
    expect(code(withEntries(entries[0]!, entries[1]!))).toBe('CERTIFICATE_STAKE');
    expect(code(withEntries())).toBe('CERTIFICATE_STAKE');
  });

  it('with more commits than a certificate may chain', () => {
    const long = { ...certificate, commits: chain(committee, 1, MAX_CERTIFICATE_COMMITS + 1) };
    expect(code(long)).toBe('SSZ_LIMIT');
    expect(codeOf(() => encodeCertificate(long))).toBe('SSZ_LIMIT');
    expect(decode(long)).toBe('SSZ_LIMIT');
    const crowd = { ...certificate, entries: Array(129).fill(entries[0]) as CertificateEntry[] };
    expect(code(crowd)).toBe('SSZ_LIMIT');
    expect(codeOf(() => encodeCertificate(crowd))).toBe('SSZ_LIMIT');
    expect(decode(crowd)).toBe('SSZ_LIMIT');
  });
});
