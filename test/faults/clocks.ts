/** Clocks that are wrong by seconds. */
import { lastOf, meanwhile, measureRecovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';

const OFF_MS = 5000;

export const CLOCKS: readonly Scenario[] = [
  {
    name: 'clocks',
    what: 'clocks ahead by 5 s and behind by 1.5 s; one restarted with a clock that went back by 10 s',
    // A node whose clock is behind refuses what expires too far ahead for it, so it is behind by less than the client leaves.
    clockOffsetsMs: (size) => Array.from({ length: size }, (_, index) => [0, OFF_MS, -1500][index % 3]!),
    run: async (stage) => {
      const { cluster } = stage;
      await meanwhile(stage, []);
      const [victim] = lastOf(stage, 1) as [number];
      await cluster.kill(victim);
      cluster.launch(victim, -2 * OFF_MS);
      await measureRecovery(stage, [victim]);
    },
  },
];
