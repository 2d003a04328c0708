import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { decodeCertificate, type VerifySignature } from '../../src/core/certificate.ts';
import { decisionLeaf, decodeDecisionLeaf, type ExecutedDecision } from '../../src/core/commit.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { MAX_PATH_SIBLINGS } from '../../src/core/limits.ts';
import { decodeProof, encodeProof, PROOF_FIXED_BYTES, type ProposalProof, verifyProof } from '../../src/core/proof.ts';
import { DECISION, REASON } from '../../src/core/types.ts';
import { verify } from '../../src/crypto/verify.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { bytes32, certificateArb } from '../support/arbitraries.ts';
import { makeGenesis } from '../support/chain.ts';
import { codeOf, codeOfAsync, mutations, refusedOrCanonical } from '../support/hostile.ts';
import { seeded } from '../support/random.ts';
import { publicKeys, signedGenesis, signedProof } from '../support/signed.ts';
import { ProofSsz, proofValue } from '../support/ssz-types.ts';

const kernels = loadKernels();
const committee = committeeOf(kernels, signedGenesis);
let proof: ProposalProof;

beforeAll(async () => {
  proof = await signedProof(4, 11);
});

const refused = (change: Partial<ProposalProof>, check: VerifySignature = verify): Promise<string> =>
  codeOfAsync(() => verifyProof(kernels, committee, { ...proof, ...change }, check));

describe('a proof', () => {
  it('shows one decision of a final commit to who has the committee, also after a journey', async () => {
    const received = decodeProof(encodeProof(proof));
    expect(received).toEqual(proof);
    expect(await verifyProof(kernels, committee, received, verify)).toMatchObject({ index: 7, stake: 3 });
  });

  it('may be of the only decision, and of the last of an odd number', async () => {
    for (const [position, count] of [
      [0, 1],
      [10, 11],
      [2, 3],
    ] as const) {
      const other = await signedProof(position, count);
      expect(await verifyProof(kernels, committee, other, verify)).toMatchObject({ index: 7 });
    }
  });

  it('costs little more than its certificate', () => {
    expect(encodeProof(proof).length - 3 * 3500).toBeLessThan(1200);
  });
});

describe('a proof is refused', () => {
  const decided = (change: Partial<ExecutedDecision>) => refused({ decided: { ...proof.decided, ...change } });

  it('when any part of the decision is another one', async () => {
    expect(await decided({ id: seeded(9).bytes(32) as never })).toBe('PROOF_ROOT');
    expect(await decided({ decision: 'REJECTED' })).toBe('PROOF_ROOT');
    expect(await decided({ reason: 'TIMEOUT' })).toBe('PROOF_ROOT');
    expect(await decided({ confidence: proof.decided.confidence - 1 })).toBe('PROOF_ROOT');
    expect(await decided({ receipt: proof.decided.receipt + 1 })).toBe('PROOF_ROOT');
  });

  it('when its path is that of another decision, or of none', async () => {
    const { path } = proof;
    expect(await refused({ path: (await signedProof(5, 11)).path })).toBe('PROOF_ROOT');
    expect(await refused({ path: { ...path, position: 5 } })).toBe('PROOF_ROOT');
    expect(await refused({ path: { ...path, position: 11 } })).toBe('PROOF_POSITION');
    expect(await refused({ path: { ...path, siblings: path.siblings.slice(1) } })).toBe('PROOF_PATH');
    expect(await refused({ path: { ...path, siblings: [...path.siblings, path.siblings[0]!] } })).toBe('PROOF_PATH');
  });

  it('when its certificate is of another commit, or proves nothing', async () => {
    const { certificate } = proof;
    expect(await refused({ certificate: (await signedProof(0, 2)).certificate })).toBe('PROOF_ROOT');
    const two = { ...certificate, entries: certificate.entries.slice(1) };
    expect(await refused({ certificate: two })).toBe('CERTIFICATE_STAKE');
    expect(await refused({ certificate: { ...certificate, commits: [] } })).toBe('CERTIFICATE_EMPTY');
    expect(await refused({}, () => false)).toBe('CERTIFICATE_SIGNATURE');
  });

  it('by whoever trusts another genesis document', async () => {
    const other = committeeOf(kernels, makeGenesis({ publicKeys, seed: 2 }));
    expect(await codeOfAsync(() => verifyProof(kernels, other, proof, verify))).toBe('CERTIFICATE_CHAIN');
  });
});

describe('the encoding of a proof', () => {
  const names = <Name extends string>(table: Record<Name, number>) =>
    fc.constantFrom(...(Object.keys(table) as Name[]));
  const u32 = fc.nat(0xffff_ffff);
  const proofArb: fc.Arbitrary<ProposalProof> = fc.record({
    certificate: certificateArb,
    decided: fc.record({
      id: bytes32 as fc.Arbitrary<never>,
      decision: names(DECISION),
      reason: names(REASON),
      confidence: fc.nat(10_000),
      receipt: u32,
    }),
    path: fc.record({ position: u32, count: u32, siblings: fc.array(bytes32, { maxLength: MAX_PATH_SIBLINGS }) }),
  });

  it('is that of @chainsafe/ssz, and decodes to what was encoded', () => {
    const property = fc.property(proofArb, (value) => {
      expect(toHex(encodeProof(value))).toBe(toHex(ProofSsz.serialize(proofValue(value))));
      expect(decodeProof(encodeProof(value))).toEqual(value);
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('begins with another number than that of a certificate', () => {
    const bytes = encodeProof(proof);
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(PROOF_FIXED_BYTES);
    expect(codeOf(() => decodeCertificate(bytes))).toBe('SSZ_OFFSET');
  });

  it('has no second form: every truncation and every changed byte is refused, or another proof', () => {
    const small = { ...proof, certificate: { ...proof.certificate, entries: [] } };
    const codes = new Set<string | undefined>();
    for (const bytes of mutations(encodeProof(small))) codes.add(refusedOrCanonical(bytes, decodeProof, encodeProof));
    for (const code of ['SSZ_TRUNCATED', 'SSZ_OFFSET', 'SSZ_TRAILING', 'LEAF_DECISION', 'LEAF_REASON', undefined])
      expect(codes).toContain(code);
  });

  it('refuses more siblings than any tree has', () => {
    const siblings = Array<Uint8Array>(MAX_PATH_SIBLINGS + 1).fill(new Uint8Array(32));
    const long = { ...proof, path: { ...proof.path, siblings } };
    expect(codeOf(() => encodeProof(long))).toBe('SSZ_LIMIT');
    expect(codeOf(() => decodeProof(ProofSsz.serialize(proofValue(long))))).toBe('SSZ_LIMIT');
  });

  it('refuses a decision and a reason that mean nothing', () => {
    const leaf = decisionLeaf(proof.decided, proof.decided.receipt);
    const changed = (at: number, value: number) => leaf.map((byte, i) => (i === at ? value : byte));
    expect(decodeDecisionLeaf(leaf)).toEqual(proof.decided);
    for (const value of [0, 5, 255]) expect(codeOf(() => decodeDecisionLeaf(changed(32, value)))).toBe('LEAF_DECISION');
    for (const value of [6, 255]) expect(codeOf(() => decodeDecisionLeaf(changed(33, value)))).toBe('LEAF_REASON');
    expect(codeOf(() => decodeDecisionLeaf(leaf.slice(1)))).toBe('SSZ_TRUNCATED');
    expect(codeOf(() => decodeDecisionLeaf(Uint8Array.of(...leaf, 0)))).toBe('SSZ_TRAILING');
  });
});
