/** Disks that come back with less than they had. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { homePaths } from '../../src/node/home.ts';
import { transferBytes } from './load.ts';
import { lastOf, meanwhile, measureRecovery, restOf, votesWithin } from './recovery.ts';
import type { Scenario, Stage } from './scenario.ts';

/** A validator that may sign would have signed many blocks in this time. */
const SILENT_MS = 4000;

/** Empties the data directory of one that does not run, but for what is named. */
function lose(stage: Stage, victim: number, kept: readonly string[]): void {
  const { data } = homePaths(stage.cluster.home(victim));
  for (const name of readdirSync(data)) {
    const path = join(data, name);
    if (!kept.includes(path)) rmSync(path, { recursive: true });
  }
}

export const LOSSES: readonly Scenario[] = [
  {
    name: 'lost-database',
    what: 'one comes back with nothing but its last-signed record: it fetches all, and signs',
    // What the lost log held is lost: the victim gets no proposals that it would owe a decision.
    through: ({ all, size }) => all.slice(0, size - 1),
    run: async (stage) => {
      const { cluster } = stage;
      const [victim] = lastOf(stage, 1) as [number];
      await cluster.kill(victim);
      await meanwhile(stage, [victim]);
      lose(stage, victim, [homePaths(cluster.home(victim)).record]);
      cluster.launch(victim);
      await measureRecovery(stage, [victim]);
    },
  },
  {
    name: 'lost-data',
    what: 'one comes back with nothing, not even the record: it follows, does not sign, and says so',
    through: ({ all, size }) => all.slice(0, size - 1),
    run: async (stage) => {
      const { cluster, load, took } = stage;
      const [victim] = lastOf(stage, 1) as [number];
      await cluster.kill(victim);
      await meanwhile(stage, [victim]);
      lose(stage, victim, []);
      const beginMs = performance.now();
      cluster.launch(victim);
      await cluster.until('it says that it does not sign', () =>
        /error SIGNED_RECORD_MISSING: .*follows and does not sign/.test(cluster.log(victim)),
      );
      await Promise.all([
        load.goesOn(restOf(stage, [victim])).then(() => took('goesOn', performance.now() - beginMs)),
        cluster.caughtUp([victim]).then(() => took('caughtUp', performance.now() - beginMs)),
      ]);
      await refuseVotes(stage, victim);
      const bytes = await transferBytes(cluster, { from: 0, to: 1, nonce: 1, origin: 'https://shop.example' });
      const refused = await load.submit(victim, bytes);
      await cluster.until('it refuses what it could not propose', () => refused.refused === 'NODE_NOT_SIGNING');
    },
  },
];

/** Waits a while in which `victim` must not sign anything, while it follows. */
async function refuseVotes({ cluster }: Stage, victim: number): Promise<void> {
  const before = await cluster.ask(victim, (probe) => probe.stats());
  if (await votesWithin(cluster, victim, SILENT_MS)) throw new Error(`node ${victim + 1} votes without a record`);
  const after = await cluster.ask(victim, (probe) => probe.stats());
  if (before === null || after === null) throw new Error(`node ${victim + 1} does not answer`);
  if (after.blocksEmitted > 0)
    throw new Error(`node ${victim + 1} signed ${after.blocksEmitted} blocks without a record`);
  if (after.commitIndex <= before.commitIndex) throw new Error(`node ${victim + 1} does not follow`);
}
