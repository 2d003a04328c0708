import { describe, expect, it } from 'vitest';
import { HEADER_CONTEXT } from '../../src/core/block.ts';
import { encodeCertificate, entryOf } from '../../src/core/certificate.ts';
import { commitDigest } from '../../src/core/commit.ts';
import { type Committee, committeeAfter, committeeHash, committeeOf } from '../../src/core/committee.ts';
import {
  decodeEpochChain,
  decodeEpochLink,
  type EpochLink,
  encodeEpochChain,
  encodeEpochLink,
  verifyEpochLink,
} from '../../src/core/epoch-chain.ts';
import type { Members } from '../../src/core/members.ts';
import type { Certificate, Commit } from '../../src/core/types.ts';
import { applyUpgrade, emptyUpgrade, type Upgrade } from '../../src/core/upgrade.ts';
import { verify } from '../../src/crypto/verify.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock, makeCommit } from '../support/chain.ts';
import { identities, signedGenesis } from '../support/signed.ts';

const kernels = loadKernels();
const genesis = committeeOf(kernels, signedGenesis);

/** A certificate of `commit` that these members of the committee signed; who has which key is said by `keys`. */
async function certify(
  committee: Committee,
  commit: Commit,
  authors: readonly number[],
  keys: readonly number[] = [0, 1, 2, 3],
): Promise<Certificate> {
  const commitVotes = [{ index: commit.index, digest: commitDigest(kernels, commit) }];
  const entries = authors.map(async (author) => {
    const block = makeBlock(kernels, committee, 9, author, { commitVotes });
    const signature = await identities[keys[author]!]!.signing.sign(block.ref.digest, HEADER_CONTEXT);
    return entryOf(kernels, { ...block, signature });
  });
  return { commits: [commit], entries: await Promise.all(entries) };
}

async function linkFrom(
  committee: Committee,
  changes: Partial<Upgrade>,
  authors: readonly number[],
  keys?: readonly number[],
): Promise<{ link: EpochLink; next: Committee }> {
  const members: Members = applyUpgrade(committee, { ...emptyUpgrade(committee), ...changes });
  const index = committee.origin.index + 5;
  const commit = {
    ...makeCommit(committee, index, committee.origin.digest),
    nextCommitteeHash: committeeHash(kernels, members),
  };
  const certificate = await certify(committee, commit, authors, keys);
  const origin = { index: commit.index, digest: commitDigest(kernels, commit), timestampMs: commit.timestampMs };
  return { link: { certificate, members }, next: committeeAfter(kernels, committee, members, origin) };
}

// Validator 0 leaves, then the rest shares differently: the places of those who stay shift by one.
const first = await linkFrom(genesis, { leaves: [0] }, [0, 1, 3]);
const second = await linkFrom(first.next, { stakes: [{ author: 2, stake: 5 }] }, [0, 1, 2], [1, 2, 3]);
const chain = encodeEpochChain([first.link, second.link].map(encodeEpochLink));
const refused = (link: EpochLink, committee = genesis) =>
  verifyEpochLink(kernels, committee, link, verify).then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );

describe('a chain of closing certificates', () => {
  it('leads from genesis to the committee of a later epoch', async () => {
    const one = await verifyEpochLink(kernels, genesis, first.link, verify);
    expect(one).toEqual(first.next);
    expect(await verifyEpochLink(kernels, one, second.link, verify)).toEqual(second.next);
    expect(second.next).toMatchObject({ epoch: 2, stakes: [1, 1, 5] });
  });

  it('has one encoding', () => {
    expect(decodeEpochChain(chain)).toEqual([first.link, second.link]);
    expect(decodeEpochLink(encodeEpochLink(first.link))).toEqual(first.link);
    expect(decodeEpochChain(encodeEpochChain([]))).toEqual([]);
  });

  it('is not believed without a quorum of the old committee, for this very committee, in this order', async () => {
    const { certificate, members } = first.link;
    expect(await refused({ certificate, members: second.link.members })).toBe('CLOSING_COMMITTEE');
    const fewer = { ...certificate, entries: certificate.entries.slice(1) };
    expect(await refused({ certificate: fewer, members })).toBe('CERTIFICATE_STAKE');
    const [commit] = certificate.commits as [Commit];
    const plain = await certify(genesis, { ...commit, nextCommitteeHash: genesis.hash }, [0, 1, 2]);
    expect(await refused({ certificate: plain, members: genesis })).toBe('CLOSING_NOT_LAST');
    const forged = await certify(genesis, commit, [0, 1, 2], [0, 1, 3]);
    expect(await refused({ certificate: forged, members })).toBe('CERTIFICATE_SIGNATURE');
    expect(await refused(second.link)).toBe('CERTIFICATE_EPOCH');
    // Whoever left may not sign what ends a later epoch.
    expect(await refused(second.link, { ...first.next, validators: genesis.validators.slice(0, 3) })).toBe(
      'CERTIFICATE_SIGNATURE',
    );
  });
});

describe('the verifier', () => {
  it('checks certificates of later epochs once it was led there', async () => {
    const verifier = new Verifier(kernels, signedGenesis);
    const commit = makeCommit(second.next, 20);
    const later = await certify(second.next, commit, [1, 2], [1, 2, 3]);
    const bytes = encodeCertificate(later);
    await expect(verifier.verifyCertificate(bytes)).rejects.toMatchObject({ code: 'CERTIFICATE_EPOCH' });
    await verifier.follow(encodeEpochChain([encodeEpochLink(first.link)]));
    expect(verifier.epoch).toBe(1);
    await expect(verifier.verifyCertificate(bytes)).rejects.toMatchObject({ code: 'CERTIFICATE_EPOCH' });
    // Links to what is known are passed over.
    await verifier.follow(chain);
    await verifier.follow(chain);
    expect(verifier.epoch).toBe(2);
    expect(await verifier.verifyCertificate(bytes)).toMatchObject({ epoch: 2, stake: 6, quorum: 5, totalStake: 7 });
    // Those of the first epoch as before.
    const early = await certify(genesis, makeCommit(genesis, 3), [0, 1, 2]);
    expect(await verifier.verifyCertificate(encodeCertificate(early))).toMatchObject({ epoch: 0, quorum: 3 });
  });

  it('keeps what was proven before a link that proves nothing', async () => {
    const verifier = new Verifier(kernels, signedGenesis);
    const bad = { ...second.link, members: genesis };
    await expect(verifier.follow(encodeEpochChain([first.link, bad].map(encodeEpochLink)))).rejects.toMatchObject({
      code: 'CLOSING_COMMITTEE',
    });
    expect(verifier.epoch).toBe(1);
    await expect(verifier.follow(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'SSZ_TRUNCATED' });
  });
});
