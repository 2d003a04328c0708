import { describe, expect, test } from 'vitest';
import { SCENARIOS } from '../../src/sim/scenarios.ts';
import { CALM } from '../../src/sim/settings.ts';
import { SHORT, scenario, simulate } from './run.ts';

describe('a calm network', () => {
  test.each([1, 4, 10])('of %i validators decides everything, certifies it and falls silent', async (validators) => {
    const clients = { ...CALM.clients, proposals: 20, doubleSpends: 0.3 };
    const { decisions, acknowledged } = await simulate(validators, { ...CALM, validators, clients }).run();
    const { APPROVED = 0, REJECTED = 0, CONFLICT = 0, EXPIRED = 0 } = decisions;
    expect(APPROVED + REJECTED + CONFLICT + EXPIRED).toBeGreaterThanOrEqual(20);
    expect(acknowledged).toBeGreaterThanOrEqual(20);
    expect(APPROVED).toBeGreaterThan(REJECTED);
    expect(CONFLICT).toBeGreaterThan(0);
  });

  test('is a function of the seed', async () => {
    const first = await scenario('hostile', 42);
    expect(await scenario('hostile', 42)).toEqual(first);
    expect((await scenario('hostile', 43)).digest).not.toBe(first.digest);
  });

  test('decides nothing without a quorum of opinions, and expires what it was given', async () => {
    const { decisions } = await simulate(3, { ...SHORT, models: { ...SHORT.models, late: 1 } }).run();
    expect(decisions).toMatchObject({ APPROVED: 0, REJECTED: 0, CONFLICT: 0 });
    expect(decisions.EXPIRED).toBeGreaterThanOrEqual(8);
  });
});

test.each(Object.keys(SCENARIOS))('nothing breaks in the scenario %s', async (name) => {
  const { decisions } = await scenario(name, 1);
  expect(decisions.APPROVED).toBeGreaterThan(0);
});

describe('what a scenario is for happens in it', () => {
  test.each([
    ['hostile', ['lost', 'duplicated', 'reordered', 'partitions', 'crashes', 'restarts', 'freezes', 'lateOpinions']],
    ['power', ['powerCuts', 'framesLost', 'tornWrites']],
    ['disks', ['diskFailures', 'crashes']],
    ['sleeper', ['synced']],
    ['junk-sync', ['synced', 'twisted']],
    ['flood', ['junk', 'refused']],
    ['equivocate', ['equivocations']],
    ['outage', ['outages', 'lost']],
    ['epoch', ['epochs', 'crashes']],
    ['join', ['newcomers', 'epochs', 'crashes', 'snapshotStarts']],
    ['pruned', ['prunings', 'pruned', 'snapshotStarts', 'synced']],
  ] as const)('%s: %j', async (name, counters) => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 6 && counters.some((each) => !seen.get(each)); seed++) {
      const report = await scenario(name, seed);
      for (const counter of counters) seen.set(counter, (seen.get(counter) ?? 0) + report.counters[counter]);
    }
    for (const counter of counters) expect([counter, seen.get(counter)]).not.toEqual([counter, 0]);
  });

  test('silence: nothing is said between the proposals, and the last one is decided as fast as the first', async () => {
    const { counters, virtualMs } = await scenario('silence', 3);
    expect(virtualMs).toBeGreaterThan(9 * 3_600_000);
    expect(counters.messages).toBeLessThan(2_000);
  });

  test('any scenario with any number of validators', async () => {
    expect((await scenario('byzantine', 1, 10)).validators).toBe(10);
    expect((await scenario('withhold', 1, 1)).validators).toBe(1);
  });
});
