import { describe, expect, test } from 'vitest';
import { digestKey } from '../../src/core/block.ts';
import type { Message } from '../../src/core/messages.ts';
import type { IdentifiedProposal } from '../../src/core/types.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { makeCommittee, makeProposals } from '../support/chain.ts';
import { Net, type NetNode, type NetOptions } from '../support/net.ts';
import { makeJoin, makeKeys, makeUpgrade } from '../support/upgrades.ts';

const kernels = loadKernels();
const genesis = makeCommittee(kernels);
const ALL = [0, 1, 2, 3];

function network(options: NetOptions = {}, numbers: readonly number[] = ALL): Net {
  const net = new Net(kernels, genesis, options);
  net.start(...numbers);
  return net;
}

/** More stake for validator 1: with 0 and 3 it is a quorum, however often. */
const stakes = (epoch = 0, stake = 2 + epoch) =>
  makeUpgrade(kernels, { chainId: genesis.chainId, epoch }, { stakes: [{ author: 1, stake }] });
const someProposal = (seed = 1, net?: Net) =>
  makeProposals(kernels, 1, seed, (net?.nowMs ?? genesis.genesisTimeMs) + 30_000)[0]!;

/** Lets the network approve an upgrade; everybody who is up is then in the epoch after it. */
function change(net: Net, upgrade: IdentifiedProposal = stakes()): void {
  const first = net.nodes.find(({ up }) => up)!;
  const epoch = first.core.status().epoch;
  first.submit(upgrade);
  net.pass(3_000);
  for (const node of net.nodes.filter(({ up }) => up)) expect(node.core.status().epoch).toBe(epoch + 1);
}

/** Everybody who is up decides on a new proposal, and alike. */
function expectLife(net: Net, seed = 77, by = net.nodes.find(({ up }) => up)!): void {
  const proposal = someProposal(seed, net);
  by.submit(proposal);
  net.pass(3_000);
  const up = net.nodes.filter((node) => node.up);
  for (const node of up) expect([node.number, node.decisionOn(proposal)]).toEqual([node.number, 'APPROVED']);
  const last = Math.min(...up.map(({ commits }) => commits.length));
  expect(new Set(up.map(({ commits }) => digestKey(commits[last - 1]!.digest))).size).toBe(1);
  for (const node of up) expect(node.eventsOf('alarm')).toEqual([]);
}

const epochOf = (node: NetNode) => node.core.status().epoch;
const closingOf = (node: NetNode) => node.commits.find(({ commit }) => commit.epoch === 0 && differs(commit))!;
const differs = (commit: NetNode['commits'][number]['commit']) =>
  digestKey(commit.committeeHash) !== digestKey(commit.nextCommitteeHash);

describe('an approved upgrade', () => {
  test('ends the epoch with its commit, and the next one goes on from there', () => {
    const net = network();
    const upgrade = stakes();
    net.node(0).submit(upgrade);
    net.pass(3_000);
    expectLife(net);
    const [node] = net.nodes as [NetNode];
    const { commit: last, digest, decisions } = closingOf(node);
    expect(decisions.map(({ id }) => id)).toEqual([upgrade.id]);
    const { committee } = node.core;
    expect(committee).toMatchObject({ epoch: 1, stakes: [1, 2, 1, 1], total: 5, faulty: 1, quorum: 4 });
    expect(committee.origin).toEqual({ index: last.index, digest, timestampMs: last.timestampMs });
    expect(last.nextCommitteeHash).toEqual(committee.hash);
    for (const { commit } of node.commits.slice(0, last.index - 1)) {
      expect([commit.epoch, commit.nextCommitteeHash]).toEqual([0, genesis.hash]);
    }
    const first = node.commits[last.index]!;
    expect(first.commit).toMatchObject({ index: last.index + 1, previous: digest, epoch: 1 });
    expect(first.commit).toMatchObject({ committeeHash: committee.hash, nextCommitteeHash: committee.hash });
    expect(first.commit.timestampMs).toBeGreaterThanOrEqual(last.timestampMs);
    const rounds = node.sealed.filter(({ header }) => header.epoch === 1).map(({ ref }) => ref.round);
    expect(rounds.slice(0, 2)).toEqual([1, 2]);
    const opening = node.sealed.find(({ header }) => header.epoch === 1)!;
    expect(opening.header.parents).toEqual(expect.arrayContaining([...committee.genesisRefs]));
  });

  test('is certified by the old committee in headers of the old epoch, which carry no payload any more', () => {
    const net = network();
    change(net);
    const [node] = net.nodes as [NetNode];
    const { index } = closingOf(node).commit;
    const { commits, entries } = node.certificates.get(index)!;
    expect(commits.map((commit) => commit.index)).toEqual([index]);
    expect(entries.map(({ fields }) => fields.epoch)).toEqual([0, 0, 0, 0].slice(0, entries.length));
    expect(entries.length).toBeGreaterThanOrEqual(3);
    for (const { sealed } of net.nodes) {
      const after = sealed.filter(({ header }) => header.epoch === 0 && header.commitVotes.at(-1)?.index === index);
      expect(after.map(({ proposals }) => proposals.length)).toEqual([0]);
    }
  });

  test('begins no epoch before it is certified', () => {
    const net = network();
    // Nobody hears who executed the last commit.
    const isVote = (message: Message) =>
      message.kind === 'block' || message.kind === 'blockReply'
        ? net.nodes.some(({ core, sealed }) => {
            const { commitIndex } = core.status();
            return sealed.some(
              ({ bytes, header }) =>
                String(bytes.subarray(4_000)) === String(message.bytes.subarray(4_000)) &&
                commitIndex >= 1 &&
                header.commitVotes.some(({ index }) =>
                  net.nodes.some((node) => closingOf(node)?.commit.index === index),
                ),
            );
          })
        : false;
    net.lost = (_from, _to, message) => isVote(message);
    net.node(0).submit(stakes());
    net.pass(3_000);
    expect(net.nodes.map(epochOf)).toEqual([0, 0, 0, 0]);
    for (const node of net.nodes) expect(closingOf(node).commit.index).toBe(node.core.status().executedIndex);
    const [index] = net.nodes.map(({ core }) => core.status().commitIndex);
    net.lost = () => false;
    net.pass(10_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    expect(net.nodes.map((node) => closingOf(node).commit.index)).toEqual([index, index, index, index]);
    expectLife(net);
  });

  test('is the only one of its epoch', () => {
    const net = network();
    const rivals = [stakes(0, 5), stakes(0, 6), stakes(0, 7)];
    for (const [i, rival] of rivals.entries()) net.node(i).submit(rival);
    net.pass(3_000);
    const said = rivals.map((rival) => net.node(3).decisionOn(rival));
    expect(said.filter((each) => each === 'APPROVED')).toHaveLength(1);
    for (const each of said)
      expect(['APPROVED', 'CONFLICT CLAIMED', 'EXPIRED EPOCH', 'REJECTED MALFORMED']).toContain(each);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    const winner = 5 + said.indexOf('APPROVED');
    expect(net.node(0).core.committee.stakes[1]).toBe(winner);
  });

  test('that cannot be applied is rejected when it is opened, and ends nothing', () => {
    const net = network();
    const bad = [stakes(1), makeUpgrade(kernels, genesis, { leaves: [7] }), makeUpgrade(kernels, genesis, {})];
    net.node(1).submit(...bad);
    net.pass(3_000);
    for (const each of bad) expect(net.node(2).decisionOn(each)).toBe('REJECTED MALFORMED');
    expect(net.nodes.map(epochOf)).toEqual([0, 0, 0, 0]);
  });

  test('needs a quorum: what more than f reject changes nothing', () => {
    const upgrade = stakes();
    const net = network({ judge: ({ id }) => (digestKey(id) === digestKey(upgrade.id) ? 2 : 1) });
    net.node(0).submit(upgrade);
    net.pass(3_000);
    expect(net.node(3).decisionOn(upgrade)).toBe('REJECTED');
    expectLife(net);
    expect(net.nodes.map(epochOf)).toEqual([0, 0, 0, 0]);
  });

  test('lets what is open expire, and sends what was not opened in the next epoch', () => {
    const slow = makeProposals(kernels, 3, 5);
    const upgrade = stakes();
    // Nobody has an opinion on the slow ones before the epoch is over.
    const isSlow = ({ id }: IdentifiedProposal) => slow.some((other) => digestKey(other.id) === digestKey(id));
    const net = network({ judge: (proposal) => (isSlow(proposal) ? null : 1) });
    net.node(1).submit(slow[0]!);
    net.pass(5);
    net.node(0).submit(upgrade);
    net.pass(3_000);
    expect(net.nodes.map((node) => node.decisionOn(slow[0]!))).toEqual(new Array(4).fill('EXPIRED EPOCH'));
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    for (const node of net.nodes) {
      const { decisions } = closingOf(node);
      expect(decisions.map(({ decision, confidence }) => [decision, confidence])).toContainEqual(['EXPIRED', 0]);
    }
  });

  test('loses nothing that was submitted while it closed the epoch, and decides nothing twice', () => {
    const net = network();
    net.node(0).submit(stakes());
    const others: IdentifiedProposal[] = [];
    for (let i = 0; i < 30; i++) {
      const each = someProposal(100 + i, net);
      others.push(each);
      net.node(i % 4).submit(each);
      net.pass(i % 5);
    }
    net.pass(5_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    const said = others.map((each) => net.node(3).decisionOn(each));
    expect(new Set(said)).toEqual(
      new Set(said.includes('EXPIRED EPOCH') ? ['APPROVED', 'EXPIRED EPOCH'] : ['APPROVED']),
    );
    for (const node of net.nodes) {
      const ids = node.commits.flatMap(({ decisions }) => decisions.map(({ id }) => digestKey(id)));
      expect(new Set(ids).size).toBe(ids.length);
      expect(node.core.status().mempool).toBe(0);
    }
    // A replay of what was decided before the change gets no second decision after it.
    const before = net.node(0).commits.flatMap(({ decisions }) => decisions).length;
    for (const node of net.nodes) node.submit(others[0]!);
    net.pass(3_000);
    expect(net.node(0).commits.flatMap(({ decisions }) => decisions)).toHaveLength(before);
  });

  test('comes after another one, epoch after epoch, and then it is quiet', () => {
    const net = network();
    for (let epoch = 0; epoch < 4; epoch++) change(net, stakes(epoch));
    expect(net.node(0).core.committee.stakes).toEqual([1, 5, 1, 1]);
    expectLife(net);
    expect(net.nodes.map(({ wakeAtMs }) => wakeAtMs)).toEqual(new Array(4).fill(Number.POSITIVE_INFINITY));
  });
});

describe('a member', () => {
  test('that leaves signs no more and follows', () => {
    const net = network();
    change(net, makeUpgrade(kernels, genesis, { leaves: [1] }));
    const gone = net.node(1);
    expect(net.nodes.map(({ core }) => core.status().self)).toEqual([0, null, 1, 2]);
    const signed = gone.sealed.length;
    expectLife(net, 5, net.node(3));
    expect(gone.sealed).toHaveLength(signed);
    expect(gone.sealed.every(({ header }) => header.epoch === 0)).toBe(true);
    // Three of stake 1 tolerate none: all must vote, and do.
    expect(net.node(0).core.committee).toMatchObject({ size: 3, quorum: 3 });
  });

  test('that joins takes over the history and begins to sign', () => {
    const net = network();
    const joiner = net.add(makeKeys(1).publicKey);
    change(net, makeUpgrade(kernels, genesis, { joins: [makeJoin(1)] }));
    expectLife(net);
    joiner.start();
    net.pass(3_000);
    expect(joiner.core.status()).toMatchObject({ epoch: 1, self: 4 });
    expectLife(net, 6, joiner);
    expect(joiner.sealed.every(({ header }) => header.epoch === 1 && header.author === 4)).toBe(true);
    expect(joiner.sealed.length).toBeGreaterThan(0);
    expect(joiner.commits.map(({ digest }) => digest)).toEqual(net.node(0).commits.map(({ digest }) => digest));
  });

  test('with a new key comes back, and its old key signs no more', () => {
    const net = network();
    // Its disk is gone, and with it the record: it must not sign.
    net.node(2).stop();
    net.node(2).record = null;
    const keys = makeKeys(3);
    const fresh = net.add(keys.publicKey);
    const consent = new Uint8Array(3309);
    change(net, makeUpgrade(kernels, genesis, { rotations: [{ author: 2, ...keys, consent }] }));
    fresh.start();
    net.pass(3_000);
    expect(fresh.core.status()).toMatchObject({ epoch: 1, self: 2 });
    expectLife(net, 8, fresh);
    expect(fresh.sealed.length).toBeGreaterThan(0);
    expect(net.node(0).core.committee.validators[2]).toMatchObject({ name: 'validator-2', ...keys });
  });

  test('without a record does not sign in later epochs either', () => {
    const net = network({}, [0, 1, 3]);
    net.node(2).record = null;
    net.node(2).start();
    change(net);
    change(net, stakes(1));
    expectLife(net, 9);
    expect(net.node(2).sealed).toEqual([]);
    expect(net.node(2).core.status()).toMatchObject({ epoch: 2, self: 2 });
  });
});

describe('a validator that was away while the epoch changed', () => {
  test.each([0, 6, 40])('comes back after %i more decisions and follows', (decisions) => {
    const net = network({}, [0, 1, 3]);
    change(net);
    for (let i = 0; i < decisions; i++) {
      net.node(i % 2).submit(someProposal(200 + i, net));
      net.pass(40);
    }
    net.pass(2_000);
    net.node(2).start();
    net.pass(6_000);
    expect(epochOf(net.node(2))).toBe(1);
    expectLife(net, 300, net.node(2));
    expect(net.node(2).sealed.every(({ header }) => header.epoch === 1)).toBe(true);
  });

  test('follows over several epochs, and never signs in one that is over', () => {
    const net = network({}, [0, 1, 3]);
    for (let epoch = 0; epoch < 3; epoch++) change(net, stakes(epoch));
    net.node(2).start();
    net.pass(8_000);
    expect(epochOf(net.node(2))).toBe(3);
    expectLife(net, 301, net.node(2));
    expect(new Set(net.node(2).sealed.map(({ header }) => header.epoch))).toEqual(new Set([3]));
    expect(net.node(2).commits.map(({ digest }) => digest)).toEqual(net.node(0).commits.map(({ digest }) => digest));
  });

  test('hears of the new epoch by a lost session, by a block of it, or for its own old block', () => {
    for (const trigger of ['session', 'block', 'own'] as const) {
      const net = network();
      const late = net.node(2);
      net.lost = (from, to) => from === late || to === late;
      net.node(0).submit(stakes());
      net.pass(3_000);
      expect([0, 1, 3].map((i) => epochOf(net.node(i)))).toEqual([1, 1, 1]);
      expect(epochOf(late)).toBe(0);
      net.lost = () => false;
      if (trigger === 'session') net.connect(late, net.node(1));
      if (trigger === 'block') net.node(1).submit(someProposal(5, net));
      if (trigger === 'own') late.submit(someProposal(6, net));
      net.pass(6_000);
      expect([trigger, epochOf(late)]).toEqual([trigger, 1]);
      expectLife(net, 302, late);
    }
  });
});

describe('after a restart', () => {
  test('everybody is in the epoch it was in, and the network goes on', () => {
    const net = network();
    change(net);
    expectLife(net, 10);
    for (const node of net.nodes) node.stop();
    for (const node of net.nodes) node.start();
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    expectLife(net, 11);
    change(net, stakes(1));
    for (const node of net.nodes) node.stop();
    // Nothing of epoch 2 is stored: the certificate of the last commit of epoch 1 alone leads there.
    for (const node of net.nodes) node.start();
    expect(net.nodes.map(epochOf)).toEqual([2, 2, 2, 2]);
    expectLife(net, 12);
  });

  test('one that lost the last certificate before it was stored makes it again, or is told', () => {
    const net = network();
    change(net);
    const { index } = closingOf(net.node(0)).commit;
    for (const node of net.nodes) {
      node.stop();
      node.certificates.delete(index);
    }
    net.node(3).blocks.clear();
    net.node(3).commits.length = 0;
    net.start(...ALL);
    net.pass(5_000);
    expect(net.nodes.map(epochOf)).toEqual([1, 1, 1, 1]);
    expectLife(net, 13);
  });

  test('with a record of a later epoch than the store, a validator signs in that epoch again and in none before', () => {
    const net = network();
    change(net);
    expectLife(net, 14);
    const { record } = net.node(3);
    expect(record).toMatchObject({ epoch: 1 });
    net.node(3).stop();
    net.node(3).blocks.clear();
    net.node(3).commits.length = 0;
    net.node(3).certificates.clear();
    const signed = net.node(3).sealed.length;
    net.node(3).start();
    expect(epochOf(net.node(3))).toBe(0);
    net.pass(5_000);
    expectLife(net, 15, net.node(0));
    const later = net.node(3).sealed.slice(signed);
    expect(later.length).toBeGreaterThan(0);
    for (const { header } of later) expect(header.epoch).toBe(1);
    expect(later[0]!.ref.round).toBeGreaterThan(record!.round);
  });

  test('a store whose commits do not lead to the epoch of the next one is refused', () => {
    const net = network();
    change(net);
    expectLife(net, 16);
    net.node(3).stop();
    const { index } = closingOf(net.node(3)).commit;
    net.node(3).commits.splice(index - 1, 1);
    expect(() => net.node(3).start()).toThrow(expect.objectContaining({ code: 'REPLAY_EPOCH' }));
  });

  test('from a snapshot of a later epoch a node goes on without what led there', () => {
    const net = network({ local: { snapshotEvery: 2 } });
    for (let epoch = 0; epoch < 3; epoch++) change(net, stakes(epoch));
    for (let i = 0; i < 4; i++) expectLife(net, 20 + i);
    const node = net.node(3);
    const snapshot = node.snapshots.at(-1)!;
    expect(snapshot.commit.epoch).toBe(3);
    // The last commit of an epoch has none: nothing goes on from there.
    for (const { commit } of node.snapshots)
      expect(digestKey(commit.nextCommitteeHash)).toBe(digestKey(commit.committeeHash));
    const links = [1, 2].map((epoch) => {
      const { commit } = node.commits.find(({ commit }) => commit.epoch === epoch && differs(commit))!;
      const next = epoch === 2 ? node.core.committee : net.committees.get(2)!;
      return { certificate: node.certificates.get(commit.index)!, members: next };
    });
    node.stop();
    node.startFrom(links, snapshot);
    expect(epochOf(node)).toBe(3);
    expect(node.core.roster().map(({ number }) => number)).toEqual([0, 1, 2, 3]);
    expectLife(net, 30, node);
    expect(() => node.startFrom([{ ...links[1]!, members: genesis }], snapshot)).toThrow(
      expect.objectContaining({ code: 'ENTER_LINK' }),
    );
    expect(() => node.startFrom([], snapshot)).toThrow(expect.objectContaining({ code: 'SNAPSHOT_ORIGIN' }));
  });
});
