import { expect, test } from 'vitest';
import { RecentKeys } from '../../src/wasm/recent-keys.ts';

/** A key by its first bytes; only those matter here. */
function key(...beginning: number[]): Uint8Array {
  const bytes = new Uint8Array(1952);
  bytes.set(beginning);
  return bytes;
}

test('the key that was not used for the longest time goes, and its slot is used again', () => {
  const keys = new RecentKeys<string>(3);
  for (const name of [1, 2, 3]) {
    expect(keys.evict()).toBeUndefined();
    keys.add(key(name), `slot ${name}`);
  }
  expect(keys.find(key(1))).toBe('slot 1');
  expect(keys.find(key(3))).toBe('slot 3');
  expect(keys.find(key(1))).toBe('slot 1');
  expect(keys.evict()).toBe('slot 2');
  keys.add(key(4), 'slot 2');
  expect(keys.find(key(2))).toBeUndefined();
  expect(keys.evict()).toBe('slot 3');
  keys.add(key(5), 'slot 3');
  expect([1, 4, 5].map((name) => keys.find(key(name)))).toEqual(['slot 1', 'slot 2', 'slot 3']);
});

test('a bound of one', () => {
  const keys = new RecentKeys<string>(1);
  expect(keys.evict()).toBeUndefined();
  keys.add(key(1), 'slot');
  for (const name of [2, 3, 2]) {
    expect(keys.find(key(name))).toBeUndefined();
    expect(keys.evict()).toBe('slot');
    keys.add(key(name), 'slot');
    expect(keys.find(key(name))).toBe('slot');
  }
});

test('each of the first six bytes tells keys apart; of keys that agree in them the later one stays', () => {
  const keys = new RecentKeys<number>(100);
  const beginnings = Array.from({ length: 6 }, (_, i) => [...new Array<number>(i).fill(0), 255]);
  for (const [i, beginning] of beginnings.entries()) keys.add(key(...beginning), i);
  for (const [i, beginning] of beginnings.entries()) expect(keys.find(key(...beginning))).toBe(i);
  keys.add(key(255, 0, 0, 0, 0, 0, 1), 7);
  expect(keys.find(key(255))).toBe(7);
});
