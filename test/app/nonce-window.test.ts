import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NonceWindow } from '../../src/app/nonce-window.ts';

test('behaves like the set of all used nonces and the highest of them', () => {
  const nonce = fc.oneof(fc.nat(1100), fc.integer({ min: 900, max: 2200 }), fc.nat(Number.MAX_SAFE_INTEGER));
  fc.assert(
    fc.property(fc.array(nonce, { maxLength: 200 }), (nonces) => {
      const window = new NonceWindow();
      const used = new Set<number>();
      let high = 1023;
      for (const each of nonces) {
        const expected = each < high - 1023 ? 'NONCE_TOO_OLD' : used.has(each) ? 'NONCE_USED' : 'OK';
        expect(window.check(each)).toBe(expected);
        if (expected !== 'OK') continue;
        window.use(each);
        used.add(each);
        high = Math.max(high, each);
        expect(window.low).toBe(high - 1023);
        expect(window.check(window.next())).toBe('OK');
      }
    }),
    { numRuns: 300 },
  );
});

test('1 024 nonces out of order are all usable once, the next moves the window by one', () => {
  const window = new NonceWindow();
  for (let at = 0; at < 1024; at++) window.use((at * 37) % 1024);
  for (let at = 0; at < 1024; at++) expect(window.check(at)).toBe('NONCE_USED');
  expect(window.next()).toBe(1024);
  window.use(1024);
  expect([window.low, window.check(0), window.check(1), window.check(1024), window.check(1025)]).toEqual([
    1,
    'NONCE_TOO_OLD',
    'NONCE_USED',
    'NONCE_USED',
    'OK',
  ]);
});
