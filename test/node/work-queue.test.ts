import { expect, test } from 'vitest';
import { HEADER_CONTEXT } from '../../src/core/block.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import { verify } from '../../src/crypto/verify.ts';
import { WorkQueue } from '../../src/node/work-queue.ts';

test('every check of a real signature is answered, with a bounded number at work', async () => {
  const { signing } = identityFromSeed(new Uint8Array(32).fill(7));
  const [digest, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const signature = await signing.sign(digest, HEADER_CONTEXT);
  const queue = new WorkQueue();
  let atWork = 0;
  let most = 0;
  const checks = Array.from({ length: 20 }, (_, i) =>
    queue.run('blocks', async () => {
      most = Math.max(most, ++atWork);
      const valid = await verify(signing.publicKey, i % 3 === 0 ? other : digest, HEADER_CONTEXT, signature);
      atWork--;
      return valid;
    }),
  );
  expect(queue.size).toBe(20);
  expect(await Promise.all(checks)).toEqual(checks.map((_, i) => i % 3 !== 0));
  expect(queue.size).toBe(0);
  expect(most).toBe(3);
});

test('blocks go before proposals, each in order', async () => {
  const queue = new WorkQueue();
  const order: string[] = [];
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  const held = gates.map((gate) => queue.run('proposals', () => gate.promise));
  const rest = ['p1', 'b1', 'p2', 'b2'].map((name) =>
    queue.run(name.startsWith('b') ? 'blocks' : 'proposals', async () => {
      order.push(name);
    }),
  );
  gates[0]!.resolve();
  await Promise.all(rest);
  expect(order).toEqual(['b1', 'b2', 'p1', 'p2']);
  for (const gate of gates) gate.resolve();
  await Promise.all(held);
});

test('work that fails makes room for the next', async () => {
  const queue = new WorkQueue();
  const failing = Array.from({ length: 5 }, (_, i) => queue.run('blocks', () => Promise.reject(new Error(String(i)))));
  const results = await Promise.allSettled(failing);
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await queue.run('blocks', async () => 'done')).toBe('done');
});
