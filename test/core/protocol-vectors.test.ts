import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeBlock } from '../../src/core/block.ts';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { checkCertificate, decodeCertificate } from '../../src/core/certificate.ts';
import { commitDigest, decodeCommit } from '../../src/core/commit.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { parseGenesis } from '../../src/core/genesis.ts';
import { identifyProposal } from '../../src/core/proposal.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { hashing } from '../support/hashing.ts';
import { protocolVectors } from '../support/protocol-vectors.ts';

const vectors: ReturnType<typeof protocolVectors> = JSON.parse(
  readFileSync(new URL('protocol-vectors.json', import.meta.url), 'utf8'),
);

describe('protocol-vectors.json', () => {
  it('is what this implementation makes, with the core and with OpenSSL for hashing', () => {
    expect(JSON.parse(JSON.stringify(protocolVectors(loadKernels())))).toEqual(vectors);
    expect(JSON.parse(JSON.stringify(protocolVectors(hashing)))).toEqual(vectors);
  });

  it('is read back to the digests that it names', () => {
    const committee = committeeOf(hashing, parseGenesis(JSON.parse(vectors.genesis.canonicalJson)));
    expect(toHex(committee.chainId)).toBe(vectors.genesis.chainId);
    for (const { bytes, digest } of vectors.blocks) {
      expect(toHex(decodeBlock(hashing, fromHex(bytes)).ref.digest)).toBe(digest);
    }
    expect(toHex(identifyProposal(hashing, fromHex(vectors.proposal.bytes)).id)).toBe(vectors.proposal.id);
    const commit = decodeCommit(fromHex(vectors.commit.bytes));
    expect(toHex(commitDigest(hashing, commit))).toBe(vectors.commit.digest);
    const certificate = decodeCertificate(fromHex(vectors.certificate.bytes));
    expect(checkCertificate(hashing, committee, certificate).stake).toBe(vectors.certificate.stake);
  });
});
