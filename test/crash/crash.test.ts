import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { onePlanEach } from './plans.ts';
import { nameOf } from './points.ts';
import { Rig } from './rig.ts';

/** A life each, on a machine that does other things too. */
const PATIENCE = { timeout: 600_000 };

// `npm run test:crash` does it hundreds of times, before, in and behind every step, with every fault.
test('a node that dies once at each step loses nothing and signs nothing twice', PATIENCE, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pq-crash-'));
  const rig = await Rig.start({ validators: 1, folder });
  onTestFinished(() => rig.close());
  const missed: string[] = [];
  for (const plan of onePlanEach(1)) {
    const { struck } = await rig.live(plan);
    if (!struck) missed.push(nameOf(plan));
  }
  await rig.end();
  // Where nothing is left to do after a death, it does not come to some of them.
  expect(missed.filter((name) => !name.startsWith('start/'))).toEqual([]);
  const { acknowledged, decided, signed } = rig.seen;
  expect(Math.min(acknowledged, decided, signed)).toBeGreaterThan(50);
  rmSync(folder, { recursive: true });
});
