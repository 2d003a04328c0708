/**
 * Runs the tests (`npm test [-- vitest arguments]`). The last line printed is `N passed, N failed`, with `, N skipped`
 * where tests were skipped; the exit code is 1 when a test failed, a file did not load, or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

/** What is used of vitest's JSON report. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

function run(): number {
  const folder = mkdtempSync(join(tmpdir(), 'pq-test-'));
  try {
    const output = join(folder, 'report.json');
    const args = [
      VITEST,
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${output}`,
      ...process.argv.slice(2),
    ];
    const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    return summarize(output, status ?? 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Prints the last line and returns the exit code. */
function summarize(path: string, status: number): number {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch (error) {
    console.error(`The tests wrote no report: ${error instanceof Error ? error.message : error}`);
    console.log('0 passed, 1 failed');
    return 1;
  }
  // A file that does not load has no tests to fail: it counts as one.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  for (const file of broken) console.error(`${file.name} did not run.`);
  const failed = report.numFailedTests + broken.length;
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  if (failed > 0 || report.numPassedTests === 0) return 1;
  return status;
}

process.exitCode = run();
