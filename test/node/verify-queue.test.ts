import { expect, test } from 'vitest';
import { HEADER_CONTEXT } from '../../src/core/block.ts';
import type { AuthorIndex, BlockDigest } from '../../src/core/types.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import { verify } from '../../src/crypto/verify.ts';
import { VerifyQueue } from '../../src/node/verify-queue.ts';

test('answers every check of real signatures once, right or wrong, with a bounded number at work', async () => {
  const { signing } = identityFromSeed(new Uint8Array(32).fill(7));
  let atWork = 0;
  let most = 0;
  const answers = new Map<number, boolean>();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const queue = new VerifyQueue(
    async ({ digest, signature }) => {
      most = Math.max(most, ++atWork);
      const valid = await verify(signing.publicKey, digest, HEADER_CONTEXT, signature);
      atWork--;
      return valid;
    },
    (token, valid) => {
      expect(answers.has(token)).toBe(false);
      answers.set(token, valid);
      if (answers.size === 20) resolve();
    },
  );
  const digest = new Uint8Array(32).fill(1) as BlockDigest;
  const other = new Uint8Array(32).fill(2) as BlockDigest;
  const signature = await signing.sign(digest, HEADER_CONTEXT);
  for (let token = 0; token < 20; token++) {
    queue.push({ token, author: 0 as AuthorIndex, digest: token % 3 === 0 ? other : digest, signature });
  }
  expect(queue.size).toBe(20);
  await done;
  expect(queue.size).toBe(0);
  expect(most).toBe(3);
  for (const [token, valid] of answers) expect(valid).toBe(token % 3 !== 0);
});
