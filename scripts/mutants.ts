/**
 * Shows that the tests can fail: breaks one rule at a time in a copy of the sources and runs the tests that must notice.
 *
 *   node scripts/mutants.ts [TEXT]     only mutants whose file or name contains TEXT
 *
 * Prints one line per mutant; exits with 1 when one survives, or when a mutant no longer fits the source.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CORE_MUTANTS } from './mutants/core.ts';
import { PIPELINE_MUTANTS } from './mutants/pipeline.ts';

/** One breakage: in `file` of src/, the one place that reads `from` reads `to`. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Test files under test/, without their ending: at least one of them must fail. */
  readonly tests: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const COPIED = [
  'src',
  'test',
  'build',
  'assembly',
  'scripts',
  'asconfig.json',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];

function copyOfTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'pq-mutants-'));
  for (const name of COPIED) {
    // The times too: a core that looks older than its sources would be built again for every mutant.
    cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function testsPass(copy: string, tests: readonly string[]): boolean {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const files = tests.map((test) => `test/${test}.test.ts`);
  const run = spawnSync(process.execPath, [vitest, 'run', '--bail=1', '--reporter=dot', ...files], {
    cwd: copy,
    stdio: 'ignore',
    // A mutant may loop for ever: that is noticed too.
    timeout: 300_000,
  });
  return run.status === 0;
}

/** The source with the mutant in it; undefined when it does not fit exactly once. */
function mutated(source: string, { from, to }: Mutant): string | undefined {
  const at = source.indexOf(from);
  if (at < 0 || source.indexOf(from, at + 1) >= 0) return undefined;
  return source.slice(0, at) + to + source.slice(at + from.length);
}

function main(): void {
  const wanted = process.argv[2] ?? '';
  const mutants = [...CORE_MUTANTS, ...PIPELINE_MUTANTS].filter(({ file, name }) => `${file} ${name}`.includes(wanted));
  const copy = copyOfTree();
  let failures = 0;
  try {
    const all = [...new Set(mutants.flatMap(({ tests }) => tests))];
    if (!testsPass(copy, all)) throw new Error(`the tests fail without any mutant: ${all.join(' ')}`);
    for (const mutant of mutants) {
      const path = join(copy, 'src', mutant.file);
      const source = readFileSync(path, 'utf8');
      const broken = mutated(source, mutant);
      const verdict =
        broken === undefined ? 'does not fit' : survives(path, broken, source, copy, mutant) ? 'SURVIVED' : 'killed';
      if (verdict !== 'killed') failures += 1;
      console.log(`${verdict.padEnd(12)} ${mutant.file}: ${mutant.name}`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  console.log(`${mutants.length - failures} of ${mutants.length} mutants were killed`);
  process.exitCode = failures === 0 ? 0 : 1;
}

function survives(path: string, broken: string, source: string, copy: string, { tests }: Mutant): boolean {
  writeFileSync(path, broken);
  const passed = testsPass(copy, tests);
  writeFileSync(path, source);
  return passed;
}

main();
