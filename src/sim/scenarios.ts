/** The scenarios by name. Each draws what is open in it from the seed. */
import { DEFAULT_PARAMETERS } from '../core/genesis.ts';
import { DEFAULT_LOCAL_PARAMETERS } from '../core/options.ts';
import type { Upgrade } from '../core/upgrade.ts';
import { BEHAVIOURS, type Behaviour } from './byzantine.ts';
import type { SeededRandom } from './random.ts';
import { CALM, type FaultSettings, type NetworkSettings, type Settings } from './settings.ts';
import type { Stage } from './stage.ts';
import type { SimValidator } from './validator.ts';

export interface Scenario {
  /** One line for people. */
  readonly about: string;
  readonly settings: (random: SeededRandom) => Settings;
}

const ROUGH: NetworkSettings = {
  ...CALM.network,
  delayMs: [0, 40],
  loss: 0.06,
  duplication: 0.05,
  reordering: 0.1,
};
const FAULTS: FaultSettings = { ...CALM.faults, crashes: 2, restarts: 1, freezes: 1, partitions: 1 };
const SLOW_MODELS = { ...CALM.models, ms: [1, 60], late: 0.02, fails: 0.01 } as const;

/** Committees of several sizes, with all leaders or one, and stakes that are alike or not. */
function committee(random: SeededRandom): Pick<Settings, 'validators' | 'leadersPerRound' | 'stakes'> {
  const validators = random.pick([4, 4, 4, 5, 7]);
  const leadersPerRound = random.pick([1, 1, 2, validators]);
  const stakes = Array.from({ length: validators }, () => (random.chance(0.3) ? 1 + random.below(3) : 1));
  return { validators, leadersPerRound, stakes };
}

/** As many liars as are tolerated, each with some of these ways. */
function liars(random: SeededRandom, validators: number, ways: readonly Behaviour[]): Behaviour[][] {
  const count = Math.floor((validators - 1) / 3);
  return Array.from({ length: count }, () => {
    const chosen = ways.filter(() => random.chance(0.5));
    return chosen.length > 0 ? chosen : [random.pick(ways)];
  });
}

/** A committee of equal stakes with liars in it, on a network that is rough besides. */
function corrupted(random: SeededRandom, ways: readonly Behaviour[]): Settings {
  const validators = random.pick([4, 4, 7]);
  const leadersPerRound = random.pick([1, 2, validators]);
  const network = { ...ROUGH, delayMs: [0, 20], loss: 0.02 } as const;
  const byzantine = liars(random, validators, ways);
  return { ...CALM, validators, leadersPerRound, settleMs: 60_000, network, byzantine, models: SLOW_MODELS };
}

const HOUR_MS = 3_600_000;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  calm: {
    about: 'nothing goes wrong; committees, leaders and stakes of many kinds',
    settings: (random) => ({ ...CALM, ...committee(random), skewMs: random.pick([0, 0, 200]) }),
  },
  hostile: {
    about:
      'a network that delays, drops, doubles, reorders and parts; processes that die, stop and stand still; slow models',
    settings: (random) => ({
      ...CALM,
      ...committee(random),
      hostileMs: 2_500,
      settleMs: 40_000,
      network: ROUGH,
      faults: FAULTS,
      models: SLOW_MODELS,
      skewMs: 100,
    }),
  },
  expiries: {
    about: 'the same with proposals that run out in the middle of it',
    settings: (random) => ({
      ...SCENARIOS.hostile!.settings(random),
      clients: { ...CALM.clients, expiryMs: [200, 3_000], repeats: 0.4 },
    }),
  },
  byzantine: {
    about: 'f validators do everything that is bad, each in its own mix',
    settings: (random) => corrupted(random, BEHAVIOURS),
  },
  equivocate: {
    about: 'f validators sign two blocks of a round: for some, or two chains for two halves of the network',
    settings: (random) => corrupted(random, ['equivocate', 'split', 'votes']),
  },
  withhold: {
    about: 'f validators keep their blocks from most, above all when they lead',
    settings: (random) => corrupted(random, ['withhold', 'lead']),
  },
  flood: {
    about:
      'f validators flood: refs to nothing, huge claims, noise, what was said long ago, blocks under forged signatures',
    settings: (random) => corrupted(random, ['flood', 'replay', 'forge']),
  },
  sleeper: {
    about: 'one validator sleeps through hundreds of rounds and takes over the certified commits',
    settings: () => ({ ...CALM, hostileMs: 2_500, script: sleep(300, 2_000) }),
  },
  'junk-sync': {
    about: 'the same, and those who answer it may send junk: cut ranges, forged signatures, nothing',
    settings: (random) => ({
      ...CALM,
      hostileMs: 2_500,
      settleMs: 60_000,
      byzantine: [random.chance(0.5) ? ['sync', 'forge'] : ['sync']],
      script: sleep(300, 2_000),
    }),
  },
  outage: {
    about: 'all links are dead for 6 ms, now and then, and no session notices',
    settings: () => ({
      ...CALM,
      script: (stage) => {
        for (let i = 0; i < 4; i++) stage.at(stage.random.below(1_000), () => stage.outage(6));
      },
    }),
  },
  late: {
    about:
      'what one validator says comes 15 ms later than what the others say, for ever; clients use it like any other',
    settings: (random) => ({
      ...CALM,
      validators: random.pick([4, 7]),
      promptMs: 300,
      clients: { ...CALM.clients, proposals: 60 },
      network: { ...CALM.network, delayMs: [0.2, 2], calmDelayMs: [0.2, 2] },
      models: { ...CALM.models, errs: 0, unsure: 0 },
      script: (stage) => stage.lag((from) => (from === 0 ? 15 : 0), true),
    }),
  },
  power: {
    about: 'power is lost everywhere at once, twice; disks forget what was not synced',
    settings: (random) => ({
      ...CALM,
      ...committee(random),
      disk: { syncMs: [0.2, 6] },
      script: (stage) => {
        for (const fromMs of [100, 500]) {
          stage.at(fromMs + stage.random.below(300), () => stage.cutPower(() => stage.random.between(5, 120)));
        }
      },
    }),
  },
  disks: {
    about: 'disks fail in the middle of a sync, or come back empty, with and without the last-signed record',
    settings: (random) => ({
      ...CALM,
      validators: random.pick([4, 7]),
      hostileMs: 1_500,
      settleMs: 40_000,
      faults: { ...CALM.faults, diskFailures: 2, lastMs: [20, 300] },
      script: (stage) => {
        const victim = stage.random.pick(stage.honest);
        const what = stage.random.pick(['store', 'all'] as const);
        stage.at(200 + stage.random.below(800), () => stage.loseDisk(victim, what, 100));
      },
    }),
  },
  silence: {
    about: 'hours of silence, then one proposal; and again after one validator went away in the meantime',
    settings: () => ({
      ...CALM,
      hostileMs: 9 * HOUR_MS,
      clients: { ...CALM.clients, proposals: 0 },
      // Who went away in the silence is waited for once.
      promptMs: 2 * DEFAULT_LOCAL_PARAMETERS.leaderTimeoutMs,
      models: { ...CALM.models, errs: 0, unsure: 0 },
      script: (stage) => {
        for (const hour of [0, 2, 5]) stage.at(hour * HOUR_MS + stage.random.below(1_000), () => stage.submit());
        stage.at(6 * HOUR_MS, () => stage.crash(stage.validators[3]!, 'power', HOUR_MS));
        stage.at(6.5 * HOUR_MS, () => stage.submit(stage.validators[0]));
        stage.at(8 * HOUR_MS, () => stage.submit());
      },
    }),
  },
  'slow-models': {
    about: 'rounds of 1 ms and models that take 20: nothing may run out for that',
    settings: () => ({
      ...CALM,
      hostileMs: 300,
      clients: { ...CALM.clients, proposals: 120 },
      promptMs: 500,
      network: { ...CALM.network, delayMs: [0.1, 0.4], calmDelayMs: [0.1, 0.4] },
      disk: { syncMs: [0.05, 0.15] },
      signMs: [0.1, 0.2],
      models: { ...CALM.models, ms: [18, 22], errs: 0, unsure: 0 },
    }),
  },
  models: {
    about: 'models of one validator after the other fail, hang, abstain or err',
    settings: (random) => ({
      ...CALM,
      ...committee(random),
      models: { ms: [1, 300], errs: 0.15, unsure: 0.15, late: 0.15, fails: 0.1 },
    }),
  },
  'round-jumping': {
    about:
      'one validator after the other hears nothing for some rounds and then everything at once: whoever jumped would skip what it leads',
    settings: (random) => ({
      ...CALM,
      leadersPerRound: random.pick([1, 4]),
      network: { ...CALM.network, delayMs: [0.5, 1.5] },
      script: (stage) => {
        const heldMs = 10 + stage.random.below(30);
        const deaf = (): number => Math.floor(stage.elapsedMs / heldMs) % stage.validators.length;
        stage.lag((_, to) => (to === deaf() ? heldMs - (stage.elapsedMs % heldMs) : 0));
      },
    }),
  },
  'gc-edge': {
    about:
      'blocks of one validator arrive when they are about to fall out of the DAG, at each of the others at another time',
    settings: (random) => ({
      ...CALM,
      hostileMs: 1_500,
      settleMs: 40_000,
      leadersPerRound: random.pick([1, 1, 4]),
      network: { ...CALM.network, delayMs: [0.3, 0.8] },
      disk: { syncMs: [0.05, 0.2] },
      signMs: [0.1, 0.3],
      clients: { ...CALM.clients, proposals: 40 },
      script: (stage) => {
        // A round takes about 2 ms here: 60 of them are the edge.
        const edgeMs = 60 + stage.random.below(160);
        stage.lag((from) => (from === 0 ? edgeMs + stage.random.between(-15, 15) : 0));
      },
    }),
  },
  epoch: {
    about: 'the committee changes while one validator is down and another a second late; then it changes again',
    settings: (random) => ({
      ...CALM,
      validators: 7,
      hostileMs: 3_000,
      settleMs: 60_000,
      script: (stage) => {
        stage.lag((from) => (from === 6 ? 1_000 : 0));
        stage.at(300, () => stage.crash(stage.validators[5]!, stage.random.pick(['kill', 'power']), 2_000));
        stage.at(500, () => stage.upgrade({ stakes: [{ author: 1, stake: 2 }] }));
        const second = random.pick<Partial<Upgrade>>([
          { leaves: [stage.random.below(5)] },
          { stakes: [{ author: 0, stake: 3 }], leaves: [4] },
          { parameters: { ...DEFAULT_PARAMETERS, leadersPerRound: 3 } },
        ]);
        stage.at(1_500, () => stage.upgrade(second));
      },
    }),
  },
  join: {
    about:
      'a newcomer joins, and another one takes the place of a validator that lost its disk or goes; some keep little of the past',
    settings: (random) => {
      const keepsLittle = random.chance(0.5);
      return {
        ...CALM,
        newcomers: 2,
        hostileMs: 3_000,
        settleMs: 60_000,
        leadersPerRound: random.pick([1, 2, 4]),
        ...(keepsLittle ? { history: { retain: 30, snapshotEvery: 10 }, archives: 1 } : {}),
        script: (stage) => {
          const [joiner, successor] = [stage.validators[4]!, stage.validators[5]!];
          const victim = stage.validators[1 + stage.random.below(3)]!;
          const start = (newcomer: SimValidator): void => {
            stage.at(stage.elapsedMs + stage.random.below(800), () => stage.start(newcomer));
          };
          stage.every(50, () => stage.submit());
          stage.at(300, () => stage.join(joiner));
          stage.at(500, () => start(joiner));
          if (stage.random.chance(0.6)) stage.at(1_200, () => stage.loseDisk(victim, 'all', 100));
          stage.at(1_500, () => stage.rotate(victim, successor));
          stage.at(1_800, () => start(successor));
          const unlucky = stage.random.pick([0, 4, 5]);
          stage.at(2_600, () => stage.crash(stage.validators[unlucky]!, stage.random.pick(['kill', 'power']), 300));
        },
      };
    },
  },
  pruned: {
    about:
      'little of the past is kept, but by one; validators die and go on from snapshots, and one sleeps until only that one can help it',
    settings: (random) => ({
      ...CALM,
      ...committee(random),
      hostileMs: 3_000,
      settleMs: 60_000,
      history: { retain: random.pick([10, 30, 60]), snapshotEvery: random.pick([4, 10, 25]) },
      archives: 1,
      faults: { ...CALM.faults, crashes: 3, restarts: 2, lastMs: [20, 200] },
      script: (stage) => {
        stage.every(40, () => stage.submit());
        const sleeper = stage.validators[1 + stage.random.below(stage.validators.length - 1)]!;
        stage.at(200, () => stage.crash(sleeper, stage.random.pick(['kill', 'power']), 2_300));
      },
    }),
  },
  freezes: {
    about: 'processes stand still for up to a second and then get everything at once',
    settings: (random) => ({
      ...CALM,
      ...committee(random),
      hostileMs: 2_000,
      faults: { ...CALM.faults, freezes: 6, lastMs: [20, 1_000] },
    }),
  },
};

/** One validator is away for a while, in the middle of a steady load. */
function sleep(fromMs: number, ms: number): (stage: Stage) => void {
  return (stage) => {
    stage.every(40, () => stage.submit());
    stage.at(fromMs, () => stage.crash(stage.validators[stage.random.below(2)]!, 'kill', ms));
  };
}
