import { afterEach, describe, expect, it } from 'vitest';
import type { CommitteeChange } from '../../src/qzmq/transport.ts';
import { exchange, type Node, pause, startNode, stopNodes, until } from './network.ts';
import { MEMBERS, member } from './parties.ts';

afterEach(stopNodes);

const committee = (epoch: number, members = MEMBERS): CommitteeChange => ({
  epoch,
  committeeHash: new Uint8Array(32).fill(epoch),
  members,
});
const text = (node: Node, kind: string) =>
  node.received.filter((message) => message.kind === kind).map(({ bytes }) => Buffer.from(bytes).toString());

/** Once each has heard what the other believes in, everything flows. */
async function talk(a: Node, aIndex: number, b: Node, bIndex: number): Promise<void> {
  const probe = Buffer.from('probe');
  await until(() => a.transport.send(bIndex, probe) === 'ok' && b.transport.send(aIndex, probe) === 'ok');
  await exchange(a, aIndex, b, bIndex);
}

async function pair(): Promise<[Node, Node]> {
  const nodes: [Node, Node] = [await startNode(0, committee(0)), await startNode(1, committee(0))];
  nodes[1].transport.connect(0, nodes[0].transport.address);
  await until(() => nodes[0].up.has(1) && nodes[1].up.has(0));
  return nodes;
}

describe('when the committee changes', () => {
  it('who is a second late gets what is for catching up, and the session goes on', async () => {
    const [a, b] = await pair();
    const downs: number[] = [];
    const wasDeleted = b.up.delete.bind(b.up);
    b.up.delete = (peer) => downs.push(peer) > 0 && wasDeleted(peer);
    await a.transport.setCommittee(committee(1));
    expect(a.transport.send(1, Buffer.from('a block'), 'consensus')).toBe('gone');
    expect(a.transport.send(1, Buffer.from('what closed it'), 'sync')).toBe('ok');
    await until(() => b.received.length > 0);
    // It has heard by now that the other one is elsewhere.
    expect(b.transport.send(0, Buffer.from('an old block'), 'consensus')).toBe('gone');
    expect(b.transport.send(0, Buffer.from('a question'), 'sync')).toBe('ok');
    await until(() => a.received.length > 0);
    await b.transport.setCommittee(committee(1));
    await until(
      () => a.transport.send(1, Buffer.from('new'), 'consensus') === 'ok' && text(b, 'consensus').includes('new'),
    );
    await talk(a, 0, b, 1);
    expect([text(b, 'sync'), text(a, 'sync')]).toEqual([['what closed it'], ['a question']]);
    expect([...text(a, 'consensus'), ...text(b, 'consensus')]).not.toContain('a block');
    expect(downs).toEqual([]);
  });

  it('a block sent right after the change arrives, and not as one of the committee before', async () => {
    const [a, b] = await pair();
    const changes = [b.transport.setCommittee(committee(1)), a.transport.setCommittee(committee(1))];
    await Promise.all(changes);
    await until(() => a.transport.send(1, Buffer.from('first'), 'consensus') === 'ok');
    await until(() => text(b, 'consensus').includes('first'));
    expect(b.transport.stats().rejectedBy['other-committee'] ?? 0).toBe(0);
  });

  it('both sides prove anew who they are', { timeout: 30_000 }, async () => {
    const [a, b] = await pair();
    const before = a.transport.stats().handshakes;
    await Promise.all([a.transport.setCommittee(committee(1)), b.transport.setCommittee(committee(1))]);
    await until(() => a.transport.stats().handshakes > before && b.transport.stats().handshakes > before);
    await talk(a, 0, b, 1);
    expect([a.transport.peers, b.transport.peers]).toEqual([[1], [0]]);
  });

  it('while a handshake is under way, its claim is put right', { timeout: 30_000 }, async () => {
    for (let i = 0; i < 5; i++) {
      const [a, b] = [await startNode(0, committee(0)), await startNode(1, committee(1))];
      b.transport.connect(0, a.transport.address);
      await until(() => a.transport.stats().bytesIn > 0);
      await pause(i);
      await a.transport.setCommittee(committee(1));
      await until(() => a.up.has(1) && b.up.has(0));
      await until(
        () => b.transport.send(0, Buffer.from('x')) === 'ok' && a.transport.send(1, Buffer.from('y')) === 'ok',
      );
      await until(() => text(a, 'consensus').includes('x') && text(b, 'consensus').includes('y'));
      await stopNodes();
    }
  });
});

describe('somebody new', () => {
  it('is nobody before, and met as soon as the next committee is known', { timeout: 60_000 }, async () => {
    const old = MEMBERS.slice(0, 2);
    const [a, b] = [await startNode(0, committee(0, old)), await startNode(1, committee(0, old))];
    b.transport.connect(0, a.transport.address);
    await until(() => a.up.has(1) && b.up.has(0));
    // It knows the committee, which does not know it, and one address.
    const joiner = await startNode(2, committee(0, old));
    joiner.transport.connectAddress(a.transport.address);
    await until(() => (a.transport.stats().rejectedBy['unknown-hint'] ?? 0) > 0);
    expect(joiner.up.size).toBe(0);
    // The members are known before the committee is theirs.
    const next = MEMBERS.slice(0, 3);
    await Promise.all([a, b].map(({ transport }) => transport.setCommittee(committee(0, next))));
    await until(() => joiner.up.has(0) && joiner.up.has(1) && a.up.has(2) && b.up.has(2));
    await talk(joiner, 2, a, 0);
    await Promise.all([a, b, joiner].map(({ transport }) => transport.setCommittee(committee(1, next))));
    await talk(joiner, 2, b, 1);
    await talk(a, 0, b, 1);
  });

  it('under a new key is another peer: the old key keeps its session until its time is over', async () => {
    const [a, b] = await pair();
    // Validator 1 has new keys from now on: those of identity 3, who has number 4 here.
    const renewed = { ...member(3), index: 4 };
    await a.transport.setCommittee(committee(1, [member(0), member(1), renewed]));
    expect(a.transport.peers).toEqual([1]);
    const fresh = await startNode(3, committee(1, [member(0), member(1), renewed]));
    fresh.transport.connect(0, a.transport.address);
    await until(() => a.up.has(4) && fresh.up.has(0));
    await talk(fresh, 4, a, 0);
    await a.transport.setCommittee(committee(2, [member(0), renewed]));
    await until(() => !a.up.has(1) && !b.up.has(0));
    expect(a.transport.peers).toEqual([4]);
    await pause(600);
    expect(a.up.has(1)).toBe(false);
    expect(a.transport.send(1, Buffer.from('x'), 'sync')).toBe('gone');
  });

  it('with a gate key that is none is left out, and told of', async () => {
    const [a, b] = await pair();
    const odd = { ...member(2), index: 7, gateKey: new Uint8Array(32) };
    await a.transport.setCommittee(committee(1, [member(0), member(1), odd]));
    await b.transport.setCommittee(committee(1));
    expect(a.notices.map(({ code }) => code)).toEqual(['QZMQ_BAD_MEMBER']);
    await talk(a, 0, b, 1);
    expect(() => a.transport.connect(7, '127.0.0.1:1')).toThrow(expect.objectContaining({ code: 'QZMQ_UNKNOWN_PEER' }));
  });
});
