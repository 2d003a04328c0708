/**
 * Shows that the tests can fail: breaks one rule at a time in a copy of the sources and runs the tests that must notice.
 *
 *   node scripts/mutants.ts [TEXT]     only mutants whose file, name or tests contain TEXT
 *
 * Prints one line per mutant; exits with 1 when one survives, or when a mutant no longer fits the source.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CORE_MUTANTS } from './mutants/core.ts';
import { EPOCH_MUTANTS } from './mutants/epochs.ts';
import { PIPELINE_MUTANTS } from './mutants/pipeline.ts';
import { type Breakage, ROOT, withBreakage, withCopy } from './mutants/tree.ts';

const MUTANTS = [...CORE_MUTANTS, ...PIPELINE_MUTANTS, ...EPOCH_MUTANTS];

export interface Mutant extends Breakage {
  /** Test files under test/, without their ending: at least one of them must fail. */
  readonly tests: readonly string[];
}

function testsPass(copy: string, tests: readonly string[]): boolean {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const files = tests.map((test) => `test/${test}.test.ts`);
  const run = spawnSync(process.execPath, [vitest, 'run', '--bail=1', '--reporter=dot', ...files], {
    cwd: copy,
    stdio: 'ignore',
    // A mutant may loop for ever: that is noticed too.
    timeout: 300_000,
  });
  return run.status === 0;
}

function main(): void {
  const wanted = process.argv[2] ?? '';
  const mutants = MUTANTS.filter(({ file, name, tests }) =>
    [file, name, ...tests].some((text) => text.includes(wanted)),
  );
  let killed = 0;
  withCopy((copy) => {
    const all = [...new Set(mutants.flatMap(({ tests }) => tests))];
    if (!testsPass(copy, all)) throw new Error(`the tests fail without any mutant: ${all.join(' ')}`);
    for (const mutant of mutants) {
      const survives = withBreakage(copy, mutant, () => testsPass(copy, mutant.tests));
      const verdict = survives === undefined ? 'does not fit' : survives ? 'SURVIVED' : 'killed';
      if (verdict === 'killed') killed += 1;
      console.log(`${verdict.padEnd(12)} ${mutant.file}: ${mutant.name}`);
    }
  });
  console.log(`${killed} of ${mutants.length} mutants were killed`);
  process.exitCode = killed === mutants.length ? 0 : 1;
}

main();
