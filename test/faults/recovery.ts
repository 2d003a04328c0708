/** What validators do while a fault lasts, and how they come back from it. */
import type { NodeEvent } from '../../src/node/events.ts';
import { type Cluster, names } from './cluster.ts';
import type { Stage } from './scenario.ts';
import { lasting } from './until.ts';

/** Proposals that the rest of the network decides while somebody is away. */
const MEANWHILE_PROPOSALS = 15;
/** What is under way when a fault begins has come by then. */
const SETTLE_MS = 500;

/** The last `count` validators. */
export function lastOf({ cluster }: Stage, count: number): readonly number[] {
  return cluster.all.slice(cluster.size - count);
}

/** All but these. */
export function restOf({ cluster }: Stage, indexes: readonly number[]): readonly number[] {
  return cluster.all.filter((index) => !indexes.includes(index));
}

/** Waits until validators other than `away` have decided some more of what was submitted to them. */
export async function meanwhile(stage: Stage, away: readonly number[]): Promise<void> {
  const { cluster, load } = stage;
  const rest = restOf(stage, away);
  const from = load.tracked.length;
  await cluster.until(`${MEANWHILE_PROPOSALS} proposals decided without nodes ${names(away)}`, () => {
    const since = load.tracked.slice(from);
    const decided = since.filter(({ certified, through }) => certified !== null && rest.includes(through));
    return decided.length >= MEANWHILE_PROPOSALS;
  });
}

/** Measures from now on until each of `victims` has all that the others have, votes, and the network goes on. */
export async function measureRecovery(stage: Stage, victims: readonly number[]): Promise<void> {
  const { cluster, load, took } = stage;
  const beginMs = performance.now();
  const since = (): number => performance.now() - beginMs;
  await Promise.all([
    load.goesOn(cluster.all).then(() => took('goesOn', since())),
    cluster.caughtUp(victims).then(() => took('caughtUp', since())),
    ...victims.map((victim) => nextVote(cluster, victim).then(() => took('votes', since()))),
  ]);
}

/** How a validator is cut off: what still holds of it. */
export interface CutOff {
  readonly lastingMs: number;
  /** The others hear it. Default false. */
  readonly heard?: boolean;
  /** It hears the others. Default false. */
  readonly hears?: boolean;
}

/**
 * While it lasts, no vote of any of `victims` reaches another validator, and no commit reaches it: a fault that does not
 * bite tests nothing.
 */
export async function expectCutOff({ cluster }: Stage, victims: readonly number[], cutOff: CutOff): Promise<void> {
  const { lastingMs, heard = false, hears = false } = cutOff;
  await lasting(SETTLE_MS);
  const commits = (): Promise<readonly number[]> => Promise.all(victims.map((victim) => commitsOf(cluster, victim)));
  const before = await commits();
  const voted = await Promise.all(victims.map((victim) => votesWithin(cluster, victim, lastingMs)));
  const after = await commits();
  for (const [i, victim] of victims.entries()) {
    if (!heard && voted[i]) throw new Error(`votes of node ${victim + 1} come through a cut`);
    if (!hears && after[i] !== before[i]) throw new Error(`node ${victim + 1} went on behind a cut`);
  }
}

async function commitsOf(cluster: Cluster, index: number): Promise<number> {
  const status = await cluster.status(index);
  if (status === null) throw new Error(`node ${index + 1} does not answer`);
  return status.commitIndex;
}

/** Resolves when another validator sees a vote of `voter` on a block that is made from now on. */
export async function nextVote(cluster: Cluster, voter: number): Promise<void> {
  await watchVotes(cluster, voter, (hasVoted) =>
    cluster.until(`a vote of node ${voter + 1} seen by another`, hasVoted),
  );
}

/** Whether another validator sees a vote of `voter`, on a block that is made from now on, within `withinMs`. */
export async function votesWithin(cluster: Cluster, voter: number, withinMs: number): Promise<boolean> {
  return watchVotes(cluster, voter, async (hasVoted) => {
    await lasting(withinMs);
    return hasVoted();
  });
}

async function watchVotes<Result>(
  cluster: Cluster,
  voter: number,
  watch: (hasVoted: () => boolean) => Promise<Result>,
): Promise<Result> {
  const witness = cluster.answering.find((index) => index !== voter);
  if (witness === undefined) throw new Error(`nobody sees whether node ${voter + 1} votes`);
  const client = await cluster.connect(witness);
  try {
    const { round } = await client.status();
    let voted = false;
    await client.subscribe(['wave'], (event: NodeEvent) => {
      if (event.type === 'wave' && event.voter === voter && event.target.round > round) voted = true;
    });
    return await watch(() => voted);
  } finally {
    await client.close();
  }
}
