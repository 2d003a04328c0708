/**
 * A defence that is not shown next to what it replaces proves nothing: under every attack the robust aggregate learns as well as
 * without one, and in the same run the plain average is driven to where a coin is as good.
 */
import { describe, expect, test } from 'vitest';
import { loadKernels } from '../../src/wasm/load.ts';
import { ATTACKS } from './attacks.ts';
import { accounts, areaUnderCurve, madeUp } from './labelled.ts';
import { average, Committee, type Training } from './training.ts';

/** What an attack may cost: the area under the curve is 0.5 for a coin, 1 for no mistake. */
const COST_MAX = 0.015;
/** No better than a coin, give or take. */
const COIN = 0.6;

interface Outcome {
  readonly attack: string;
  readonly average: number;
  readonly robust: number;
}

/** Trains under every attack, both ways, and prints the areas under the curve. */
function outcomes(training: Training): { calm: number; attacked: Outcome[] } {
  const committee = new Committee(loadKernels(), training);
  const calm = committee.judge(committee.train(average));
  const attacked = Object.entries(ATTACKS).map(([name, attack]) => ({
    attack: name,
    average: committee.judge(committee.train(average, attack)),
    robust: committee.judge(committee.train(committee.robust, attack)),
  }));
  const line = attacked.map((o) => `${o.attack} ${o.average.toFixed(3)} / ${o.robust.toFixed(3)}`).join(', ');
  console.log(`n = ${training.nodes}, test AUC average / robust: no attack ${calm.toFixed(3)}; ${line}`);
  return { calm, attacked };
}

function expectDefence(training: Training): void {
  const { calm, attacked } = outcomes(training);
  expect(calm).toBeGreaterThan(0.95);
  for (const { attack, robust } of attacked) expect(robust, attack).toBeGreaterThan(calm - COST_MAX);
  expect(Math.min(...attacked.map((outcome) => outcome.average))).toBeLessThan(COIN);
}

test('the area under the curve counts draws by half', () => {
  expect(areaUnderCurve([1, 2, 3, 4], Float32Array.of(0, 0, 1, 1))).toBe(1);
  expect(areaUnderCurve([1, 1, 1, 1], Float32Array.of(0, 1, 0, 1))).toBe(0.5);
  expect(areaUnderCurve([1, 2, 2, 3], Float32Array.of(1, 0, 1, 0))).toBe(0.125);
});

describe('learning under attack, from rows that are made up', () => {
  const data = madeUp();
  test.each([4, 10, 31])('n = %i, f = ⌊(n − 1)/3⌋', (nodes) => {
    expectDefence({ data, hidden: [16], nodes, rounds: 60, batch: 128, rate: 0.5 });
  });
});

const real = accounts();
describe.skipIf(real === undefined)(
  'learning under attack, from Ethereum accounts (../shared/data, where present)',
  () => {
    test.each([4, 10])('n = %i, f = ⌊(n − 1)/3⌋', (nodes) => {
      expectDefence({ data: real!, hidden: [32], nodes, rounds: 60, batch: 256, rate: 0.5 });
    });
  },
);
