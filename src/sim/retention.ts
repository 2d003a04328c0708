import type { Invariants } from './invariants.ts';
import type { SimWorld } from './world.ts';

/** History is removed when a snapshot is written, and two are kept: more than this many times what lies between two is too much. */
const SLACK_SNAPSHOTS = 4;

interface HeldCommits {
  readonly first: number;
  readonly last: number;
}

/** What of the past a validator must still hold, and what it must have removed. */
export class Retention {
  readonly #world: SimWorld;
  readonly #invariants: Invariants;

  constructor(world: SimWorld, invariants: Invariants) {
    this.#world = world;
    this.#invariants = invariants;
  }

  /** True when a validator may have forgotten what commit `index` decided. */
  mayForget(validator: number, index: number, { last }: HeldCommits): boolean {
    const retain = this.#retainOf(validator);
    return retain !== 'all' && index <= last - retain;
  }

  /** At the end, when nothing is removed any more: the newest commits are there, and the oldest are not. */
  checkKept(validator: number, { first, last }: HeldCommits): void {
    const { snapshotEvery } = this.#world.settings.history;
    const retain = this.#retainOf(validator);
    const firstMax = retain === 'all' ? 1 : Math.max(1, last - retain + 1);
    const firstMin = retain === 'all' ? 1 : firstMax - SLACK_SNAPSHOTS * snapshotEvery;
    if (first > firstMax) this.#invariants.fail('SIM_KEEPS_TOO_LITTLE', { validator, first, last, retain });
    if (first < firstMin) this.#invariants.fail('SIM_KEEPS_TOO_MUCH', { validator, first, last, retain });
  }

  #retainOf(validator: number): number | 'all' {
    const { archives, history } = this.#world.settings;
    return validator < archives ? 'all' : history.retain;
  }
}
