import { expect, test } from 'vitest';
import { decodeCertificate, verifyCertificate } from '../../src/core/certificate.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { verify } from '../../src/crypto/verify.ts';
import type { Node } from '../../src/node/node.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { certified, makeNetwork, submit, type TestNetwork } from './network.ts';
import { proposalOf } from './test-validator.ts';

const kernels = loadKernels();

/** Everybody holds the same commits up to the lowest newest one. */
function expectAgreement(nodes: readonly Node[], network: TestNetwork): void {
  const executed = network.applications.map((application) => application.executed.join());
  const longest = executed.reduce((a, b) => (a.length >= b.length ? a : b));
  for (const order of executed) expect(longest.startsWith(order)).toBe(true);
  for (const node of nodes) expect(node.stats().equivocations).toBe(0);
}

test('four nodes decide proposals of their clients by what their models say', async () => {
  const network = await makeNetwork(4);
  const nodes = await network.startAll(0, 1, 2, 3);
  const ids = await submit(nodes[1]!, [proposalOf(1), proposalOf(0xff, 2), proposalOf(3)]);
  const decided = await certified(nodes[1]!, ids);
  expect(decided.map(({ decision }) => decision)).toEqual(['APPROVED', 'REJECTED', 'APPROVED']);
  const answer = nodes[1]!.answer(ids[0]!);
  expect(answer.state).toBe('certified');
  // What one node took is known to all of them, and proven to whoever holds the genesis document.
  await certified(nodes[3]!, ids);
  const certificate = decodeCertificate(nodes[3]!.certificate('index' in answer ? answer.index : 0));
  const committee = committeeOf(kernels, network.genesis);
  const proven = await verifyCertificate(kernels, committee, certificate, verify);
  expect(proven.signers.length).toBeGreaterThanOrEqual(3);
  expect(nodes[1]!.status()).toMatchObject({ validator: 1, validators: 4, ready: true });
  expectAgreement(nodes, network);
});

test('the network is silent when nothing is left to decide', async () => {
  const network = await makeNetwork(4);
  const nodes = await network.startAll(0, 1, 2, 3);
  await certified(nodes[0]!, await submit(nodes[0]!, [proposalOf(1)]));
  let rounds = -1;
  while (rounds !== nodes[0]!.status().round) {
    rounds = nodes[0]!.status().round;
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  expect(rounds).toBeLessThan(40);
});

test('a node that was stopped replays what it has and catches up with the rest', async () => {
  const network = await makeNetwork(4);
  const nodes = await network.startAll(0, 1, 2, 3);
  await certified(nodes[2]!, await submit(nodes[2]!, [proposalOf(1), proposalOf(2)]));
  await nodes[2]!.stop();
  expect(await nodes[2]!.exited).toBe(0);
  const missed = await submit(nodes[0]!, [proposalOf(3), proposalOf(4)]);
  await certified(nodes[0]!, missed);
  const again = await network.start(2);
  expect(network.applications[2]!.executed.toSorted()).toEqual(['01', '02']);
  await certified(again, missed);
  expect(network.applications[2]!.executed).toEqual(network.applications[0]!.executed);
  const decided = await certified(again, await submit(again, [proposalOf(5)]));
  expect(decided[0]!.decision).toBe('APPROVED');
  expectAgreement([nodes[0]!, nodes[1]!, again, nodes[3]!], network);
});

test('with two of four gone nothing is finalized; with one of them back it goes on by itself', async () => {
  const network = await makeNetwork(4);
  const [first] = await network.startAll(0, 1);
  const victims = [await network.spawn(2), await network.spawn(3)];
  await certified(first!, await submit(first!, [proposalOf(1)]));
  for (const victim of victims) await victim.kill();
  const waiting = await submit(first!, [proposalOf(2), proposalOf(0xff, 3)]);
  let early = 0;
  void certified(first!, waiting).then(() => early++);
  const { commitIndex } = first!.stats();
  // Several leader timeouts: whatever two of four can do on their own is done by then.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(early).toBe(0);
  expect(first!.stats().commitIndex).toBeLessThanOrEqual(commitIndex + 3);
  const back = await network.start(3);
  const decided = await certified(back, waiting);
  expect(decided.map(({ decision }) => decision)).toEqual(['APPROVED', 'REJECTED']);
});

test('what a killed node acknowledged is decided after its restart', async () => {
  const network = await makeNetwork(4);
  const lone = await network.spawn(0);
  // Alone it can decide nothing: all that is left of these proposals is its log.
  const ids = await lone.submit([proposalOf(7), proposalOf(0xff, 8)]);
  expect(ids).toHaveLength(2);
  await lone.kill();
  const nodes = await network.startAll(0, 1, 2, 3);
  const decided = await certified(nodes[0]!, ids);
  expect(decided.map(({ decision }) => decision)).toEqual(['APPROVED', 'REJECTED']);
});

test('a node killed again and again while it works never signs twice, and loses nothing it took', async () => {
  const network = await makeNetwork(4);
  const others = await network.startAll(1, 2, 3);
  for (let life = 0; life < 4; life++) {
    const victim = await network.spawn(0);
    const taken: Awaited<ReturnType<typeof victim.submit>> = [];
    for (let i = 0; i < 6; i++) {
      taken.push(...(await victim.submit([proposalOf(life, i)])));
      await submit(others[i % 3]!, [proposalOf(0xfe, life, i)]);
    }
    await victim.kill();
    const heir = life < 3 ? await network.spawn(0) : await network.start(0);
    await certified(others[0]!, taken);
    if ('kill' in heir) await heir.kill();
  }
  expectAgreement(others, network);
});
