/** What must hold after any fault, asked of every validator that runs. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mainFile } from '../../src/cli/launch.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { DecisionName } from '../../src/core/types.ts';
import {
  type DecidedProposal,
  type DecisionAnswer,
  NEWEST_CERTIFICATE,
  NO_COMMIT,
} from '../../src/node/client-protocol.ts';
import { type Cluster, names } from './cluster.ts';
import type { Tracked } from './load.ts';

const QUESTIONS_AT_ONCE = 32;
/** Proofs of single proposals that are checked by `pq verify`. */
const PROOFS = 2;
const NO_DECISION = 'no decision in any commit';

/** `LAPSED`: EXPIRED before any commit opened it; it is not among the EXPIRED. */
export type DecisionCounts = Readonly<Record<DecisionName | 'LAPSED' | 'refused', number>>;

/**
 * Every proposal that a validator acknowledged has one decision, certified and the same on every one of `indexes`, and it
 * is what the client was told; what was refused, or ran out in no commit, is decided nowhere. Returns how many of each.
 */
export async function checkDecisions(
  cluster: Cluster,
  all: readonly Tracked[],
  indexes: readonly number[],
): Promise<DecisionCounts> {
  const counts = { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0, LAPSED: 0, refused: 0 };
  for (const tracked of all) {
    const { certified, refused, acknowledged } = tracked;
    if (certified !== null) counts[certified.index === NO_COMMIT ? 'LAPSED' : certified.decision.decision] += 1;
    else if (!acknowledged && refused !== null) counts.refused += 1;
    else throw new Error(lossOf(tracked));
  }
  for (const index of indexes) {
    for (let from = 0; from < all.length; from += QUESTIONS_AT_ONCE) {
      const some = all.slice(from, from + QUESTIONS_AT_ONCE);
      await Promise.all(some.map((tracked) => checkOne(cluster, index, tracked)));
    }
  }
  return counts;
}

function lossOf({ id, through, refused, refusedMs, submittedMs }: Tracked): string {
  const after = refusedMs === null ? '' : `, ${((refusedMs - submittedMs) / 1000).toFixed(1)} s after it was submitted`;
  return `${toHex(id)} was acknowledged by node ${through + 1} and lost: ${refused ?? 'no decision'}${after}`;
}

async function checkOne(cluster: Cluster, index: number, { id, certified }: Tracked): Promise<void> {
  const inCommit = certified !== null && certified.index !== NO_COMMIT;
  let answer: DecisionAnswer | null = null;
  await cluster.until(`node ${index + 1} knows what became of ${toHex(id)}`, async () => {
    answer = await cluster.decision(index, id);
    return answer !== null && (!inCommit || answer.state === 'certified');
  });
  const expected = inCommit ? textOf(certified.index, certified.decision) : NO_DECISION;
  const found = foundIn(answer!);
  if (found !== expected)
    throw new Error(`node ${index + 1} says of ${toHex(id)}: ${found}; the client was told: ${expected}`);
}

function foundIn(answer: DecisionAnswer): string {
  // What ran out in no commit is known to the validator that took it, and to no other.
  const isCommitted = 'index' in answer && answer.index !== NO_COMMIT;
  return isCommitted ? textOf(answer.index, answer.decided) : NO_DECISION;
}

function textOf(index: number, { decision, reason, confidence, receipt }: DecidedProposal): string {
  return `${decision} (${reason}) ${confidence}, receipt ${receipt}, in commit ${index}`;
}

/**
 * The newest certificate of each of `indexes`, and the proofs of a few proposals, are VERIFIED by `pq verify`, a process
 * that has nothing but the genesis document. Returns how many there were.
 */
export async function checkCertificates(
  cluster: Cluster,
  all: readonly Tracked[],
  indexes: readonly number[],
): Promise<number> {
  const genesis = join(cluster.folder, 'genesis.json');
  writeFileSync(genesis, JSON.stringify(cluster.network.genesis));
  for (const index of indexes) {
    const certificate = await cluster.ask(index, (probe) => probe.certificate(NEWEST_CERTIFICATE));
    if (certificate === null) throw new Error(`node ${index + 1} has no certificate`);
    await verify(join(cluster.folder, `certificate-${index + 1}.bin`), certificate, genesis);
  }
  const inCommits = all.filter(({ certified }) => certified !== null && certified.index !== NO_COMMIT);
  const proven = inCommits.filter((_, i) => i % Math.ceil(inCommits.length / PROOFS) === 0);
  for (const [i, { id }] of proven.entries()) {
    const index = indexes[i % indexes.length]!;
    const proof = await cluster.ask(index, (probe) => probe.proof(id));
    if (proof === null) throw new Error(`node ${index + 1} has no proof of ${toHex(id)}`);
    await verify(join(cluster.folder, `proof-${i}.bin`), proof, genesis, '--id', toHex(id));
  }
  return indexes.length + proven.length;
}

async function verify(file: string, bytes: Uint8Array, genesis: string, ...more: readonly string[]): Promise<void> {
  writeFileSync(file, bytes);
  const args = [mainFile(), 'verify', file, '--genesis', genesis, '--json', ...more];
  // Another exit code than 0 rejects.
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const report = JSON.parse(stdout) as { readonly verified: boolean };
  if (!report.verified) throw new Error(`pq verify refuses ${file}: ${stdout}`);
}

/** Nobody saw two blocks of one author in one round, and nobody stopped by itself. Returns what was said of the models. */
export async function checkQuiet(cluster: Cluster, indexes: readonly number[]): Promise<string> {
  let late = 0;
  let restarts = 0;
  for (const index of indexes) {
    const stats = await cluster.ask(index, (probe) => probe.stats());
    if (stats === null) throw new Error(`node ${index + 1} does not answer any more`);
    if (stats.equivocations > 0) throw new Error(`node ${index + 1} saw ${stats.equivocations} equivocations`);
    late += stats.opinions.late;
    restarts += stats.opinions.restarts;
  }
  const { running } = cluster;
  if (indexes.some((index) => !running.includes(index)))
    throw new Error(`of nodes ${names(indexes)} only ${names(running)} run`);
  return `${late} opinions late, ${restarts} models started again`;
}
