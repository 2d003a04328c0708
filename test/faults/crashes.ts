/** Processes that end without a word, and such that end in order. */
import { expectNothingFinal } from './nothing-final.ts';
import { lastOf, meanwhile, measureRecovery } from './recovery.ts';
import type { Scenario, Stage } from './scenario.ts';

async function killAndRestart(stage: Stage, victims: readonly number[]): Promise<void> {
  const { cluster } = stage;
  await cluster.kill(...victims);
  await meanwhile(stage, victims);
  for (const victim of victims) cluster.launch(victim);
  await measureRecovery(stage, victims);
}

export const CRASHES: readonly Scenario[] = [
  {
    name: 'kill-one',
    what: 'SIGKILL of one under load; it comes back',
    run: (stage) => killAndRestart(stage, lastOf(stage, 1)),
  },
  {
    name: 'kill-f',
    what: 'SIGKILL of f at once; they come back',
    run: (stage) => killAndRestart(stage, lastOf(stage, stage.cluster.faulty)),
  },
  {
    name: 'kill-more',
    what: 'SIGKILL of f + 1: nothing is final; they come back and it goes on by itself',
    run: async (stage) => {
      const { cluster } = stage;
      const victims = lastOf(stage, cluster.faulty + 1);
      await cluster.kill(...victims);
      await expectNothingFinal(stage, victims);
      for (const victim of victims) cluster.launch(victim);
      await measureRecovery(stage, victims);
    },
  },
  {
    name: 'kill-all',
    what: 'SIGKILL of all at once, as a power cut; all come back',
    run: async (stage) => {
      const { cluster } = stage;
      await cluster.kill(...cluster.all);
      for (const index of cluster.all) cluster.launch(index);
      await measureRecovery(stage, cluster.all);
    },
  },
  {
    name: 'rolling',
    what: 'all restarted, one after the other, under load',
    run: async (stage) => {
      const { cluster } = stage;
      for (const index of cluster.all) {
        const code = await cluster.stop(index);
        if (code !== 0) throw new Error(`node ${index + 1} ended with ${code}`);
        cluster.launch(index);
        await measureRecovery(stage, [index]);
      }
    },
  },
];
