import { expect, test } from 'vitest';
import { AlarmClock } from '../../src/node/alarm-clock.ts';
import { ManualClock } from './manual-clock.ts';

function setUp() {
  const clock = new ManualClock();
  const rings: number[] = [];
  const start = clock.now();
  const alarm = new AlarmClock(clock, () => rings.push(clock.now() - start));
  return { clock, alarm, rings, start };
}

test('rings once at the time armed', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 5);
  clock.advance(4);
  expect(rings).toEqual([]);
  clock.advance(100);
  expect(rings).toEqual([5]);
});

test('a later time replaces an earlier one', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 5);
  alarm.arm(start + 9);
  clock.advance(100);
  expect(rings).toEqual([9]);
});

test('an earlier time replaces a later one', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 9);
  alarm.arm(start + 5);
  clock.advance(100);
  expect(rings).toEqual([5]);
});

test('infinity takes the time back', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 5);
  alarm.arm(Number.POSITIVE_INFINITY);
  clock.advance(100);
  expect(rings).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('a timer that fires early does not ring', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 5);
  clock.fireEarly();
  expect(rings).toEqual([]);
  clock.advance(100);
  expect(rings).toEqual([5]);
});

test('a time in the past rings, but not from within arm', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start - 5);
  expect(rings).toEqual([]);
  clock.advance(0);
  expect(rings).toEqual([0]);
});

test('does not ring after stop', () => {
  const { clock, alarm, rings, start } = setUp();
  alarm.arm(start + 5);
  alarm.stop();
  clock.advance(100);
  expect(rings).toEqual([]);
  expect(clock.pending).toBe(0);
});
