/** One fault, and what is done about it: a network under load, the fault, and then everything that must hold. */
import { mkdirSync } from 'node:fs';
import { Cluster, names } from './cluster.ts';
import { checkCertificates, checkDecisions, checkQuiet, type DecisionCounts } from './invariants.ts';
import { Load } from './load.ts';
import { StoreComparison, type StoredCounts } from './stores.ts';

/** Proposals that are decided before anything goes wrong. */
const WARM_PROPOSALS = 10;

/** What a scenario has in its hands. */
export interface Stage {
  readonly cluster: Cluster;
  readonly load: Load;
  /** How long something took, for the report. Milliseconds; of several with one name the longest counts. */
  took(name: Took, ms: number): void;
  /** Anything else that the report should say. */
  note(text: string): void;
}

/** From the end of a fault until … */
export type Took = 'goesOn' | 'caughtUp' | 'votes';

export interface Scenario {
  readonly name: string;
  readonly what: string;
  /** Validators that get proposals: by default all. */
  readonly through?: (cluster: Cluster) => readonly number[];
  readonly clockOffsetsMs?: (size: number) => readonly number[];
  run(stage: Stage): Promise<void>;
}

/** What a scenario showed. Times in milliseconds; null where there was nothing to wait for. */
export interface Row extends StoredCounts {
  readonly scenario: string;
  readonly validators: number;
  readonly goesOnMs: number | null;
  readonly caughtUpMs: number | null;
  readonly votesMs: number | null;
  /** The longest time in which nothing was certified. */
  readonly stallMs: number;
  readonly proposals: number;
  readonly decisions: DecisionCounts;
  /** Certificates and proofs that `pq verify` accepted. */
  readonly verified: number;
  readonly notes: readonly string[];
  readonly seconds: number;
}

export interface RunOptions {
  readonly validators: number;
  readonly perSecond: number;
  /** Homes, logs and certificates are left here. */
  readonly folder: string;
}

/** Runs one scenario on a network of its own. Throws when anything does not hold. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Row> {
  const beginMs = performance.now();
  const { validators, folder, perSecond } = options;
  mkdirSync(folder, { recursive: true });
  const clockOffsetsMs = scenario.clockOffsetsMs?.(validators) ?? [];
  const cluster = await Cluster.start({ size: validators, folder, clockOffsetsMs });
  let load: Load | undefined;
  try {
    load = await Load.begin(cluster, { perSecond, through: scenario.through?.(cluster) ?? cluster.all });
    const warm = load;
    await cluster.until(`${WARM_PROPOSALS} certified proposals`, () => warm.certified.length >= WARM_PROPOSALS);
    const took: Partial<Record<Took, number>> = {};
    const notes: string[] = [];
    await scenario.run({
      cluster,
      load,
      took: (name, ms) => {
        took[name] = Math.max(ms, took[name] ?? 0);
      },
      note: (text) => void notes.push(text),
    });
    await load.end();
    const checked = await checkAll(cluster, load);
    return {
      scenario: scenario.name,
      validators,
      goesOnMs: took.goesOn ?? null,
      caughtUpMs: took.caughtUp ?? null,
      votesMs: took.votes ?? null,
      stallMs: load.longestStallMs,
      proposals: load.tracked.length,
      ...checked,
      notes: [...notes, ...checked.notes],
      seconds: (performance.now() - beginMs) / 1000,
    };
  } finally {
    await load?.close();
    await cluster.close();
  }
}

/** How many were refused with which code. */
function refusalsOf({ tracked }: Load): string[] {
  const counts = new Map<string, number>();
  for (const { refused } of tracked) if (refused !== null) counts.set(refused, (counts.get(refused) ?? 0) + 1);
  return [...counts].map(([code, count]) => `${count} refused with ${code}`);
}

/** Everything that must hold at the end, of the validators while they run and then of what they leave on disk. */
async function checkAll(
  cluster: Cluster,
  load: Load,
): Promise<StoredCounts & Pick<Row, 'decisions' | 'verified' | 'notes'>> {
  const { running } = cluster;
  const decisions = await checkDecisions(cluster, load.tracked, running);
  const verified = await checkCertificates(cluster, load.tracked, running);
  const models = await checkQuiet(cluster, running);
  await load.close();
  const codes = await Promise.all(running.map((index) => cluster.stop(index)));
  if (codes.some((code) => code !== 0)) throw new Error(`nodes ${names(running)} ended with codes ${codes.join(' ')}`);
  const stores = new StoreComparison();
  for (const index of cluster.all) await stores.add(index, cluster.home(index));
  stores.checkRecords();
  return { ...stores.counts, decisions, verified, notes: [models, ...refusalsOf(load)] };
}
