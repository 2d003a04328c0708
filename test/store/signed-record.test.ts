import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SignedRecord } from '../../src/core/io.ts';
import { createSignedRecord, openSignedRecord, type SignedRecordFile } from '../../src/store/signed-record.ts';
import { temporaryDirectory } from './temporary.ts';

const CHAIN = new Uint8Array(32).fill(7);

function record(
  epoch: number,
  round: number,
  votedIndex: number,
  digest = round,
  votedDigest = votedIndex,
): SignedRecord {
  const bytes = (fill: number) => new Uint8Array(32).fill(fill);
  const plain = { epoch, round, digest: bytes(digest), votedIndex, votedDigest: bytes(votedDigest) };
  return plain as unknown as SignedRecord;
}

async function created(): Promise<{ path: string; file: SignedRecordFile }> {
  const path = join(temporaryDirectory(), 'signed');
  await createSignedRecord(path, CHAIN);
  return { path, file: await open(path) };
}

async function open(path: string): Promise<SignedRecordFile> {
  const file = await openSignedRecord(path);
  onTestFinished(() => file.close().catch(() => undefined));
  return file;
}

describe('the last-signed record', () => {
  test('a new one is at round 0 with the chain id as vote, and is not replaced', async () => {
    const { path, file } = await created();
    expect(file.read()).toEqual({ ...record(0, 0, 0), votedDigest: CHAIN, chainId: CHAIN });
    expect(file.damaged).toBe(false);
    await expect(createSignedRecord(path, CHAIN)).rejects.toMatchObject({ code: 'SIGNED_RECORD_EXISTS' });
  });

  test('a missing file is null and cannot be written', async () => {
    const file = await open(join(temporaryDirectory(), 'nothing'));
    expect(file.read()).toBeNull();
    await expect(file.write(record(0, 1, 0))).rejects.toMatchObject({ code: 'SIGNED_RECORD_MISSING' });
  });

  test('what was written is read back, also after reopening', async () => {
    const { path, file } = await created();
    const writes = [record(0, 1, 1), record(0, 4, 1), record(0, 5, 9), record(1, 1, 10)];
    for (const each of writes) {
      await file.write(each);
      expect(file.read()).toEqual({ ...each, chainId: CHAIN });
      expect((await open(path)).read()).toEqual({ ...each, chainId: CHAIN });
    }
  });

  test.each([
    ['an earlier epoch', record(1, 99, 9)],
    ['an earlier round', record(2, 4, 9)],
    ['another block in the same round', record(2, 5, 9, 66)],
    ['an earlier vote', record(2, 6, 6)],
    ['another digest at the voted index', record(2, 6, 7, 6, 66)],
  ])('refuses %s', async (_, next) => {
    const { path, file } = await created();
    await file.write(record(2, 5, 7));
    await expect(file.write(next)).rejects.toMatchObject({ code: 'SIGNED_RECORD_REGRESSION' });
    const again = await open(path);
    expect(again.read()).toMatchObject({ round: 5, votedIndex: 7 });
    await expect(again.write(next)).rejects.toMatchObject({ code: 'SIGNED_RECORD_REGRESSION' });
    await again.write(record(2, 5, 7));
    await again.write(record(2, 5, 8));
    await again.write(record(3, 1, 8));
  });

  test('writes that overlap are judged one after the other', async () => {
    const { file } = await created();
    const results = await Promise.allSettled([
      file.write(record(0, 3, 0, 3, 7)),
      file.write(record(0, 2, 0, 2, 7)),
      file.write(record(0, 3, 0, 4, 7)),
      file.write(record(0, 4, 0, 4, 7)),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(file.read()?.round).toBe(4);
  });

  test('the caller may reuse its arrays', async () => {
    const { file } = await created();
    const reused = record(0, 1, 0, 1, 7);
    await file.write(reused);
    reused.digest.fill(99);
    await expect(file.write(reused)).rejects.toMatchObject({ code: 'SIGNED_RECORD_REGRESSION' });
  });
});

describe('a write that is cut off', () => {
  test('at any byte leaves the record before it', async () => {
    const { path, file } = await created();
    for (let round = 1; round <= 4; round++) {
      const before = readFileSync(path);
      await file.write(record(0, round, round));
      const after = readFileSync(path);
      const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
      const [from, to] = [Math.floor(changed[0]! / 4096) * 4096, changed.at(-1)! + 1];
      for (let cut = from; cut <= to; cut++) {
        writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
        const read = (await open(path)).read()!;
        expect(read.round, `cut at ${cut}`).toBe(cut === to ? round : round - 1);
      }
      writeFileSync(path, after);
    }
  });

  test('is told from a healthy file, and the next write heals it', async () => {
    const { path, file } = await created();
    for (let round = 1; round <= 3; round++) await file.write(record(0, round, round));
    const bytes = readFileSync(path);
    bytes[4096 + 50]! ^= 1;
    writeFileSync(path, bytes);
    const torn = await open(path);
    expect([torn.damaged, torn.read()?.round]).toEqual([true, 2]);
    await torn.write(record(0, 3, 3));
    expect([(await open(path)).damaged, (await open(path)).read()?.round]).toEqual([false, 3]);
  });
});

test('any two flipped slots, a short file, or a foreign file is SIGNED_RECORD_CORRUPT', async () => {
  const { path, file } = await created();
  await file.write(record(0, 1, 1));
  const good = readFileSync(path);
  const bit = fc.integer({ min: 0, max: 131 });
  await fc.assert(
    fc.asyncProperty(bit, bit, fc.integer({ min: 0, max: 7 }), async (first, second, shift) => {
      const bad = Buffer.from(good);
      bad[first]! ^= 1 << shift;
      bad[4096 + second]! ^= 1 << shift;
      writeFileSync(path, bad);
      await expect(openSignedRecord(path)).rejects.toMatchObject({ code: 'SIGNED_RECORD_CORRUPT' });
    }),
  );
  for (const bytes of [Buffer.alloc(0), good.subarray(0, 100), Buffer.alloc(8192), Buffer.from('{"round":3}')]) {
    writeFileSync(path, bytes);
    await expect(openSignedRecord(path)).rejects.toMatchObject({ code: 'SIGNED_RECORD_CORRUPT' });
  }
});
