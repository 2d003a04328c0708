import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WriteAheadLog } from '../../src/store/log.ts';
import { paddedFrameBytes, SEGMENT_HEADER_BYTES, sealFrame } from '../../src/store/segment.ts';
import { temporaryDirectory } from './temporary.ts';

const SEGMENT_BYTES = 4096;

function openLog(directory: string, flushed = 0, segmentBytes = SEGMENT_BYTES) {
  const records: string[] = [];
  const log = WriteAheadLog.open(directory, flushed, (record) => records.push(record.toString()), segmentBytes);
  return { log, records };
}

/** A log of one frame per text, and the path of its only segment. */
async function writeFrames(texts: readonly string[]): Promise<string> {
  const directory = temporaryDirectory();
  const { log } = openLog(directory);
  for (const text of texts) {
    log.append([Buffer.from(text.slice(0, 2)), Buffer.from(text.slice(2))]);
    await log.sync();
  }
  await log.close();
  return join(directory, readdirSync(directory).find((name) => name.endsWith('.wal'))!);
}

/** Opens a copy of a segment with other bytes. */
function reopen(path: string, change: (bytes: Buffer) => void, flushed = 0): string[] {
  const bytes = readFileSync(path);
  change(bytes);
  const directory = temporaryDirectory();
  writeFileSync(join(directory, '000000000001.wal'), bytes);
  return openLog(directory, flushed).records;
}

const TEXTS = ['first record', 'second one, longer than the first', 'third', 'the last record of all'];
const FRAME_BYTES = TEXTS.map((text) => paddedFrameBytes(4 + text.length));
const STARTS = FRAME_BYTES.map((_, at) => SEGMENT_HEADER_BYTES + FRAME_BYTES.slice(0, at).reduce((a, b) => a + b, 0));

describe('what a crash leaves', () => {
  test('a last frame cut off at any byte is dropped, and everything before it is kept', async () => {
    const path = await writeFrames(TEXTS);
    const payload = STARTS[3]! + 24 + 4 + TEXTS[3]!.length;
    for (const fill of [0, 0xff]) {
      for (let cut = STARTS[3]!; cut < payload; cut++) {
        const records = reopen(path, (bytes) => bytes.fill(fill, cut));
        expect(records, `cut at ${cut}`).toEqual(TEXTS.slice(0, 3));
      }
      expect(reopen(path, (bytes) => bytes.fill(fill, payload))).toEqual(TEXTS);
    }
  });

  test('a last frame of which only some sectors arrived is dropped', async () => {
    const texts = ['before', 'x'.repeat(2500)];
    const path = await writeFrames(texts);
    for (let sector = 1; sector < 5; sector++) {
      const records = reopen(path, (bytes) => bytes.fill(0, sector * 512, (sector + 1) * 512));
      expect(records).toEqual(['before']);
    }
  });

  test('after a cut the log goes on, and the cut bytes never come back', async () => {
    const path = await writeFrames(TEXTS);
    const directory = temporaryDirectory();
    const bytes = readFileSync(path);
    bytes[STARTS[3]! + 30]! ^= 1;
    writeFileSync(join(directory, '000000000001.wal'), bytes);
    const first = openLog(directory);
    first.log.append([Buffer.from('instead')]);
    await first.log.sync();
    await first.log.close();
    expect(openLog(directory).records).toEqual([...TEXTS.slice(0, 3), 'instead']);
  });
});

describe('what a rotten disk leaves', () => {
  test('a flipped bit anywhere before the last frame is STORE_CORRUPT', async () => {
    const path = await writeFrames(TEXTS);
    // The rest of the segment header and the padding of frames hold nothing.
    const held = (at: number) =>
      at < 24 || STARTS.some((start, n) => n < 3 && at >= start && at < start + 28 + TEXTS[n]!.length);
    for (let at = 0; at < STARTS[3]!; at++) {
      if (!held(at)) continue;
      const flip = () => reopen(path, (bytes) => bytes.fill(bytes[at]! ^ (1 << (at % 8)), at, at + 1));
      expect(flip, `byte ${at}`).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });

  test('frames that the database has already may rot', async () => {
    const path = await writeFrames(TEXTS);
    const rot = (bytes: Buffer) => bytes.fill(0xee, STARTS[0]!, STARTS[2]!);
    expect(reopen(path, rot, 2)).toEqual(TEXTS.slice(2));
    expect(() => reopen(path, rot, 1)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });

  test('a missing segment is STORE_CORRUPT', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory);
    for (let at = 0; at < 12; at++) {
      log.append([Buffer.alloc(900, at)]);
      await log.sync();
    }
    await log.close();
    const segments = readdirSync(directory)
      .filter((name) => name.endsWith('.wal'))
      .sort();
    // Four frames each in the first three; the fourth is prepared and empty.
    expect(segments).toHaveLength(4);
    for (const missing of segments.slice(0, 2)) {
      const copy = temporaryDirectory();
      for (const name of segments) if (name !== missing) copyFileSync(join(directory, name), join(copy, name));
      expect(() => openLog(copy)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });

  test('what a peer wrote into a record is never taken for a frame, for want of the salt', async () => {
    const path = await writeFrames(['x'.repeat(200)]);
    const salt = readFileSync(path).readUInt32LE(16);
    // Frame 1 is damaged, and its record holds a well-formed frame 9: with the right salt it would prove a lost frame.
    const plant = (plantedSalt: number) =>
      reopen(path, (bytes) => {
        const inner = Buffer.alloc(64);
        sealFrame(inner, 20, 9, plantedSalt);
        inner.copy(bytes, SEGMENT_HEADER_BYTES + 32);
        bytes.fill(0, SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 4);
      });
    expect(plant(salt ^ 1)).toEqual([]);
    expect(() => plant(salt)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});

describe('segments', () => {
  test('fill up, are recycled once released, and old frames in them stay dead', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory);
    const texts = Array.from({ length: 60 }, (_, at) => `${at}:`.padEnd(700, 'r'));
    for (const [at, text] of texts.entries()) {
      const sequence = log.append([Buffer.from(text)]);
      await log.sync();
      expect(log.durableSequence).toBe(sequence);
      if (at % 10 === 9) log.release(sequence - 3);
    }
    await log.close();
    // 60 frames fill 12 segments; only those not released, the prepared one and at most two spares remain.
    expect(readdirSync(directory).length).toBeLessThanOrEqual(5);
    expect(openLog(directory, 57).records).toEqual(texts.slice(57));
  });

  test('the segment being written is never recycled, even when all of it is released', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory);
    for (const text of ['one', 'two', 'three']) {
      const sequence = log.append([Buffer.from(text)]);
      await log.sync();
      log.release(sequence);
    }
    log.append([Buffer.from('four')]);
    await log.sync();
    await log.close();
    expect(openLog(directory, 3).records).toEqual(['four']);
  });

  test('records larger than a frame, up to a whole segment, and no larger', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory);
    const largest = SEGMENT_BYTES - SEGMENT_HEADER_BYTES - 24 - 8 - 4;
    log.append([Buffer.alloc(largest, 'a')]);
    log.append([Buffer.from('b')]);
    expect(() => log.append([Buffer.alloc(largest + 1)])).toThrow(
      expect.objectContaining({ code: 'STORE_RECORD_TOO_LARGE' }),
    );
    await log.sync();
    await log.close();
    expect(openLog(directory).records.map((record) => record.length)).toEqual([largest, 1]);
  });

  test('calls of sync made together share one write; what is appended meanwhile goes with the next', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory, 0, 1 << 20);
    const done: string[] = [];
    const add = (name: string) => {
      log.append([Buffer.from(name)]);
      return log.sync().then(() => done.push(name));
    };
    const first = ['a', 'b', 'c'].map(add);
    await Promise.resolve();
    const second = Array.from({ length: 50 }, (_, at) => add(`later ${at}`));
    await Promise.all([...first, ...second]);
    expect(log.stats.syncs).toBe(2);
    expect(done.slice(0, 3)).toEqual(['a', 'b', 'c']);
    await log.sync();
    expect(log.stats.syncs).toBe(2);
    await log.close();
    await expect(log.sync()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    expect(openLog(directory, 0, 1 << 20).records).toHaveLength(53);
  });

  test('more is buffered than a frame takes: several frames, one order', async () => {
    const directory = temporaryDirectory();
    const { log } = openLog(directory, 0, 8 << 20);
    for (let at = 0; at < 40; at++) log.append([Buffer.alloc(100_000, at)]);
    await log.sync();
    expect(log.stats.syncs).toBeGreaterThan(1);
    await log.close();
    expect(openLog(directory, 0, 8 << 20).records.map((record) => record.charCodeAt(0))).toEqual(
      Array.from({ length: 40 }, (_, at) => at),
    );
  });

  test('a caller that never waits is stopped', () => {
    const { log } = openLog(temporaryDirectory(), 0, 16 << 20);
    const fill = () => {
      for (let at = 0; at < 20; at++) log.append([Buffer.alloc(12 << 20)]);
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'STORE_BEHIND' }));
  });

  test('files cut off while they were being prepared are no obstacle', async () => {
    const directory = temporaryDirectory();
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, '000000000001.spare'), Buffer.alloc(100));
    const { log } = openLog(directory);
    log.append([Buffer.from('x')]);
    await log.sync();
    await log.close();
    expect(openLog(directory).records).toEqual(['x']);
  });
});
