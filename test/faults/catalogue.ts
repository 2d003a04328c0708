/** All scenarios, in the order in which they run. */
import { ATTACKED } from './attacks.ts';
import { CLOCKS } from './clocks.ts';
import { CRASHES } from './crashes.ts';
import { DOUBLE_SPENDS } from './double-spends.ts';
import { LOSSES } from './losses.ts';
import { NETWORKS } from './networks.ts';
import { PAUSES } from './pauses.ts';
import { QUICK } from './quick.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  QUICK,
  ...CRASHES,
  ...PAUSES,
  ...NETWORKS,
  ...LOSSES,
  ...CLOCKS,
  ...DOUBLE_SPENDS,
  ...ATTACKED,
];
