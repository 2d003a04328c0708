/** A little of everything on one network: what there is time for with every change. */
import { checkPairs, spendTwice } from './double-spends.ts';
import type { Tracked } from './load.ts';
import { expectCutOff, lastOf, meanwhile, measureRecovery, restOf } from './recovery.ts';
import type { Scenario } from './scenario.ts';
import { lasting } from './until.ts';

const FAULT_MS = 1000;
const PAIRS_PER_FAULT = 3;
const CORRUPTED = 1 / 20;
const MIN_CORRUPTED = 5;

export const QUICK: Scenario = {
  name: 'quick',
  what: 'one killed, one paused, one cut off, one silent, bytes changed, with double spends all the time',
  run: async (stage) => {
    const { cluster, note } = stage;
    const { links } = cluster;
    const [victim] = lastOf(stage, 1) as [number];
    const rest = restOf(stage, [victim]);
    const pairs: (readonly [Tracked, Tracked])[] = [];
    const spend = async (): Promise<void> => {
      for (let i = 0; i < PAIRS_PER_FAULT; i++) pairs.push(await spendTwice(stage, pairs.length));
    };
    await spend();
    await cluster.kill(victim);
    await Promise.all([spend(), meanwhile(stage, [victim])]);
    cluster.launch(victim);
    await measureRecovery(stage, [victim]);
    cluster.pause(victim);
    await Promise.all([spend(), lasting(FAULT_MS)]);
    cluster.resume(victim);
    await measureRecovery(stage, [victim]);
    links.cut([victim], rest);
    await Promise.all([spend(), expectCutOff(stage, [victim], { lastingMs: FAULT_MS })]);
    links.mend();
    await measureRecovery(stage, [victim]);
    links.set([victim], rest, { held: true });
    await Promise.all([spend(), expectCutOff(stage, [victim], { lastingMs: FAULT_MS, hears: true })]);
    links.mend();
    await measureRecovery(stage, [victim]);
    links.setAll({ corrupted: CORRUPTED });
    await Promise.all([spend(), cluster.until('enough changed bytes', () => links.counts.corrupted >= MIN_CORRUPTED)]);
    links.mend();
    await measureRecovery(stage, cluster.all);
    await stage.load.end();
    note(checkPairs(pairs));
  },
};
