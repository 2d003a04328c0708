import { describe, expect, test } from 'vitest';
import { digestKey } from '../../src/core/block.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee, makeProposals } from '../support/chain.ts';
import { Net, type NetNode } from '../support/net.ts';
import { makeUpgrade } from '../support/upgrades.ts';

const kernels = loadKernels();
const genesis = makeCommittee(kernels);
const upgrade = makeUpgrade(kernels, genesis, { stakes: [{ author: 1, stake: 2 }] });

function network(...numbers: readonly number[]): Net {
  const net = new Net(kernels, genesis);
  net.start(...numbers);
  return net;
}
const someProposal = (net: Net, seed: number) => makeProposals(kernels, 1, seed, net.nowMs + 30_000)[0]!;
const epochOf = (node: NetNode) => node.core.status().epoch;
const closingOf = ({ commits }: NetNode) =>
  commits.find(({ commit }) => digestKey(commit.committeeHash) !== digestKey(commit.nextCommitteeHash));
const lists = (block: NetNode['sealed'][number], index: number | undefined) =>
  block.header.commitVotes.some((vote) => vote.index === index);

describe('between the last commit of an epoch and its certificate', () => {
  test('what clients bring waits for the next epoch', () => {
    const net = network(0, 1, 2, 3);
    const brought = new Map<NetNode, IdentifiedProposal>();
    const before = new Map<NetNode, number>();
    // A client comes to each of them as soon as it has executed that commit.
    net.lost = (_from, to) => {
      if (!closingOf(to) || brought.has(to)) return false;
      brought.set(to, someProposal(net, 10 + to.number));
      before.set(to, to.sealed.length);
      to.submit(brought.get(to)!);
      return false;
    };
    net.node(0).submit(upgrade);
    net.pass(5_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    expect(brought.size).toBe(4);
    const later = net.nodes.flatMap((node) => node.sealed.slice(before.get(node)));
    const old = later.filter(({ header }) => header.epoch === 0);
    expect(old.length).toBeGreaterThan(0);
    expect(old.every(({ proposals }) => proposals.length === 0)).toBe(true);
    for (const proposal of brought.values()) expect(net.node(0).decisionOn(proposal)).toBe('APPROVED');
  });

  test('what is out and not opened goes out again in the next epoch', () => {
    const net = network(0, 1, 2, 3);
    const brought: IdentifiedProposal[] = [];
    net.node(0).submit(upgrade);
    // Something new with every message: some of it is in blocks that no commit of the epoch orders.
    net.lost = (_from, to) => {
      if (epochOf(to) > 0 || brought.length === 100) return false;
      const proposal = someProposal(net, 100 + brought.length);
      brought.push(proposal);
      to.submit(proposal);
      return false;
    };
    net.pass(10_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    const said = brought.map((proposal) => net.node(0).decisionOn(proposal));
    expect(said).not.toContain(undefined);
    expect(said).toContain('APPROVED');
    expect(net.nodes.map(({ core }) => core.status().mempool)).toEqual([0, 0, 0, 0]);
  });

  test('nobody makes blocks to pass the time, whatever waits, while one of a quorum executes slowly', () => {
    const net = network(0, 1, 2);
    const slow = net.node(2);
    const step = slow.core.step.bind(slow.core);
    const isLast = ({ id }: IdentifiedProposal) => digestKey(id) === digestKey(upgrade.id);
    slow.core.step = (nowMs, input) =>
      step(nowMs, input).filter((output) => output.type !== 'execute' || !output.execution.proposals.some(isLast));
    net.node(0).submit(upgrade);
    net.pass(3_000);
    expect([0, 1].map((i) => closingOf(net.node(i)) === undefined)).toEqual([false, false]);
    net.node(0).submit(someProposal(net, 20));
    net.node(1).submit(someProposal(net, 21));
    net.pass(1_000);
    const sealed = net.nodes.map((node) => node.sealed.length);
    net.pass(20_000);
    expect(net.nodes.map((node) => node.sealed.length)).toEqual(sealed);
    expect([0, 1, 2].map((i) => epochOf(net.node(i)))).toEqual([0, 0, 0]);
  });

  test('a validator that said its part and hears nothing more asks by itself how the epoch ended', () => {
    const net = network(0, 1, 2, 3);
    const deaf = net.node(2);
    net.lost = (_from, to) => to === deaf && deaf.sealed.some((block) => lists(block, closingOf(deaf)?.commit.index));
    net.node(0).submit(upgrade);
    net.pass(5_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 0, 1]);
    net.lost = () => false;
    net.pass(5_000);
    expect(epochOf(deaf)).toBe(1);
  });
});

describe('after the last commit of an epoch', () => {
  test('a validator that comes late to the next one begins with its first round all the same', () => {
    const net = network(0, 1, 2, 3);
    const late = net.node(2);
    net.lost = (_from, to) => to === late && late.sealed.some((block) => lists(block, closingOf(late)?.commit.index));
    net.node(0).submit(upgrade);
    net.pass(3_000);
    const roundOf = (node: NetNode) => node.core.status().highestRound;
    for (let seed = 40; roundOf(net.node(0)) < 10; seed++) {
      net.node(0).submit(someProposal(net, seed));
      net.pass(100);
    }
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 0, 1]);
    net.lost = () => false;
    net.node(0).submit(someProposal(net, 39));
    net.pass(5_000);
    expect(late.eventsOf('synced')).toEqual([]);
    const rounds = late.sealed.filter(({ header }) => header.epoch === 1).map(({ ref }) => ref.round as number);
    expect(rounds.length).toBeGreaterThan(10);
    expect(rounds).toEqual(rounds.map((_, i) => i + 1));
  });

  test.each([
    ['the same epoch', 0, 'COMMIT_AFTER_CLOSING'],
    ['an epoch after the next one', 2, 'REPLAY_EPOCH'],
  ])('a stored commit that claims to be of %s is refused', (_, epoch, code) => {
    const net = network(0, 1, 2, 3);
    net.node(0).submit(upgrade);
    net.pass(3_000);
    net.node(0).submit(someProposal(net, 30));
    net.pass(3_000);
    const node = net.node(3);
    node.stop();
    const at = closingOf(node)!.commit.index as number;
    const next = node.commits[at]!;
    expect(next.commit.epoch).toBe(1);
    node.commits[at] = { ...next, commit: { ...next.commit, epoch } };
    expect(() => node.start()).toThrow(expect.objectContaining({ code }));
  });
});
