/**
 * What the kernels bring to a whole network: the CPU that a finalized proposal costs, with the kernels that a node takes and
 * with TypeScript twins for all of them. Real validators, each a process; both networks at once, in turns: a network
 * without proposals is silent, so the one that waits costs nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Effort, medians, type OwnRowSpec, type Row } from '../bench/harness.ts';
import type { Group } from '../bench/wasm.ts';
import { PqError } from '../errors.ts';
import type { Client } from '../node/client.ts';
import { type Network, networkOf } from './network.ts';
import { type PaymentRecord, SAMPLES } from './records.ts';
import { replay } from './replay.ts';
import { Testbed } from './testbed.ts';
import { TransferDesk } from './transfers.ts';

const VALIDATORS = 4;
/** Column to `PQ_KERNELS` of its network: nothing takes the fastest of each. */
const KERNELS = { twin: 'twin', simd: '' } as const;
/** Proposals between two readings of the CPU. */
const PER_SAMPLE = 50;

/** How proposals come: with the next one after the decision on the last, or all together. */
type Load = 'one by one' | 'together';

export const NETWORK_GROUP: Group = {
  title: 'A network of 4 validators: CPU of all four processes, without that of their models',
  rows: () => [row('one by one'), row('together')],
};

function row(load: Load): OwnRowSpec {
  const spec = { name: 'end-to-end', params: { validators: VALIDATORS, proposals: load } };
  return { ...spec, measure: async (effort) => ({ ...spec, ...(await measureNetworks(load, effort)) }) };
}

async function measureNetworks(load: Load, effort: Effort): Promise<Omit<Row, 'name' | 'params'>> {
  const folder = mkdtempSync(join(tmpdir(), 'pq-bench-'));
  const networks: RunningNetwork[] = [];
  try {
    for (const [column, kernels] of Object.entries(KERNELS))
      networks.push(await RunningNetwork.start(column, kernels, join(folder, column)));
    // Once before it counts: compilers, caches, and keys that are new.
    for (const network of networks) await network.sample(load);
    const samples = networks.map((): number[] => []);
    for (let i = 0; i < effort.networkSamples; i++)
      for (const [at, network] of networks.entries()) samples[at]!.push(await network.sample(load));
    const columns = networks.map(({ column }, at) => [column, samples[at]!] as const);
    return { unit: 'ms of CPU per finalized proposal', ...medians(columns), libraries: [], targets: {} };
  } finally {
    await Promise.all(networks.map((network) => network.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

class RunningNetwork {
  readonly column: string;
  readonly #testbed: Testbed;
  readonly #clients: readonly Client[];
  readonly #desk: TransferDesk;

  private constructor(column: string, testbed: Testbed, clients: readonly Client[], network: Network) {
    this.column = column;
    this.#testbed = testbed;
    this.#clients = clients;
    this.#desk = new TransferDesk(network);
  }

  static async start(column: string, kernels: string, folder: string): Promise<RunningNetwork> {
    const network = await networkOf({ validators: VALIDATORS });
    const testbed = await Testbed.start(network.committee, folder, { PQ_KERNELS: kernels });
    try {
      const clients = await testbed.ready(new AbortController().signal);
      return new RunningNetwork(column, testbed, clients, network);
    } catch (error) {
      await testbed.stop();
      throw error;
    }
  }

  /** Takes proposals to their certified decisions; returns what one cost all nodes together. Throws `BENCH_UNDECIDED`. */
  async sample(load: Load): Promise<number> {
    const records = Array.from({ length: PER_SAMPLE }, (_, i) => SAMPLES[i % SAMPLES.length]!);
    const before = await this.#cpuMs();
    if (load === 'together') await this.#decide(records);
    else for (const record of records) await this.#decide([record]);
    return ((await this.#cpuMs()) - before) / records.length;
  }

  async #decide(records: readonly PaymentRecord[]): Promise<void> {
    const outcomes = await replay(this.#clients, records, {
      rate: 0,
      build: (record) => this.#desk.build(record),
      onOutcome: () => {},
      signal: new AbortController().signal,
    });
    this.#testbed.requireRunning();
    const failed = outcomes.find(({ error }) => error !== null);
    if (failed === undefined) return;
    const why = `${failed.error!.code}: ${failed.error!.message}`;
    throw new PqError('BENCH_UNDECIDED', `A proposal has no certified decision: ${why}`, { column: this.column });
  }

  async #cpuMs(): Promise<number> {
    const stats = await Promise.all(this.#clients.map((client) => client.stats()));
    return stats.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  }

  stop(): Promise<void> {
    return this.#testbed.stop();
  }
}
