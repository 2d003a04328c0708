import { beforeAll, describe, expect, it } from 'vitest';
import { verifyWithGenesis } from '../../src/cli/verify.ts';
import { toHex } from '../../src/core/bytes.ts';
import { encodeCertificate } from '../../src/core/certificate.ts';
import { encodeProof } from '../../src/core/proof.ts';
import type { Certificate } from '../../src/core/types.ts';
import { makeGenesis } from '../support/chain.ts';
import { certify, signedGenesis as genesis, publicKeys, signedProof } from '../support/signed.ts';

describe('pq verify', () => {
  let certificate: Certificate;
  let bytes: Uint8Array;
  const codeFor = async (file: Uint8Array, document: unknown = genesis): Promise<string> => {
    const report = await verifyWithGenesis(file, document);
    return report.verified ? 'VERIFIED' : report.code;
  };

  beforeAll(async () => {
    certificate = await certify([0, 1, 3]);
    bytes = encodeCertificate(certificate);
  });

  it('says what a certificate proves', async () => {
    const report = await verifyWithGenesis(bytes, genesis);
    expect(report).toMatchObject({
      verified: true,
      commit: { index: 7 },
      stake: 3,
      quorum: 3,
      totalStake: 4,
      chainName: 'test',
    });
    expect(report.verified && report.signers.map((signer) => signer.name)).toEqual([
      'validator-0',
      'validator-1',
      'validator-3',
    ]);
  });

  it('reads hex and JSON too', async () => {
    const hex = Buffer.from(bytes).toString('hex');
    expect(await codeFor(Buffer.from(`${hex}\n`))).toBe('VERIFIED');
    expect(await codeFor(Buffer.from(hex.toUpperCase().replace(/(.{64})/g, '$1\n')))).toBe('VERIFIED');
    expect(await codeFor(Buffer.from(JSON.stringify({ index: 7, certificate: hex })))).toBe('VERIFIED');
    expect(await codeFor(Buffer.from('{"index":7}'))).toBe('CERTIFICATE_FILE');
    expect(await codeFor(Buffer.from('{'))).toBe('CERTIFICATE_FILE');
    expect(await codeFor(Buffer.from(hex.slice(1)))).toBe('CERTIFICATE_FILE');
  });

  it('refuses one flipped bit in every part of it', async () => {
    const step = 97;
    for (let at = 0; at < bytes.length; at += step) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      expect(await codeFor(flipped), `byte ${at}`).toMatch(/^(?:CERTIFICATE|SSZ)_/);
    }
  });

  it('refuses a signature that is another one', async () => {
    const [first, ...others] = certificate.entries;
    const signature = Uint8Array.from(first!.signature);
    signature[100]! ^= 1;
    expect(await codeFor(encodeCertificate({ ...certificate, entries: [{ ...first!, signature }, ...others] }))).toBe(
      'CERTIFICATE_SIGNATURE',
    );
  });

  it('refuses one signer too few, a signer twice, and another network', async () => {
    const { entries } = certificate;
    expect(await codeFor(encodeCertificate({ ...certificate, entries: entries.slice(0, 2) }))).toBe(
      'CERTIFICATE_STAKE',
    );
    const twice = [entries[0]!, entries[0]!, entries[1]!];
    expect(await codeFor(encodeCertificate({ ...certificate, entries: twice }))).toBe('CERTIFICATE_SIGNER_DUPLICATE');
    expect(await codeFor(bytes, { ...genesis, chainName: 'another' })).toBe('CERTIFICATE_CHAIN');
    expect(await codeFor(bytes, makeGenesis({ publicKeys, stakes: [1, 1, 1, 2] }))).toBe('CERTIFICATE_CHAIN');
  });

  it('says what a proof shows, tells it from a certificate, and holds it to the proposal that is meant', async () => {
    const proof = await signedProof(4, 11);
    const file = encodeProof(proof);
    const id = toHex(proof.decided.id);
    const shown = { verified: true, commit: { index: 7 }, decision: { id, decision: 'APPROVED', reason: 'QUORUM' } };
    expect(await verifyWithGenesis(file, genesis)).toMatchObject(shown);
    expect(await verifyWithGenesis(file, genesis, { id: id.toUpperCase() })).toMatchObject(shown);
    expect(await codeFor(Buffer.from(toHex(file)))).toBe('VERIFIED');
    expect(await codeFor(Buffer.from(JSON.stringify({ proof: toHex(file) })))).toBe('VERIFIED');
    expect(await verifyWithGenesis(file, genesis, { id: '00'.repeat(32) })).toMatchObject({ code: 'PROOF_ID' });
    expect(await verifyWithGenesis(bytes, genesis, { id })).toMatchObject({ code: 'SSZ_OFFSET' });
    for (let at = 0; at < file.length; at += 89) {
      const flipped = Uint8Array.from(file);
      flipped[at]! ^= 1 << (at % 8);
      expect(await codeFor(flipped), `byte ${at}`).toMatch(/^(?:PROOF|LEAF|CERTIFICATE|SSZ)_/);
    }
  });

  it('refuses rubbish, and nothing at all', async () => {
    expect(await codeFor(new Uint8Array(0))).toMatch(/^SSZ_/);
    expect(await codeFor(new Uint8Array(1000).fill(0xff))).toMatch(/^SSZ_/);
    expect(await codeFor(Buffer.from('hello'))).toMatch(/^SSZ_/);
  });

  it('does not guess at a genesis document', async () => {
    await expect(verifyWithGenesis(bytes, { ...genesis, extra: 1 })).rejects.toMatchObject({ code: 'GENESIS_FIELD' });
    await expect(verifyWithGenesis(bytes, null)).rejects.toMatchObject({ code: 'GENESIS_FIELD' });
  });
});
