import { describe, expect, test } from 'vitest';
import type { CoreEvent } from '../../src/core/events.ts';
import { BEHAVIOURS } from '../../src/sim/byzantine.ts';
import { BYZANTINE, CALM, HOSTILE, LONG_OUTAGE, type Scenario } from '../../src/sim/scenario.ts';
import { Simulation } from '../../src/sim/simulation.ts';
import { loadKernels } from '../../src/wasm/load.ts';

const kernels = loadKernels({ kind: 'wasm' });

/** Enough to go round once or twice. */
const SHORT: Scenario = { ...CALM, hostileMs: 500, proposals: 10, doubleSpends: 0.3 };

function run(seed: number, scenario: Scenario) {
  return new Simulation(kernels, seed, scenario).run();
}

describe('a calm network', () => {
  test.each([1, 4, 10])('of %i validators decides everything, certifies it and falls silent', (validators) => {
    const scenario = { ...CALM, validators, proposals: 20, hostileMs: 800, doubleSpends: 0.3, rejects: 0.15 };
    const report = run(validators, scenario);
    const { APPROVED = 0, REJECTED = 0, CONFLICT = 0, EXPIRED = 0 } = report.decisions;
    expect(APPROVED + REJECTED + CONFLICT + EXPIRED).toBeGreaterThanOrEqual(scenario.proposals);
    expect(APPROVED).toBeGreaterThan(REJECTED);
    expect(CONFLICT).toBeGreaterThan(0);
    expect(report.certified).toBeGreaterThan(0);
  });

  test('with several leaders a round and unequal stakes', () => {
    const report = run(5, { ...SHORT, validators: 5, stakes: [5, 1, 3, 2, 2], leadersPerRound: 3 });
    expect(report.decisions.APPROVED).toBeGreaterThan(0);
  });

  test('is a function of the seed', () => {
    expect(run(42, SHORT)).toEqual(run(42, SHORT));
    expect(run(42, SHORT)).not.toEqual(run(43, SHORT));
  });

  test('decides nothing without a quorum of opinions, and expires what it was given', () => {
    const { decisions } = run(3, { ...CALM, modelSilence: 1, proposals: 5, doubleSpends: 0 });
    expect(decisions).toEqual({ EXPIRED: 5 });
  });
});

describe('a network that delays, reorders, drops, duplicates, cuts itself in two and crashes its nodes', () => {
  test.each([
    [4, 1],
    [4, 4],
    [7, 7],
    [2, 1],
  ])('of %i validators with %i leaders a round agrees and loses nothing', (validators, leadersPerRound) => {
    let lost = 0;
    let crashes = 0;
    for (let seed = 1; seed <= 2; seed++) {
      const report = run(seed, { ...HOSTILE, validators, leadersPerRound, proposals: 25 });
      lost += report.lost;
      crashes += report.crashes;
    }
    expect(lost).toBeGreaterThan(20);
    expect(crashes).toBeGreaterThan(1);
  });
});

test('a validator that slept through hundreds of rounds takes over the certified commits', () => {
  const report = run(2, { ...LONG_OUTAGE, proposals: 90 });
  expect(report.crashes).toBe(1);
  expect(report.synced).toBeGreaterThan(3);
});

describe('Byzantine validators', () => {
  test('that do everything that is bad at once stop nobody', () => {
    const report = run(1, { ...BYZANTINE, hostileMs: 1_500, proposals: 15 });
    expect(report.equivocations).toBeGreaterThan(0);
    expect(report.refused).toBeGreaterThan(50);
    expect(report.decisions.APPROVED).toBeGreaterThan(0);
  });

  test.each(BEHAVIOURS)('that %s, two of seven, stop nobody', (behaviour) => {
    const byzantine = [[behaviour], [behaviour]];
    const scenario = { ...BYZANTINE, validators: 7, leadersPerRound: 2, hostileMs: 1_000, proposals: 12, byzantine };
    expect(run(3, scenario).decisions.APPROVED).toBeGreaterThan(0);
  });

  test('that answer commit sync with junk, or not at all, keep no sleeper from following', () => {
    const report = run(2, { ...LONG_OUTAGE, settleMs: 60_000, byzantine: [['sync']] });
    expect([report.crashes, report.synced > 0]).toEqual([1, true]);
  });
});

describe('the checks themselves', () => {
  test('see a validator that executes another state', () => {
    const simulation = new Simulation(kernels, 9, SHORT);
    const liar = simulation.nodes[2];
    const honest = liar?.input.bind(liar);
    if (!liar || !honest) throw new Error('no third validator');
    liar.input = (input) => {
      honest(
        input.type === 'executed' && input.index === 20 ? { ...input, stateRoot: new Uint8Array(32).fill(7) } : input,
      );
    };
    expect(() => simulation.run()).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^SIM_(DISAGREEMENT|ALARM)$/) }),
    );
  });

  test('see two signatures in one round', () => {
    const simulation = new Simulation(kernels, 9, SHORT);
    simulation.signing(1, 5, 'aa');
    expect(() => simulation.signing(1, 5, 'bb')).toThrow(expect.objectContaining({ code: 'SIM_DOUBLE_SIGNATURE' }));
  });

  test('see a proposal that nobody decided', () => {
    const simulation = new Simulation(kernels, 9, { ...SHORT, settleMs: 1 });
    const observed = simulation.observed.bind(simulation);
    simulation.observed = (node: number, event: CoreEvent) => {
      if (event.type !== 'executed') observed(node, event);
    };
    expect(() => simulation.run()).toThrow(expect.objectContaining({ code: 'SIM_UNDECIDED' }));
  });
});
