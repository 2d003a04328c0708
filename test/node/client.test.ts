import { describe, expect, it } from 'vitest';
import { isPqError, type PqError } from '../../src/errors.ts';
import { Client, type ClientLink, type LinkHandlers } from '../../src/node/client.ts';
import { encodeNodeMessage } from '../../src/node/client-answers.ts';
import { type ClientMessage, decodeClientMessage, type NodeMessage } from '../../src/node/client-protocol.ts';

/** The node's end of a session that a test answers by hand, message by message, in encoded form. */
class FarEnd implements ClientLink {
  readonly received: ClientMessage[] = [];
  onReceive: (message: ClientMessage) => void = () => {};
  closed = false;
  #handlers: LinkHandlers | null = null;

  /** Takes the place of QZMQ. */
  readonly connect = async (handlers: LinkHandlers): Promise<ClientLink> => {
    this.#handlers = handlers;
    return this;
  };

  send(bytes: Uint8Array): boolean {
    const message = decodeClientMessage(bytes.slice());
    this.received.push(message);
    queueMicrotask(() => this.onReceive(message));
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  answer(message: NodeMessage): void {
    for (const bytes of encodeNodeMessage(message)) this.#handlers?.onMessage(bytes);
  }

  rubbish(bytes: Uint8Array): void {
    this.#handlers?.onMessage(bytes);
  }

  lose(): void {
    this.#handlers?.onClose();
  }
}

/** An id that a test can tell from the bytes of the proposal: its first byte, repeated. */
const idOf = (proposal: Uint8Array): Uint8Array => new Uint8Array(32).fill(proposal[0]!);

function decided(first: number, index: number): NodeMessage {
  const id = new Uint8Array(32).fill(first);
  return {
    kind: 'decided',
    index,
    decisions: [{ id, decision: 'REJECTED', reason: 'QUORUM', confidence: 9300, receipt: 0 }],
  };
}

function takeAll(end: FarEnd): void {
  end.onReceive = (message) => {
    if (message.kind !== 'submit') return;
    const results = message.proposals.map((proposal) => ({ taken: true as const, id: idOf(proposal) }));
    end.answer({ kind: 'submitted', requestId: message.requestId, results });
  };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (isPqError(error) ? error.code : String(error)),
  );

describe('a client', () => {
  it('follows a proposal to its certified decision, with times in order', async () => {
    const end = new FarEnd();
    takeAll(end);
    const client = await Client.connect({ connect: end.connect });
    const [followed] = client.submit([Uint8Array.of(7, 7)]);
    const acknowledged = await followed!.acknowledged;
    expect(acknowledged.id).toEqual(new Uint8Array(32).fill(7));
    expect(client.pending).toBe(1);
    end.answer(decided(7, 5));
    const decision = await followed!.decided;
    expect(decision).toMatchObject({ index: 5, decision: { decision: 'REJECTED', confidence: 9300 } });
    end.answer({ kind: 'certified', index: 4 });
    expect(client.pending).toBe(1);
    end.answer({ kind: 'certified', index: 6 });
    const certified = await followed!.certified;
    expect(certified.submittedMs).toBeLessThanOrEqual(certified.acknowledgedMs);
    expect(certified.acknowledgedMs).toBeLessThanOrEqual(certified.decidedMs);
    expect(certified.decidedMs).toBeLessThanOrEqual(certified.certifiedMs);
    expect(client.pending).toBe(0);
    await client.close();
    expect(end.closed).toBe(true);
  });

  it('counts what ran out before it was opened as final: no commit holds it', async () => {
    const end = new FarEnd();
    takeAll(end);
    const client = await Client.connect({ connect: end.connect });
    const [followed] = client.submit([Uint8Array.of(3)]);
    await followed!.acknowledged;
    end.answer(decided(3, 0));
    expect((await followed!.certified).index).toBe(0);
    await client.close();
  });

  it('gives the same bytes submitted twice the same fate', async () => {
    const end = new FarEnd();
    takeAll(end);
    const client = await Client.connect({ connect: end.connect });
    const [first, second] = client.submit([Uint8Array.of(1), Uint8Array.of(1)]);
    await second!.acknowledged;
    end.answer(decided(1, 2));
    end.answer({ kind: 'certified', index: 2 });
    expect((await first!.certified).index).toBe(2);
    expect((await second!.certified).index).toBe(2);
    expect(client.pending).toBe(0);
    await client.close();
  });

  it('loses no decision that comes right behind the answer to its submit', async () => {
    const end = new FarEnd();
    end.onReceive = ({ requestId }) => {
      end.answer({ kind: 'submitted', requestId, results: [{ taken: true, id: new Uint8Array(32).fill(9) }] });
      end.answer(decided(9, 8));
      end.answer({ kind: 'certified', index: 8 });
    };
    const client = await Client.connect({ connect: end.connect });
    const [followed] = client.submit([Uint8Array.of(9)]);
    expect((await followed!.certified).index).toBe(8);
    await client.close();
  });

  it('rejects what the node refuses with its code, and follows the rest', async () => {
    const end = new FarEnd();
    end.onReceive = (message) => {
      const results = [
        { taken: false as const, code: 'PROPOSAL_EXPIRED', message: 'too late' },
        { taken: true as const, id: new Uint8Array(32).fill(2) },
      ];
      end.answer({ kind: 'submitted', requestId: message.requestId, results });
    };
    const client = await Client.connect({ connect: end.connect });
    const [bad, good] = client.submit([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(await codeOf(bad!.certified)).toBe('PROPOSAL_EXPIRED');
    expect(await codeOf(good!.acknowledged)).toBe('resolved');
    await client.close();
    expect(await codeOf(good!.certified)).toBe('CLIENT_CLOSED');
  });

  it('puts no more into a message than fits, and sends no more messages than the node takes at once', async () => {
    const end = new FarEnd();
    const client = await Client.connect({ connect: end.connect });
    const proposals = Array.from({ length: 40 }, (_, i) => new Uint8Array(16 * 1024).fill(i));
    const followed = client.submit(proposals);
    const submits = (): number => end.received.filter((message) => message.kind === 'submit').length;
    expect(submits()).toBeLessThan(followed.length / 3 + 1);
    const sentAtOnce = submits();
    takeAll(end);
    for (const message of [...end.received]) end.onReceive(message);
    await Promise.all(followed.map((one) => one.acknowledged));
    expect(submits()).toBe(Math.ceil(40 / 3));
    expect(sentAtOnce).toBeLessThanOrEqual(16);
    const small = client.submit(Array.from({ length: 128 * 40 }, (_, i) => Uint8Array.of(50 + (i % 200))));
    await Promise.all(small.map((one) => one.acknowledged));
    await client.close();
  });

  it('asks for figures, certificates and decisions, and passes on events', async () => {
    const end = new FarEnd();
    const events: unknown[] = [];
    end.onReceive = ({ kind, requestId }) => {
      if (kind === 'queryCertificate')
        end.answer({ kind: 'certificate', requestId, certificate: new Uint8Array(200_000).fill(1) });
      if (kind === 'queryDecision') end.answer({ kind: 'decision', requestId, answer: { state: 'pending' } });
      if (kind === 'queryStats') end.answer({ kind: 'error', requestId, code: 'NODE_BUSY', message: 'later' });
      if (kind === 'queryStatus') end.answer({ kind: 'subscribed', requestId });
      if (kind !== 'subscribe') return;
      end.answer({ kind: 'subscribed', requestId });
      end.answer({ kind: 'event', requestId: 1, event: { type: 'peer', atMs: 1, validator: 1, up: true } });
    };
    const client = await Client.connect({ connect: end.connect });
    expect((await client.certificate(0))?.length).toBe(200_000);
    expect(await client.decision(new Uint8Array(32))).toEqual({ state: 'pending' });
    expect(await codeOf(client.stats())).toBe('NODE_BUSY');
    expect(await codeOf(client.status())).toBe('CLIENT_ANSWER');
    await client.subscribe(['peer'], (event) => events.push(event));
    expect(events).toEqual([{ type: 'peer', atMs: 1, validator: 1, up: true }]);
    await client.close();
  });

  it('reports rubbish and goes on', async () => {
    const problems: PqError[] = [];
    const end = new FarEnd();
    takeAll(end);
    const client = await Client.connect({ connect: end.connect, onProblem: (error) => problems.push(error) });
    end.rubbish(Uint8Array.of(1, 2, 3));
    end.rubbish(new Uint8Array(0));
    end.answer({ kind: 'error', requestId: 0, code: 'NODE_ODD', message: 'odd' });
    expect(problems.map((error) => error.code)).toEqual(['CLIENT_KIND', 'CLIENT_TRUNCATED', 'NODE_ODD']);
    const [followed] = client.submit([Uint8Array.of(1)]);
    await followed!.acknowledged;
    await client.close();
  });
});

describe('a lost session', () => {
  it('rejects everything without reconnect', async () => {
    const end = new FarEnd();
    takeAll(end);
    const client = await Client.connect({ connect: end.connect });
    const [taken] = client.submit([Uint8Array.of(1)]);
    await taken!.acknowledged;
    end.onReceive = () => {};
    const [unanswered] = client.submit([Uint8Array.of(2)]);
    const stats = codeOf(client.stats());
    end.lose();
    expect(await codeOf(taken!.certified)).toBe('CLIENT_DISCONNECTED');
    expect(await codeOf(unanswered!.acknowledged)).toBe('CLIENT_DISCONNECTED');
    expect(await stats).toBe('CLIENT_DISCONNECTED');
    expect(await codeOf(client.stats())).toBe('CLIENT_DISCONNECTED');
    // Nor does what is handed in afterwards wait for a session that never comes.
    const [late] = client.submit([Uint8Array.of(3)]);
    expect(await codeOf(late!.certified)).toBe('CLIENT_DISCONNECTED');
    expect(client.pending).toBe(0);
    await client.close();
  });

  it('is taken up on the next one: submits again, asks for decisions, subscribes', async () => {
    const ends = [new FarEnd(), new FarEnd()];
    let opened = 0;
    const second = Promise.withResolvers<FarEnd>();
    const connect = async (handlers: LinkHandlers): Promise<ClientLink> => {
      if (opened === 1) {
        opened = 2;
        throw new Error('not up yet');
      }
      const end = ends[opened === 0 ? 0 : 1]!;
      opened += 1;
      if (opened > 1) second.resolve(end);
      return end.connect(handlers);
    };
    const [first, next] = ends as [FarEnd, FarEnd];
    first.onReceive = (message) => {
      if (message.kind === 'subscribe') first.answer({ kind: 'subscribed', requestId: message.requestId });
      if (message.kind !== 'submit' || message.proposals[0]![0] === 9) return;
      const results = message.proposals.map((proposal) => ({ taken: true as const, id: idOf(proposal) }));
      first.answer({ kind: 'submitted', requestId: message.requestId, results });
    };
    next.onReceive = (message) => {
      const { requestId } = message;
      if (message.kind === 'submit') {
        const results = message.proposals.map((proposal) => ({ taken: true as const, id: idOf(proposal) }));
        next.answer({ kind: 'submitted', requestId, results });
      }
      if (message.kind !== 'queryDecision') return;
      const known = message.id[0] !== 4;
      const answer = {
        state: 'certified' as const,
        index: 5,
        decided: {
          id: message.id,
          decision: 'APPROVED' as const,
          reason: 'QUORUM' as const,
          confidence: 1,
          receipt: 0,
        },
      };
      next.answer({ kind: 'decision', requestId, answer: known ? answer : { state: 'unknown' } });
    };
    const problems: string[] = [];
    const client = await Client.connect({ connect, reconnect: true, onProblem: (error) => problems.push(error.code) });
    await client.subscribe(['alarm'], () => {});
    const [known, forgotten] = client.submit([Uint8Array.of(1), Uint8Array.of(4)]);
    await forgotten!.acknowledged;
    const [unanswered] = client.submit([Uint8Array.of(9)]);
    first.lose();
    await second.promise;
    expect((await known!.certified).decision.decision).toBe('APPROVED');
    expect(await codeOf(forgotten!.certified)).toBe('PROPOSAL_UNKNOWN');
    // Decided while nobody was connected: it is asked for, once it is acknowledged.
    expect((await unanswered!.certified).index).toBe(5);
    expect(next.received.map((message) => message.kind)).toContain('subscribe');
    expect(problems).toContain('CLIENT_DISCONNECTED');
    expect(problems).toContain('CLIENT_FAILED');
    await client.close();
  });
});
