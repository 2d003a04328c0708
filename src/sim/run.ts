import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { SeededRandom } from './random.ts';
import type { SimReport } from './report.ts';
import { SCENARIOS } from './scenarios.ts';
import { withValidators } from './settings.ts';
import { Simulation } from './simulation.ts';

export interface RunOptions {
  readonly scenario: string;
  readonly seed: number;
  /** In place of the number that the scenario draws. */
  readonly validators?: number;
  readonly note?: (line: string) => void;
}

/**
 * One run: a function of its seed, its scenario and the number of validators. Throws `SIM_SCENARIO` for a name that no
 * scenario has, and the `SIM_…` code of what did not hold.
 */
export async function runScenario(kernels: Kernels, options: RunOptions): Promise<SimReport> {
  const { scenario, seed, validators, note } = options;
  const found = Object.hasOwn(SCENARIOS, scenario) ? SCENARIOS[scenario] : undefined;
  if (!found) {
    const names = Object.keys(SCENARIOS).join(', ');
    throw new PqError('SIM_SCENARIO', `No scenario is called '${scenario}'. There are: ${names}.`, { scenario });
  }
  const drawn = found.settings(new SeededRandom(seed).fork('settings'));
  const settings = validators === undefined ? drawn : withValidators(drawn, validators);
  return new Simulation({ kernels, scenario, seed, settings, ...(note ? { note } : {}) }).run();
}
