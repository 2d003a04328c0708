import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocateRows, extractorFor } from '../../src/agent/features/extractor.ts';
import { hash32 } from '../../src/agent/features/hash.ts';
import { decodeKnown, encodeKnown } from '../../src/agent/features/known.ts';
import { foldedOf, hostOf, partsOf, skeletonOf } from '../../src/agent/features/origin.ts';
import { originIds } from '../../src/agent/features/origin-ngrams.ts';
import type { ProposalData } from '../../src/agent/proposals.ts';
import { transaction } from './fixtures.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('an origin', () => {
  test.each([
    ['https://www.Example.COM:8443/path?q#f', 'example.com'],
    ['wss://user:pass@rpc.example.org', 'rpc.example.org'],
    ['example.org.', 'example.org'],
    ['  app.example.org\\@evil.example ', 'app.example.org'],
    ['https://google.com@evil.example/', 'evil.example'],
    [`${'a.'.repeat(125)}google.com.evil.example`, ''],
    [`https://${'a.'.repeat(246)}google.com.evil.example`, ''],
    ['', ''],
  ])('%s is host %s', (origin, host) => {
    expect(hostOf(origin)).toBe(host);
  });

  test.each([
    ['shop.example.co.uk', 'example', 'co.uk', ['shop']],
    ['example.co', 'example', 'co', []],
    ['co.uk', 'co', 'uk', []],
    ['a.b.mine.github.io', 'mine', 'github.io', ['a', 'b']],
    ['github.io', 'github', 'io', []],
    ['10.0.0.1', '10.0.0.1', '', []],
    ['localhost', 'localhost', '', []],
  ])('%s is taken apart', (origin, label, suffix, subdomains) => {
    expect(partsOf(origin)).toMatchObject({ label, suffix, subdomains });
  });

  test('in punycode is read as what it looks like', () => {
    expect(skeletonOf('xn--80ak6aa92e.com')).toBe('apple.com');
    expect(skeletonOf('example.com')).toBe('example.com');
  });

  test('is seen by a hurried reader as the brand it imitates', () => {
    for (const imitation of ['rnetamask', 'metarnask', 'mettamask', 'm3tamask'])
      expect(foldedOf(imitation)).toBe('metamask');
    expect(foldedOf('paypa1')).toBe(foldedOf('paypai'));
  });

  test('of any text at all gives parts within bounds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (origin) => {
        const { host, label, subdomains } = partsOf(origin);
        expect(host.length).toBeLessThanOrEqual(253);
        expect(host.includes(label)).toBe(true);
        expect(subdomains.join('.').length).toBeLessThanOrEqual(host.length);
      }),
    );
  });
});

const PARAMETERS = {
  seed: 7,
  buckets: 1009,
  maxIds: 300,
  host: [2, 4],
  label: [3, 3],
  folded: [3, 3],
  pattern: [4, 5],
  words: true,
  shape: true,
} as const;

describe('origin-ngrams/1', () => {
  test('hashes the same on every machine', () => {
    // FNV-1a's published values of "", "a" and "foobar", through MurmurHash3's finaliser in big integers.
    const finaliser = (hash: bigint): number => {
      const mask = 0xffffffffn;
      let h = hash;
      h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask;
      h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask;
      return Number(h ^ (h >> 16n));
    };
    expect(hash32('', 0)).toBe(finaliser(0x811c9dc5n));
    expect(hash32('a', 0)).toBe(finaliser(0xe40c292cn));
    expect(hash32('foobar', 0)).toBe(finaliser(0xbf9cf968n));
  });

  test('are the hashes of exactly the n-grams', () => {
    const grams = ['<a', 'ab', 'b>', '<ab', 'ab>'].map((gram) => 1 + (hash32(`h${gram}`, 7) % 1009));
    const ids = originIds('ab', { seed: 7, buckets: 1009, maxIds: 50, host: [2, 3] });
    expect(new Set(ids)).toEqual(new Set(grams));
  });

  test('are distinct, in range, bounded, and a function of the origin alone', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.string({ maxLength: 400 })), (origin) => {
        const ids = originIds(origin, PARAMETERS);
        expect(ids).toEqual(originIds(origin, PARAMETERS));
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBeLessThanOrEqual(300);
        expect(ids.every((id) => Number.isInteger(id) && id >= 1 && id <= 1009)).toBe(true);
      }),
    );
  });

  test('differ by seed', () => {
    expect(originIds('example.com', PARAMETERS)).not.toEqual(originIds('example.com', { ...PARAMETERS, seed: 8 }));
  });

  test('of a known domain, subdomains included, say only that', () => {
    const known = encodeKnown(['app.example.org', 'www.example.org', 'other.example.co.uk']);
    const isKnown = decodeKnown(known);
    expect(['example.org', 'https://pay.example.org/x', 'example.co.uk'].map(isKnown)).toEqual([true, true, true]);
    expect(['example.net', 'example.org.evil.example', 'co.uk', ''].map(isKnown)).toEqual([false, false, false, false]);
    const extractor = extractorFor('transaction', 'origin-ngrams/1', { ...PARAMETERS, known });
    const rows = allocateRows(extractor, 2);
    extractor.extract(transaction({ origin: 'example.org' }), 0, rows);
    extractor.extract(transaction({ origin: 'example.net' }), 1, rows);
    expect([...rows[0]!.subarray(0, 4)]).toEqual([1010, 1010, 1010, 0]);
    expect(rows[0]!.subarray(300).includes(1010)).toBe(false);
  });

  test('refuse parameters that they do not understand', () => {
    for (const wrong of [
      undefined,
      {},
      { ...PARAMETERS, buckets: 0 },
      { ...PARAMETERS, host: [3, 2] },
      { ...PARAMETERS, host: [1, 99] },
      { ...PARAMETERS, words: 1 },
      { ...PARAMETERS, known: '!' },
    ]) {
      expect(() => extractorFor('transaction', 'origin-ngrams/1', wrong)).toThrow(code('MODEL_INPUT'));
    }
    expect(() => extractorFor('upgrade', 'origin-ngrams/1', PARAMETERS)).toThrow(code('MODEL_INPUT'));
  });
});

describe('numeric features', () => {
  const row = (item: ProposalData, names: string[]): number[] | null => {
    const extractor = extractorFor(item.kind, names, undefined);
    const rows = allocateRows(extractor, 1);
    return extractor.extract(item, 0, rows) ? [...rows[0]!] : null;
  };

  test('of each kind', () => {
    const names = ['amount_log1p', 'fee_share', 'is_self_transfer', 'origin_subdomains', 'origin_hyphens'];
    expect(row(transaction({ amount: 3n, fee: 3n, origin: 'a-b.example.org' }), names)).toEqual([
      Math.fround(Math.log(4)),
      1,
      0,
      0.25,
      0.25,
    ]);
    expect(row({ kind: 'security', subject: 's', severity: 5, description: '' }, ['severity'])).toEqual([0.5]);
    expect(row({ kind: 'dispute', proposalId: 'ab', claim: '' }, ['claim_length_log1p'])).toEqual([0]);
    expect(row({ kind: 'upgrade', parameter: 'p', value: '', description: '' }, ['value_length_log1p'])).toEqual([0]);
    expect(
      row({ kind: 'block', author: 0, round: 1, proposals: 0, payloadBytes: 0, timestampMs: 0 }, ['proposals_log1p']),
    ).toEqual([0]);
  });

  test('of behaviour that is absent are not made up, nor taken from a prototype', () => {
    expect(row(transaction({ behaviour: { sent: 2 } }), ['behaviour.sent'])).toEqual([2]);
    expect(row(transaction({ behaviour: { sent: 2 } }), ['behaviour.received'])).toBeNull();
    expect(row(transaction(), ['behaviour.toString'])).toBeNull();
  });

  test('that do not exist are refused with those that do', () => {
    expect(() => extractorFor('transaction', ['constructor'], undefined)).toThrow(code('MODEL_FEATURE'));
    expect(() => extractorFor('transaction', [], undefined)).toThrow(code('MODEL_FEATURE'));
    expect(() => extractorFor('block', ['behaviour.sent'], undefined)).toThrow(code('MODEL_FEATURE'));
  });
});

test('bytes/1 takes head and tail and pads between', () => {
  const extractor = extractorFor('other', 'bytes/1', { head: 3, tail: 2, padding: 256 });
  const rows = allocateRows(extractor, 2);
  extractor.extract({ kind: 'other', body: Uint8Array.of(1) }, 0, rows);
  extractor.extract({ kind: 'other', body: Uint8Array.of(1, 2, 3, 4, 5, 6) }, 1, rows);
  expect([...rows[0]!]).toEqual([1, 256, 256, 256, 1, 1, 2, 3, 5, 6]);
  expect(() => extractorFor('other', 'bytes/1', { head: 0, tail: 0 })).toThrow(code('MODEL_INPUT'));
});
