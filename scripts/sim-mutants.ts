/**
 * Shows that the simulator finds broken rules: breaks one at a time in a copy of the sources and counts the seeds until
 * something no longer holds.
 *
 *   node scripts/sim-mutants.ts [TEXT]     only mutants whose file or name contains TEXT
 *
 * Prints one line per mutant; exits with 1 when one is not found within 50 seeds, or no longer fits the source.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Violation } from '../src/sim/sweep.ts';
import { SIMULATED_MUTANTS, type SimulatedMutant } from './mutants/simulated.ts';
import { withBreakage, withCopy } from './mutants/tree.ts';

const SEEDS = 50;

interface Found {
  readonly seeds: number;
  readonly violation: Violation | undefined;
}

/** Runs seeds one after the other until the first violation. */
function search(copy: string, { scenario, twin }: SimulatedMutant): Found {
  const chosen = scenario === 'turns' ? [] : ['--scenario', scenario];
  const main = join(copy, 'src', 'cli', 'main.ts');
  const args = [main, 'sim', '--seeds', `1..${SEEDS}`, ...chosen, '--jobs', '1', '--first', '--json'];
  const env = { ...process.env, ...(twin ? { PQ_KERNELS: 'twin' } : {}) };
  const run = spawnSync(process.execPath, args, { env, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (run.stdout === '') throw new Error(`the simulator did not run: ${run.stderr}`);
  const { runs, violations } = JSON.parse(run.stdout) as { runs: number; violations: readonly Violation[] };
  return { seeds: runs, violation: violations[0] };
}

function main(): void {
  const wanted = process.argv[2] ?? '';
  const mutants = SIMULATED_MUTANTS.filter(({ file, name }) => `${file} ${name}`.includes(wanted));
  let found = 0;
  withCopy((copy) => {
    for (const mutant of mutants) {
      const result = withBreakage(copy, mutant, () => search(copy, mutant));
      if (result?.violation !== undefined) found += 1;
      console.log(`${verdictOf(result).padEnd(50)} ${mutant.file}: ${mutant.name}`);
    }
  });
  console.log(`${found} of ${mutants.length} mutants were found within ${SEEDS} seeds`);
  process.exitCode = found === mutants.length ? 0 : 1;
}

function verdictOf(result: Found | undefined): string {
  if (result === undefined) return 'does not fit';
  const { seeds, violation } = result;
  if (violation === undefined) return `NOT FOUND in ${seeds} seeds`;
  return `seed ${String(seeds).padStart(2)}  ${violation.scenario}: ${violation.code}`;
}

main();
