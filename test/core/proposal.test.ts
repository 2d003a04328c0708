import { describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src/core/bytes.ts';
import { MAX_BODY_BYTES, MAX_PROPOSAL_BYTES, MAX_PROPOSAL_SIGNATURE_BYTES } from '../../src/core/limits.ts';
import { decodeProposal, encodeProposal, identifyProposal, identifyProposals } from '../../src/core/proposal.ts';
import type { Proposal } from '../../src/core/types.ts';
import { hashing } from '../support/hashing.ts';
import { codeOf } from '../support/hostile.ts';

const proposal: Proposal = {
  version: 1,
  kind: 2,
  expiryMs: 3,
  sender: Uint8Array.of(1),
  body: Uint8Array.of(2, 3),
  signature: new Uint8Array(0),
};

describe('proposals', () => {
  it('are named by the hash of their bytes under their own domain', () => {
    const bytes = encodeProposal(proposal);
    const identified = identifyProposal(hashing, bytes);
    expect(identified.id).toEqual(hashing.sha3_256(concatBytes(utf8('pq/proposal/1'), bytes)));
    expect(identified.proposal).toEqual(proposal);
    expect(identifyProposals(hashing, [bytes, bytes])).toEqual([identified, identified]);
  });

  it('have no second encoding', () => {
    const bytes = encodeProposal(proposal);
    expect(codeOf(() => decodeProposal(concatBytes(Uint8Array.of(0), bytes)))).toMatch(/^SSZ_/);
    const shifted = bytes.slice();
    shifted[11] = 24;
    expect(codeOf(() => decodeProposal(shifted))).toBe('SSZ_OFFSET');
    expect(codeOf(() => identifyProposals(hashing, [bytes, bytes.subarray(0, 22)]))).toBe('SSZ_TRUNCATED');
  });

  it.each([
    ['sender', 65],
    ['body', MAX_BODY_BYTES + 1],
    ['signature', MAX_PROPOSAL_SIGNATURE_BYTES + 1],
  ])('are refused with a %s of %i bytes, at both ends', (field, size) => {
    expect(codeOf(() => encodeProposal({ ...proposal, [field]: new Uint8Array(size) }))).toBe('SSZ_LIMIT');
    const [senderAt, bodyAt, signatureAt] = [11, 15, 19];
    const bytes = concatBytes(encodeProposal(proposal).subarray(0, 23), new Uint8Array(size));
    const view = new DataView(bytes.buffer);
    view.setUint32(senderAt, 23, true);
    view.setUint32(bodyAt, field === 'sender' ? 23 + size : 23, true);
    view.setUint32(signatureAt, field === 'signature' ? 23 : 23 + size, true);
    expect(codeOf(() => decodeProposal(bytes))).toBe('SSZ_LIMIT');
  });

  it('fit MAX_PROPOSAL_BYTES when every part is as long as it may be', () => {
    const largest = encodeProposal({
      ...proposal,
      sender: new Uint8Array(64),
      body: new Uint8Array(MAX_BODY_BYTES),
      signature: new Uint8Array(MAX_PROPOSAL_SIGNATURE_BYTES),
    });
    expect(largest.length).toBeLessThanOrEqual(MAX_PROPOSAL_BYTES);
    expect(decodeProposal(largest).body.length).toBe(MAX_BODY_BYTES);
  });
});
