import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callersAreKnown } from './callers.ts';
import { QUICK } from './quick.ts';
import { reportOf } from './report.ts';
import { runScenario } from './scenario.ts';

/** Processes on a machine that does other things too. */
const PATIENCE = { timeout: 400_000 };

// `npm run test:faults` has the rest. Where links cannot be told apart (not on Linux) nothing can be cut.
test.skipIf(!callersAreKnown)('four validators survive a little of everything', PATIENCE, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pq-faults-'));
  const row = await runScenario(QUICK, { validators: 4, perSecond: 15, folder });
  console.log(reportOf([row]).join('\n'));
  const { APPROVED, REJECTED } = row.decisions;
  expect(APPROVED).toBeGreaterThan(0);
  expect(REJECTED).toBeGreaterThan(0);
  // Every validator's newest certificate, and two proofs.
  expect(row.verified).toBe(6);
  expect(row.slots).toBeGreaterThan(row.commits / 2);
  rmSync(folder, { recursive: true });
});
