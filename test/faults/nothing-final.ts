/** What a network without a quorum must not do. */

import { names } from './cluster.ts';
import type { Stage } from './scenario.ts';
import { lasting } from './until.ts';

/** Many leader timeouts: whatever the rest can do alone is done by then. */
const SETTLE_MS = 1000;
const WATCHED_MS = 4000;

/**
 * `away` are not there, and the rest is no quorum: nothing that is submitted from now on is decided, and once what was
 * under way has settled no commit is ordered or certified. Proposals are taken all the same, and wait.
 */
export async function expectNothingFinal({ cluster, load, note }: Stage, away: readonly number[]): Promise<void> {
  const rest = cluster.all.filter((index) => !away.includes(index));
  await lasting(SETTLE_MS);
  const from = load.tracked.length;
  const before = await Promise.all(rest.map((index) => cluster.status(index)));
  await lasting(WATCHED_MS);
  const after = await Promise.all(rest.map((index) => cluster.status(index)));
  for (const [i, index] of rest.entries()) {
    const [was, is] = [before[i], after[i]];
    if (was == null || is == null) throw new Error(`node ${index + 1} does not answer without nodes ${names(away)}`);
    if (is.commitIndex !== was.commitIndex || is.certifiedIndex !== was.certifiedIndex) {
      throw new Error(`node ${index + 1} went from commit ${was.commitIndex} to ${is.commitIndex} without a quorum`);
    }
  }
  const since = load.tracked.slice(from);
  const early = since.filter(({ certified }) => certified !== null).length;
  if (early > 0) throw new Error(`${early} proposals were decided without a quorum`);
  note(`${since.filter(({ acknowledged }) => acknowledged).length} proposals taken and held without a quorum`);
}
