/**
 * The load: `node client.ts WORKLOAD VALIDATORS ADDRESS…`, one process with one session per validator. For every message
 * `{ perSecond, seconds }` it makes the proposals, then submits them, and answers with a {@link Load}.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { percentiles } from '../../src/cli/statistics.ts';
import { committeeOf } from '../../src/core/committee.ts';
import { Client } from '../../src/node/client.ts';
import type { FollowedProposal } from '../../src/node/client-followed.ts';
import { linkTo } from '../../src/node/client-link.ts';
import type { NodeStats } from '../../src/node/events.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import { genesisOf, ProposalMaker, type Workload } from './workload.ts';

export interface LoadOrder {
  readonly perSecond: number;
  readonly seconds: number;
}

/** What came of one order. */
export interface Load extends LoadOrder {
  readonly submitted: number;
  readonly decisions: Readonly<Record<string, number>>;
  /** Refused or lost, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** From the first submission to the last certified decision. */
  readonly spanSeconds: number;
  /** Certified in the middle of the run, while load comes and goes at one pace, per second. */
  readonly finalizedPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly clientCpuMs: number;
  readonly before: readonly NodeStats[];
  readonly after: readonly NodeStats[];
}

/** How often a handful is submitted: latency is counted from when each was due. */
const TICK_MS = 2;
/** Everything must be decided so long after the last submission. */
const DRAIN_MS = 30_000;

const [workload, validators, ...addresses] = process.argv.slice(2) as [Workload, ...string[]];
const genesis = genesisOf(workload, Number(validators));
const committee = committeeOf(loadKernels(), genesis);
const maker = new ProposalMaker(workload, genesis);
const clients = await Promise.all(
  addresses.map((address) => Client.connect({ connect: linkTo(address, committee), onProblem: report })),
);
await Promise.all(clients.map(allConnected));
process.on('message', (order: LoadOrder) => void run(order).then((load) => process.send?.(load)));
process.send?.({ ready: true });

function report({ code, message }: { code: string; message: string }): void {
  process.stderr.write(`client: ${code} ${message}\n`);
}

async function allConnected(client: Client): Promise<void> {
  while ((await client.status()).peers.length < committee.size - 1) await delay(50);
}

async function run({ perSecond, seconds }: LoadOrder): Promise<Load> {
  const total = Math.floor(perSecond * seconds);
  const proposals = await maker.make(total);
  const before = await Promise.all(clients.map((client) => client.stats()));
  const cpu = process.cpuUsage();
  const tally = new Tally(total);
  const beginMs = performance.now();
  let sent = 0;
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - beginMs) * perSecond) / 1000) + 1);
    for (const [i, client] of clients.entries()) {
      const batch: Uint8Array[] = [];
      const dueMs: number[] = [];
      for (
        let k = sent + ((i - (sent % clients.length) + clients.length) % clients.length);
        k < due;
        k += clients.length
      ) {
        batch.push(proposals[k]!);
        dueMs.push(beginMs + (1000 * k) / perSecond);
      }
      if (batch.length > 0) submit(client, batch, dueMs, tally);
    }
    sent = due;
    await delay(TICK_MS);
  }
  const drained = await Promise.race([tally.done.then(() => true), delay(DRAIN_MS).then(() => false)]);
  if (!drained) report({ code: 'BENCH_UNDECIDED', message: `${total - tally.settled} have no decision` });
  const { user, system } = process.cpuUsage(cpu);
  const after = await Promise.all(clients.map((client) => client.stats()));
  return {
    perSecond,
    seconds,
    submitted: total,
    decisions: tally.decisions,
    failed: tally.failed,
    spanSeconds: (tally.lastMs - beginMs) / 1000,
    finalizedPerSecond: tally.middleRate(),
    latencyMs: percentiles(tally.latencies),
    clientCpuMs: (user + system) / 1000,
    before,
    after,
  };
}

class Tally {
  readonly latencies: number[] = [];
  readonly decisions: Record<string, number> = {};
  readonly failed: Record<string, number> = {};
  readonly #atMs: number[] = [];
  readonly #total: number;
  readonly #done = Promise.withResolvers<void>();
  settled = 0;
  lastMs = performance.now();

  constructor(total: number) {
    this.#total = total;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  certified(decision: string, dueMs: number): void {
    this.lastMs = performance.now();
    this.latencies.push(this.lastMs - dueMs);
    this.#atMs.push(this.lastMs);
    this.decisions[decision] = (this.decisions[decision] ?? 0) + 1;
    this.#settle();
  }

  refused(code: string): void {
    this.failed[code] = (this.failed[code] ?? 0) + 1;
    this.#settle();
  }

  #settle(): void {
    this.settled += 1;
    if (this.settled === this.#total) this.#done.resolve();
  }

  /** Per second, between the first and the last tenth of what was certified. */
  middleRate(): number {
    const from = Math.floor(this.#atMs.length / 10);
    const to = this.#atMs.length - 1 - from;
    if (to <= from) return 0;
    return (1000 * (to - from)) / (this.#atMs[to]! - this.#atMs[from]!);
  }
}

function submit(client: Client, batch: readonly Uint8Array[], dueMs: readonly number[], tally: Tally): void {
  let followed: FollowedProposal[];
  try {
    followed = client.submit(batch);
  } catch (error) {
    for (const _ of batch) tally.refused((error as { code?: string }).code ?? 'FAILED');
    return;
  }
  for (const [i, { certified }] of followed.entries()) {
    certified.then(
      ({ decision }) => tally.certified(decision.decision, dueMs[i]!),
      (error: { code?: string }) => tally.refused(error.code ?? 'FAILED'),
    );
  }
}
