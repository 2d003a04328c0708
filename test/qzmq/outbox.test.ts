import { describe, expect, it } from 'vitest';
import { CHANNEL, decodeBatch, type Item } from '../../src/qzmq/batch.ts';
import { Outbox, type OutboxOwner } from '../../src/qzmq/outbox.ts';
import type { Session } from '../../src/qzmq/session.ts';
import type { SendResult } from '../../src/qzmq/wire.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const item = (value: number): Item => ({ channel: CHANNEL.SYNC, bytes: Uint8Array.of(value) });

/** An outbox over a session whose connection answers as told; batches instead of records. */
function outboxOver(answer: () => SendResult, onSent: () => void = () => undefined) {
  const sent: number[][] = [];
  const state: { current: Session | undefined; unusable: number } = { current: undefined, unusable: 0 };
  const session = {
    seal: (batch: Buffer) => batch,
    transmit: async (batch: Buffer) => {
      const result = answer();
      if (result === 'ok') sent.push((decodeBatch(batch) ?? []).map(({ bytes }) => bytes[0] ?? -1));
      onSent();
      return result;
    },
  } as unknown as Session;
  state.current = session;
  const owner: OutboxOwner = {
    get current() {
      return state.current;
    },
    onUnusable: () => {
      state.unusable++;
      state.current = undefined;
    },
  };
  return { outbox: new Outbox(owner, 1000), sent, state, session };
}

describe('outbox', () => {
  it('sends what one turn queued as one record, in order', async () => {
    const { outbox, sent } = outboxOver(() => 'ok');
    for (const value of [1, 2, 3]) outbox.push(item(value));
    expect(sent).toEqual([]);
    await turn();
    await turn();
    expect(sent).toEqual([[1, 2, 3]]);
    expect(outbox.bytes).toBe(0);
  });

  it('sends a message that comes at any microtask around the end of a flush', async () => {
    for (let delay = 0; delay < 12; delay++) {
      let pushed = false;
      const { outbox, sent } = outboxOver(
        () => 'ok',
        () => {
          if (pushed) return;
          pushed = true;
          let wait = Promise.resolve();
          for (let i = 0; i < delay; i++) wait = wait.then(() => undefined);
          void wait.then(() => outbox.push(item(2)));
        },
      );
      outbox.push(item(1));
      for (let i = 0; i < 5; i++) await turn();
      expect(sent.flat(), `${delay} microtasks later`).toEqual([1, 2]);
    }
  });

  it('keeps a record that the connection does not take, and sends it first', async () => {
    let full = 3;
    const { outbox, sent } = outboxOver(() => (full-- > 0 ? 'full' : 'ok'));
    outbox.push(item(1));
    await turn();
    outbox.push(item(2));
    while (sent.length < 2) await turn();
    expect(sent).toEqual([[1], [2]]);
  });

  it('says full at its bound, and waits for a session', async () => {
    const { outbox, sent, state, session } = outboxOver(() => 'ok');
    state.current = undefined;
    for (let i = 0; i < 250; i++) expect(outbox.push(item(i % 200))).toBe('ok');
    expect(outbox.push(item(0))).toBe('full');
    await turn();
    expect(sent).toEqual([]);
    state.current = session;
    outbox.flush();
    while (sent.length === 0) await turn();
    expect(sent.flat().length).toBe(250);
    expect(outbox.push(item(0))).toBe('ok');
  });

  it('tells when the connection is gone', async () => {
    const { outbox, state } = outboxOver(() => 'gone');
    outbox.push(item(1));
    await turn();
    await turn();
    expect(state.unusable).toBe(1);
  });
});
