import { describe, expect, it } from 'vitest';
import { verifyEvidenceWithGenesis } from '../../src/cli/verify.ts';
import { HEADER_CONTEXT, signBlock } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import { decodeCertificate, verifyCertificate } from '../../src/core/certificate.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { encodeProposal } from '../../src/core/proposal.ts';
import type { SignedBlock } from '../../src/core/types.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import { verify } from '../../src/crypto/verify.ts';
import { Client } from '../../src/node/client.ts';
import { linkTo } from '../../src/node/client-link.ts';
import type { NodeEvent } from '../../src/node/events.ts';
import { EvidenceBook } from '../../src/node/evidence-book.ts';
import { homePaths } from '../../src/node/home.ts';
import { openStore } from '../../src/store/store.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeBlock } from '../support/chain.ts';
import { makeNetwork } from './network.ts';
import { seedOf } from './test-validator.ts';

const proposal = (body: readonly number[]): Uint8Array =>
  encodeProposal({
    version: 1,
    kind: 1,
    expiryMs: Date.now() + 20_000,
    sender: new Uint8Array(0),
    body: Uint8Array.from(body),
    signature: new Uint8Array(0),
  });

describe('a client of a real network over QZMQ', () => {
  it('sees its proposals decided and certified, with every phase, and verifies the certificate itself', async () => {
    const network = await makeNetwork(4);
    const committee = committeeOf(loadKernels(), network.genesis);
    const nodes = [await network.start(0), await network.start(1), await network.start(2), await network.start(3)];
    const client = await Client.connect({ connect: linkTo(nodes[0]!.address, committee) });
    const events: NodeEvent[] = [];
    await client.subscribe(['photon', 'wave', 'prism', 'horizon'], (event) => events.push(event));

    const followed = client.submit([proposal([1, 1]), proposal([0xff, 2]), proposal([3, 3])]);
    const certified = await Promise.all(followed.map((one) => one.certified));
    expect(certified.map(({ decision }) => decision.decision)).toEqual(['APPROVED', 'REJECTED', 'APPROVED']);
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['photon', 'wave', 'prism', 'horizon']));

    const index = certified[0]!.index;
    const bytes = await client.certificate(index);
    const shown = await verifyCertificate(loadKernels(), committee, decodeCertificate(bytes!), verify);
    expect(shown.index).toBe(index);
    expect(shown.stake).toBeGreaterThanOrEqual(committee.quorum);
    expect(await client.certificate(1_000_000)).toBeNull();

    // All that were decided in one commit, from any node; checked with the genesis document alone.
    const verifier = new Verifier(loadKernels(), network.genesis);
    for (const { id, index, decision } of certified) {
      const expected = { decision: decision.decision, confidence: decision.confidence, receipt: decision.receipt };
      const proof = await client.proof(id);
      const verified = await verifier.verifyProof(proof!, toHex(id));
      expect(verified).toMatchObject({ commit: { index }, decision: expected });
      await expect(verifier.verifyProof(proof!, '00'.repeat(32))).rejects.toMatchObject({ code: 'PROOF_ID' });
    }
    expect(await client.proof(new Uint8Array(32))).toBeNull();

    expect(await client.decision(certified[1]!.id)).toMatchObject({ state: 'certified', index: certified[1]!.index });
    expect(await client.decision(new Uint8Array(32))).toEqual({ state: 'unknown' });
    expect(await client.status()).toMatchObject({ validator: 0, validators: 4, ready: true });
    expect((await client.stats()).proposalsDecided.APPROVED).toBe(2);
    await client.close();
  });

  it('hears who signed two blocks of one round, and shows it with the genesis document alone', async () => {
    const network = await makeNetwork(1);
    const kernels = loadKernels();
    const committee = committeeOf(kernels, network.genesis);
    const { signing } = identityFromSeed(seedOf(0));
    const twins: SignedBlock[] = [];
    for (const timestampMs of [1, 2]) {
      const block = makeBlock(kernels, committee, 5, 0, { timestampMs });
      twins.push(signBlock(block, await signing.sign(block.ref.digest, HEADER_CONTEXT)));
    }
    const store = await openStore(homePaths(network.homes[0]!).data);
    new EvidenceBook(kernels, store).add(twins[0] as never, twins[1] as never);
    await store.close();
    const node = await network.start(0);
    const client = await Client.connect({ connect: linkTo(node.address, committee) });
    const evidence = await client.evidence();
    expect(evidence).toHaveLength(1);
    const shown = { verified: true, epoch: 0, round: 5, signer: { index: 0, name: 'validator-0' } };
    expect(await verifyEvidenceWithGenesis(evidence[0]!, network.genesis)).toMatchObject(shown);
    const bent = Uint8Array.from(evidence[0]!, (byte, at) => (at === evidence[0]!.length - 1 ? byte ^ 1 : byte));
    expect(await verifyEvidenceWithGenesis(bent, network.genesis)).toMatchObject({ code: 'EVIDENCE_SIGNATURE' });
    expect(await verifyEvidenceWithGenesis(Uint8Array.of(1), network.genesis)).toMatchObject({ verified: false });
    await client.close();
  });

  it('refuses what is rubbish, too big or too late with a code, and goes on serving', async () => {
    const network = await makeNetwork(1);
    const node = await network.start(0);
    const client = await Client.connect({ connect: linkTo(node.address, committeeOf(loadKernels(), network.genesis)) });
    const codeOf = (bytes: Uint8Array): Promise<unknown> =>
      client.submit([bytes])[0]!.certified.catch((error: { code: unknown }) => error.code);
    expect(await codeOf(Uint8Array.of(1, 2, 3))).toMatch(/^SSZ_/);
    expect(await codeOf(new Uint8Array(20_000))).toBe('CLIENT_PROPOSAL_BIG');
    const late = encodeProposal({
      version: 1,
      kind: 1,
      expiryMs: 1,
      sender: new Uint8Array(0),
      body: Uint8Array.of(1),
      signature: new Uint8Array(0),
    });
    expect(await codeOf(late)).toBe('PROPOSAL_EXPIRED');
    expect(await codeOf(proposal([5]))).toMatchObject({ decision: { decision: 'APPROVED' } });
    await client.close();
  });

  it('gets its decisions over a restart of the node', async () => {
    const network = await makeNetwork(1);
    const first = await network.start(0);
    const committee = committeeOf(loadKernels(), network.genesis);
    let { address } = first;
    const problems: string[] = [];
    const client = await Client.connect({
      connect: (handlers) => linkTo(address, committee)(handlers),
      reconnect: true,
      onProblem: (error) => problems.push(error.code),
    });
    const followed = client.submit([proposal([7])]);
    await followed[0]!.acknowledged;
    await first.stop();
    address = (await network.start(0)).address;
    expect((await followed[0]!.certified).decision.decision).toBe('APPROVED');
    const next = client.submit([proposal([8])]);
    expect((await next[0]!.certified).decision.decision).toBe('APPROVED');
    await client.close();
  });
});
