/** Processes that hold still for a while, connections and all: SIGSTOP, SIGCONT. */
import { expectNothingFinal } from './nothing-final.ts';
import { lastOf, meanwhile, measureRecovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';
import { lasting } from './until.ts';

/** Long enough for several leader timeouts, and for opinions to be late. */
const SHORT_MS = 3000;
/** Long enough for the others to take it for dead and drop their sessions. */
const LONG_MS = 25_000;

export const PAUSES: readonly Scenario[] = [
  {
    name: 'pause-one',
    what: 'SIGSTOP of one for seconds, SIGCONT',
    run: async (stage) => {
      const victims = lastOf(stage, 1);
      stage.cluster.pause(...victims);
      await Promise.all([lasting(SHORT_MS), meanwhile(stage, victims)]);
      stage.cluster.resume(...victims);
      await measureRecovery(stage, victims);
    },
  },
  {
    name: 'pause-more',
    what: 'SIGSTOP of f + 1: nothing is final; SIGCONT, and it goes on by itself',
    run: async (stage) => {
      const victims = lastOf(stage, stage.cluster.faulty + 1);
      stage.cluster.pause(...victims);
      await expectNothingFinal(stage, victims);
      stage.cluster.resume(...victims);
      await measureRecovery(stage, victims);
    },
  },
  {
    name: 'pause-long',
    what: 'SIGSTOP of one until its sessions are given up, SIGCONT',
    run: async (stage) => {
      const victims = lastOf(stage, 1);
      stage.cluster.pause(...victims);
      await Promise.all([lasting(LONG_MS), meanwhile(stage, victims)]);
      stage.cluster.resume(...victims);
      await measureRecovery(stage, victims);
    },
  },
];
