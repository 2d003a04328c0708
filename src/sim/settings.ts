import type { LocalParameters } from '../core/options.ts';
import type { HistoryOptions } from '../node/history.ts';
import type { Behaviour } from './byzantine.ts';
import type { Stage } from './stage.ts';

/** A range that values are drawn from. */
export type Range = readonly [low: number, high: number];

/** What a simulated run is made of. All times in virtual milliseconds. */
export interface Settings {
  readonly validators: number;
  /** Stake of each validator; all 1 if absent. */
  readonly stakes?: readonly number[];
  readonly leadersPerRound: number;
  readonly requiredVotesPerMille: number;
  /** How long the network is hostile and proposals come in. After it the network is timely. */
  readonly hostileMs: number;
  /** After the hostile part: everything must be decided, certified and quiet by then. */
  readonly settleMs: number;
  readonly clients: ClientSettings;
  readonly network: NetworkSettings;
  readonly faults: FaultSettings;
  readonly models: ModelSettings;
  readonly disk: {
    /** How long a sync takes. */
    readonly syncMs: Range;
  };
  /** How long a signature takes. */
  readonly signMs: Range;
  /** Clocks are off by up to this, either way. */
  readonly skewMs: number;
  readonly local: Partial<LocalParameters>;
  /** Processes whose keys are in no committee of genesis. They are started by the script, or when the network is timely. */
  readonly newcomers: number;
  /** What each of them keeps of the past, but for the first so many: these keep all of it. */
  readonly history: HistoryOptions;
  readonly archives: number;
  /** What Byzantine validators do, one entry each: the last ones of the committee. At most f of the stake. */
  readonly byzantine: readonly (readonly Behaviour[])[];
  /** What happens besides: exact faults at exact times. */
  readonly script?: (stage: Stage) => void;
  /** Set where nobody is faulty, but slow at most: then nothing may run out, and all must be final so soon after its submission. */
  readonly promptMs: number | null;
}

export interface ClientSettings {
  /** Proposals submitted at random times of the hostile part. */
  readonly proposals: number;
  /** Share of proposals of which another one with the same nonce is submitted, at another validator. */
  readonly doubleSpends: number;
  /** Share of proposals submitted at a second validator too, the same bytes. */
  readonly repeats: number;
  /** Share of proposals that deserve to be rejected. */
  readonly bad: number;
  /** How far ahead they expire. */
  readonly expiryMs: Range;
}

export interface NetworkSettings {
  /** One way, in the hostile part. */
  readonly delayMs: Range;
  /** One way, once it is timely. */
  readonly calmDelayMs: Range;
  /** Probabilities that a message of the hostile part is lost, delivered twice, or overtakes others of its link. */
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
}

/** How many faults of each kind the hostile part has, at random times. */
export interface FaultSettings {
  /** A process dies and starts again. */
  readonly crashes: number;
  /** A process is told to stop and starts again. */
  readonly restarts: number;
  /** A process stands still for a while, and then gets everything at once. */
  readonly freezes: number;
  /** A disk fails: its process ends itself. */
  readonly diskFailures: number;
  /** The network is cut in two. */
  readonly partitions: number;
  /** For how long each of them lasts. */
  readonly lastMs: Range;
}

export interface ModelSettings {
  /** How long an opinion takes. */
  readonly ms: Range;
  /** Probability that a model takes what is good for bad, or the other way round. */
  readonly errs: number;
  /** Probability that a model abstains. */
  readonly unsure: number;
  /** Probability that a model takes longer than it may. */
  readonly late: number;
  /** Probability that a model fails. */
  readonly fails: number;
}

/** Nothing goes wrong. */
export const CALM: Settings = {
  validators: 4,
  leadersPerRound: 1,
  requiredVotesPerMille: 0,
  hostileMs: 1_000,
  settleMs: 20_000,
  clients: { proposals: 20, doubleSpends: 0.1, repeats: 0.1, bad: 0.2, expiryMs: [15_000, 25_000] },
  network: { delayMs: [2, 10], calmDelayMs: [1, 5], loss: 0, duplication: 0, reordering: 0 },
  faults: { crashes: 0, restarts: 0, freezes: 0, diskFailures: 0, partitions: 0, lastMs: [50, 1_000] },
  models: { ms: [1, 4], errs: 0.03, unsure: 0.02, late: 0, fails: 0 },
  disk: { syncMs: [0.1, 0.4] },
  signMs: [0.3, 1],
  skewMs: 0,
  local: {},
  newcomers: 0,
  // Few commits from one snapshot to the next, so that most restarts go on from one.
  history: { retain: 'all', snapshotEvery: 20 },
  archives: 0,
  byzantine: [],
  promptMs: null,
};

/** The same with another number of validators: stakes are all 1 then, and Byzantine ones only as many as it tolerates. */
export function withValidators(settings: Settings, validators: number): Settings {
  if (validators === settings.validators) return settings;
  const { stakes: _, ...rest } = settings;
  const byzantine = settings.byzantine.slice(0, Math.floor((validators - 1) / 3));
  return { ...rest, validators, leadersPerRound: Math.min(settings.leadersPerRound, validators), byzantine };
}
