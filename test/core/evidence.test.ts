import { describe, expect, it } from 'vitest';
import { HEADER_CONTEXT, signBlock } from '../../src/core/block.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { decodeEvidence, type Evidence, encodeEvidence, evidenceOf, verifyEvidence } from '../../src/core/evidence.ts';
import type { SignedBlock } from '../../src/core/types.ts';
import { verify } from '../../src/crypto/verify.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { type BlockOptions, makeBlock, makeCommittee } from '../support/chain.ts';
import { identities, signedGenesis } from '../support/signed.ts';

const kernels = loadKernels();
const committee = committeeOf(kernels, signedGenesis);

async function signed(round: number, author: number, options: BlockOptions = {}): Promise<SignedBlock> {
  const block = makeBlock(kernels, committee, round, author, options);
  return signBlock(block, await identities[author]!.signing.sign(block.ref.digest, HEADER_CONTEXT));
}
const one = await signed(3, 1);
const other = await signed(3, 1, { timestampMs: 7 });
const evidence = evidenceOf(kernels, one, other);
const check = (each: Evidence) => verifyEvidence(kernels, committee, each, verify);
const refused = async (each: Evidence) =>
  check(each).then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );

describe('evidence of an equivocation', () => {
  it('shows to anybody who knows the committee who signed two blocks of one round', async () => {
    expect(await check(evidence)).toEqual({ epoch: 0, round: 3, author: 1 });
    const decoded = decodeEvidence(encodeEvidence(evidence));
    expect(decoded).toEqual(evidence);
    const verifier = new Verifier(kernels, signedGenesis);
    expect(await verifier.verifyEvidence(encodeEvidence(evidence))).toEqual({
      epoch: 0,
      round: 3,
      signer: { index: 1, name: 'validator-1', stake: 1 },
    });
  });

  it('is the same whichever block came first', () => {
    expect(evidenceOf(kernels, other, one)).toEqual(evidence);
  });

  it('is none of one block, of two validators, of two rounds, or under a signature of somebody else', async () => {
    const { first, second } = evidence;
    expect(await refused({ first, second: first })).toBe('EVIDENCE_SAME');
    expect(await refused({ first: second, second: first })).toBe('EVIDENCE_SAME');
    expect(await refused(evidenceOf(kernels, one, await signed(3, 2)))).toBe('EVIDENCE_AUTHOR');
    const later = evidenceOf(kernels, one, await signed(4, 1));
    expect(await refused(later)).toBe('EVIDENCE_ROUND');
    expect(await refused({ first: later.second, second: later.first })).toBe('EVIDENCE_ROUND');
    const forged = makeBlock(kernels, committee, 3, 1, { timestampMs: 9 });
    const signature = await identities[2]!.signing.sign(forged.ref.digest, HEADER_CONTEXT);
    expect(await refused(evidenceOf(kernels, one, signBlock(forged, signature)))).toBe('EVIDENCE_SIGNATURE');
    expect(await refused({ first, second: { ...second, signature: first.signature } })).toBe('EVIDENCE_SIGNATURE');
  });

  it('is none of another chain, epoch or committee', async () => {
    const { first, second } = evidence;
    const changed = (fields: Partial<typeof first.fields>) => ({
      first: { ...first, fields: { ...first.fields, ...fields } },
      second: { ...second, fields: { ...second.fields, ...fields } },
    });
    expect(await refused(changed({ chainId: new Uint8Array(32) }))).toBe('EVIDENCE_CHAIN');
    expect(await refused(changed({ epoch: 1 }))).toBe('EVIDENCE_EPOCH');
    expect(await refused(changed({ author: 9 as never }))).toBe('EVIDENCE_AUTHOR');
    const strangers = makeCommittee(kernels);
    const said = verifyEvidence(kernels, { ...strangers, chainId: committee.chainId }, evidence, verify);
    await expect(said).rejects.toMatchObject({ code: 'EVIDENCE_SIGNATURE' });
  });
});
