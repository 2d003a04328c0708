import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHANNEL, decodeBatch, encodeBatch, itemBytes } from '../../src/qzmq/batch.ts';
import { SUITE } from '../../src/qzmq/constants.ts';
import { INNER, RECORD_OVERHEAD_BYTES, RecordOpener, RecordSealer, recordSid } from '../../src/qzmq/records.ts';
import { ReplayWindow } from '../../src/qzmq/replay-window.ts';

const SECRET = randomBytes(48);
const SID = randomBytes(8);

function pair(limits?: { records: number; bytes: number }, suite: 1 | 2 = SUITE.AES_256_GCM) {
  return { sealer: new RecordSealer(SECRET, suite, SID, limits), opener: new RecordOpener(SECRET, suite, limits) };
}

describe('records', () => {
  for (const [name, suite] of Object.entries(SUITE)) {
    it(`carry bodies of any size up to 64 KiB, 37 bytes over (${name})`, () => {
      const { sealer, opener } = pair(undefined, suite);
      for (const size of [0, 1, 37, 1024, 65_536]) {
        const body = randomBytes(size);
        const record = sealer.seal(INNER.BATCH, body);
        expect(record.length).toBe(size + RECORD_OVERHEAD_BYTES);
        expect(RECORD_OVERHEAD_BYTES).toBe(37);
        expect(recordSid(record)).toBe(SID.toString('latin1'));
        const opened = opener.open(record);
        expect(opened?.inner).toBe(INNER.BATCH);
        expect(opened?.body.equals(body)).toBe(true);
      }
    });
  }

  it('are refused with any byte flipped, and that changes nothing: the genuine one is still accepted', () => {
    const { sealer, opener } = pair();
    const record = sealer.seal(INNER.BATCH, Buffer.from('genuine'));
    for (let at = 0; at < record.length; at++) {
      // The sid chooses the session; it is covered too, but a session table would not even find this one.
      const flipped = Buffer.from(record);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      expect(opener.open(flipped), `byte ${at}`).toBeUndefined();
    }
    expect(opener.open(record)?.body.toString()).toBe('genuine');
  });

  it('are refused when cut, empty, of the other direction or suite', () => {
    const { sealer, opener } = pair();
    const record = sealer.seal(INNER.BATCH, Buffer.from('x'));
    for (const length of [0, 1, 36, record.length - 1]) expect(opener.open(record.subarray(0, length))).toBeUndefined();
    expect(new RecordOpener(randomBytes(48), SUITE.AES_256_GCM).open(record)).toBeUndefined();
    expect(new RecordOpener(SECRET, SUITE.CHACHA20_POLY1305).open(record)).toBeUndefined();
  });

  it('never seal the same plaintext to the same bytes (C7 in small)', () => {
    const { sealer } = pair();
    const seen = new Set<string>();
    for (let i = 0; i < 1000; i++) seen.add(sealer.seal(INNER.PING, Buffer.alloc(0)).toString('latin1'));
    expect(seen.size).toBe(1000);
  });

  it('end at the limit of the key, which asks for renewal before', () => {
    const { sealer, opener } = pair({ records: 8, bytes: 1e6 });
    const sealed = Array.from({ length: 8 }, (_, i) => {
      expect(sealer.renewDue, `record ${i}`).toBe(i >= 6);
      return sealer.seal(INNER.PING, Buffer.alloc(0));
    });
    for (const record of sealed) expect(opener.open(record)).toBeDefined();
    expect(sealer.admits(1)).toBe(false);
    expect(() => sealer.seal(INNER.PING, Buffer.alloc(0))).toThrow(expect.objectContaining({ code: 'QZMQ_KEY_LIMIT' }));
    const strict = pair({ records: 4, bytes: 1e6 }).opener;
    expect(strict.open(sealed[3] as Buffer)).toBeDefined();
    expect(strict.open(sealed[4] as Buffer)).toBeUndefined();
  });

  it('end at the bytes of the key, and hold at most 64 KiB', () => {
    const { sealer } = pair({ records: 100, bytes: 1000 });
    sealer.seal(INNER.BATCH, Buffer.alloc(800));
    expect(sealer.renewDue).toBe(true);
    expect(() => sealer.seal(INNER.BATCH, Buffer.alloc(250))).toThrow(
      expect.objectContaining({ code: 'QZMQ_KEY_LIMIT' }),
    );
    expect(() => pair().sealer.seal(INNER.BATCH, Buffer.alloc(65_537))).toThrow(
      expect.objectContaining({ code: 'QZMQ_RECORD_SIZE' }),
    );
  });
});

describe('replay window (C6)', () => {
  /** The records of one sender, sealed up to `count`. */
  function recordsOf(count: number): { opener: RecordOpener; records: Buffer[] } {
    const { sealer, opener } = pair();
    const records = Array.from({ length: count }, () => sealer.seal(INNER.PING, Buffer.alloc(0)));
    return { opener, records };
  }

  it('accepts each record once at the edges 0, 31, 32, 2047, and not at 2048', () => {
    const { opener, records } = recordsOf(2049);
    const accepts = (seq: number) => opener.open(records[seq] as Buffer) !== undefined;
    expect(accepts(2048)).toBe(true);
    expect(accepts(2048)).toBe(false);
    for (const distance of [31, 32, 2047]) {
      expect(accepts(2048 - distance), `${distance} behind`).toBe(true);
      expect(accepts(2048 - distance), `${distance} behind, again`).toBe(false);
    }
    expect(accepts(0), '2048 behind').toBe(false);
  });

  it('accepts 0 first, and again never', () => {
    const { opener, records } = recordsOf(33);
    const accepted = [0, 0, 31, 32, 31, 1, 30, 1, 32].map((seq) => opener.open(records[seq] as Buffer) !== undefined);
    expect(accepted).toEqual([true, false, true, true, false, true, true, false, false]);
  });

  it('equals a set of everything seen, for any order, duplication and loss', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 70 }) },
        { weight: 2, arbitrary: fc.integer({ min: 2000, max: 2100 }) },
        { weight: 2, arbitrary: fc.integer({ min: 4050, max: 4200 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 20 - 1 }) },
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (sequence) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const seq of sequence) {
          const expected = !seen.has(seq) && seq > highest - 2048;
          expect(window.admits(seq)).toBe(expected);
          if (!expected) continue;
          window.mark(seq);
          seen.add(seq);
          highest = Math.max(highest, seq);
          expect(window.highest).toBe(highest);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('batches', () => {
  it('carry items unchanged', () => {
    const item = fc.record({
      channel: fc.constantFrom(...Object.values(CHANNEL)),
      bytes: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 20 }), (items) => {
        const total = items.reduce((sum, it) => sum + itemBytes(it), 0);
        const decoded = decodeBatch(encodeBatch(items, total));
        expect(decoded?.map((it) => ({ ...it, bytes: new Uint8Array(it.bytes) }))).toEqual(items);
      }),
    );
  });

  it('are refused whole when anything in them is wrong', () => {
    expect(decodeBatch(Buffer.from([1, 0]))).toBeUndefined();
    expect(decodeBatch(Buffer.from([1, 0, 2, 65]))).toBeUndefined();
    expect(decodeBatch(Buffer.from([9, 0, 1, 65]))).toBeUndefined();
    expect(decodeBatch(Buffer.from([0, 0, 0]))).toBeUndefined();
    expect(decodeBatch(Buffer.from([1, 0, 1, 65, 7]))).toBeUndefined();
    expect(decodeBatch(Buffer.alloc(0))).toEqual([]);
  });
});
