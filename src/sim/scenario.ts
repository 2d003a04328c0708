import type { Behaviour } from './byzantine.ts';

/** What a simulated run is made of. A run is a function of (seed, scenario). All times in virtual milliseconds. */
export interface Scenario {
  readonly validators: number;
  /** Stake of each validator; all 1 if absent. */
  readonly stakes?: readonly number[];
  readonly leadersPerRound: number;
  /** How long the network is hostile and proposals come in. After it the network is timely. */
  readonly hostileMs: number;
  /** After the hostile part: everything must be decided by then. */
  readonly settleMs: number;
  readonly proposals: number;
  /** Share of proposals submitted a second time, at another validator, under the same conflict key. */
  readonly doubleSpends: number;
  readonly delayMs: readonly [low: number, high: number];
  /** Probability that a message of the hostile part is lost, or delivered twice. */
  readonly loss: number;
  readonly duplication: number;
  /** Validators that are crashed and restarted from their disk during the hostile part, one after the other. */
  readonly crashes: number;
  /** For how long. */
  readonly crashMs: readonly [low: number, high: number];
  /** Times that the network is cut in two for a while. */
  readonly partitions: number;
  /** Opinions: probability that a model rejects, and how long it takes. */
  readonly rejects: number;
  readonly modelMs: readonly [low: number, high: number];
  /** Probability that a model never answers. */
  readonly modelSilence: number;
  /** What Byzantine validators do, one entry each: the last ones of the committee. At most f of the stake. */
  readonly byzantine: readonly (readonly Behaviour[])[];
}

export const CALM: Scenario = {
  validators: 4,
  leadersPerRound: 1,
  hostileMs: 2_000,
  settleMs: 20_000,
  proposals: 40,
  doubleSpends: 0.1,
  delayMs: [1, 5],
  loss: 0,
  duplication: 0,
  crashes: 0,
  crashMs: [50, 1_500],
  partitions: 0,
  rejects: 0.2,
  modelMs: [1, 4],
  modelSilence: 0,
  byzantine: [],
};

export const HOSTILE: Scenario = {
  ...CALM,
  hostileMs: 5_000,
  settleMs: 40_000,
  delayMs: [0, 60],
  loss: 0.1,
  duplication: 0.05,
  crashes: 2,
  partitions: 2,
  modelMs: [1, 80],
  modelSilence: 0.02,
};

/** One validator sleeps through hundreds of rounds: fetching parents one by one would not bring it back. */
export const LONG_OUTAGE: Scenario = {
  ...CALM,
  hostileMs: 12_000,
  settleMs: 30_000,
  proposals: 120,
  crashes: 1,
  crashMs: [5_000, 6_000],
  modelMs: [1, 10],
};

/** f of n validators do everything that is bad, on a network that is slow and lossy besides. */
export const BYZANTINE: Scenario = {
  ...HOSTILE,
  settleMs: 120_000,
  delayMs: [0, 30],
  loss: 0.03,
  crashes: 1,
  partitions: 1,
  byzantine: [['equivocate', 'withhold', 'sync', 'flood']],
};
