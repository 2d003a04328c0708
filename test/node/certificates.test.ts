import { describe, expect, it } from 'vitest';
import { decodeCertificate } from '../../src/core/certificate.ts';
import { encodeCommit } from '../../src/core/commit.ts';
import type { Certificate, CommitIndex } from '../../src/core/types.ts';
import { Certificates } from '../../src/node/certificates.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommit, makeCommittee } from '../support/chain.ts';
import { ManualClock } from './manual-clock.ts';
import { temporaryStore } from './temporary.ts';

const committee = makeCommittee(loadKernels());

function certified(index: number): { index: CommitIndex; certificate: Certificate } {
  return { index: index as CommitIndex, certificate: { commits: [makeCommit(committee, index)], entries: [] } };
}

async function setUp(commits: number) {
  const store = await temporaryStore();
  for (let index = 1; index <= commits; index++) {
    const commit = encodeCommit(makeCommit(committee, index));
    store.addCommit({ index, leaderRound: index, commit, refs: new Uint8Array(0), decisions: [] });
  }
  const clock = new ManualClock();
  return { store, clock, certificates: new Certificates(store, clock) };
}

const indexesOf = (certificate: Certificate | undefined) => certificate?.commits.map(({ index }) => index);

describe('the certificates of a node', () => {
  it('proves every commit up to the newest certified one, most without a certificate of their own on disk', async () => {
    const { store, certificates } = await setUp(120);
    for (let index = 1; index <= 120; index++) certificates.add(certified(index));
    for (let index = 1; index <= 120; index++) expect(indexesOf(certificates.of(index))?.[0]).toBe(index);
    expect(indexesOf(certificates.of(99))).toEqual([99, 100]);
    expect(indexesOf(certificates.of(118))).toEqual([118, 119, 120]);
    expect(certificates.of(121)).toBeUndefined();
    const stored = Array.from({ length: 120 }, (_, i) => store.certificate(i + 1)?.index);
    expect([...new Set(stored)]).toEqual([50, 100, undefined]);
  });

  it('brings the newest one to the store when it is told to, and within a second of silence', async () => {
    const { store, clock, certificates } = await setUp(5);
    certificates.add(certified(3));
    expect(store.certificate(1)).toBeUndefined();
    clock.advance(1000);
    expect(store.certificate(1)?.index).toBe(3);
    certificates.add(certified(5));
    certificates.store();
    expect(store.certificate(4)?.index).toBe(5);
    expect(clock.pending).toBe(0);
    expect(new Certificates(store, clock).newestIndex).toBe(5);
  });

  it('takes no older one over a newer one', async () => {
    const { certificates } = await setUp(5);
    certificates.add(certified(5));
    certificates.add(certified(4));
    expect(certificates.newestIndex).toBe(5);
    expect(indexesOf(decodeCertificate(certificates.newestBytes()))).toEqual([5]);
  });
});
