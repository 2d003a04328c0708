import type { SimReport } from '../../src/sim/report.ts';
import { runScenario } from '../../src/sim/run.ts';
import { CALM, type Settings } from '../../src/sim/settings.ts';
import { Simulation } from '../../src/sim/simulation.ts';
import { loadKernels } from '../../src/wasm/load.ts';

const kernels = loadKernels({ kind: 'wasm' });

/** Enough to go round once or twice. */
export const SHORT: Settings = {
  ...CALM,
  hostileMs: 300,
  clients: { ...CALM.clients, proposals: 8, doubleSpends: 0.3 },
};

export function simulate(seed: number, settings: Settings): Simulation {
  return new Simulation({ kernels, scenario: 'of a test', seed, settings });
}

export function scenario(name: string, seed: number, validators?: number): Promise<SimReport> {
  return runScenario(kernels, { scenario: name, seed, ...(validators === undefined ? {} : { validators }) });
}
