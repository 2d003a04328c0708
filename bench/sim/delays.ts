/** One network of simulated nodes, and how many message delays everything takes in it. */
import type { Row } from '../../src/bench/harness.ts';
import { digestKey, refKey } from '../../src/core/block.ts';
import type { CoreEvent } from '../../src/core/events.ts';
import { CALM, type Settings } from '../../src/sim/settings.ts';
import { Simulation } from '../../src/sim/simulation.ts';
import type { Kernels } from '../../src/wasm/kernels.ts';

/** One message delay. */
export const LINK_MS = 50;
/** Rounds that are not counted: the nodes start one after the other, and find each other. */
const ROUNDS_TO_BEGIN = 5;
/** Rounds that are. More tell nothing new: without faults every round is like the one before. */
const ROUNDS = 10;
const FROM_MS = ROUNDS_TO_BEGIN * LINK_MS;
const TO_MS = FROM_MS + ROUNDS * LINK_MS;

/** When blocks went out, and when what came of them was known where. */
class Latencies {
  readonly #emittedMs = new Map<string, number>();
  /** Block by proposal. */
  readonly #carrier = new Map<string, string>();
  readonly leaders: number[] = [];
  readonly decisions: number[] = [];

  observe(event: CoreEvent, elapsedMs: number): void {
    if (event.type === 'emitted' && elapsedMs >= FROM_MS && elapsedMs < TO_MS) {
      const key = refKey(event.block.ref);
      this.#emittedMs.set(key, elapsedMs);
      for (const { id } of event.block.proposals) {
        if (!this.#carrier.has(digestKey(id))) this.#carrier.set(digestKey(id), key);
      }
    }
    if (event.type !== 'committed' || event.replayed) return;
    this.#add(this.leaders, elapsedMs, refKey(event.blocks.at(-1)!.ref));
    for (const { id } of event.decisions) this.#add(this.decisions, elapsedMs, this.#carrier.get(digestKey(id)));
  }

  #add(to: number[], elapsedMs: number, key: string | undefined): void {
    const emittedMs = key === undefined ? undefined : this.#emittedMs.get(key);
    if (emittedMs !== undefined) to.push((elapsedMs - emittedMs) / LINK_MS);
  }
}

export interface Network {
  readonly validators: number;
  readonly leaders: number;
  /** Links take a whole delay, and up to this share of it less or more. */
  readonly jitter: number;
}

/** Throws what the simulation finds wrong. */
export async function measureDelays(kernels: Kernels, { validators, leaders, jitter }: Network): Promise<Row> {
  const delayMs = [LINK_MS * (1 - jitter), LINK_MS * (1 + jitter)] as const;
  const settings: Settings = {
    ...CALM,
    validators,
    leadersPerRound: leaders,
    hostileMs: TO_MS,
    clients: { ...CALM.clients, proposals: 10 * (ROUNDS_TO_BEGIN + ROUNDS), doubleSpends: 0, repeats: 0, bad: 0 },
    network: { ...CALM.network, delayMs, calmDelayMs: delayMs },
    models: { ms: [0, 0], errs: 0, unsure: 0, late: 0, fails: 0 },
    disk: { syncMs: [0, 0] },
    signMs: [0, 0],
    promptMs: 1_000,
  };
  const latencies = new Latencies();
  const simulation = new Simulation({
    kernels,
    scenario: 'equal links',
    seed: 1,
    settings,
    observe: (_, event, elapsedMs) => latencies.observe(event, elapsedMs),
  });
  const { decisions, counters, digest } = await simulation.run();
  const decided = Object.values(decisions).reduce((sum, count) => sum + count, 0);
  const sorted = latencies.decisions.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
  const spread = { mean: [at(0.1), at(0.9)] as const };
  return {
    name: 'latency',
    params: { validators, leaders, linkMs: LINK_MS, jitter, proposals: decided },
    unit: 'message delays',
    values: {
      leader: mean(latencies.leaders),
      mean: mean(sorted),
      p95: at(0.95),
      slowest: at(1),
      bytesPerProposal: counters.bytes / validators / decided,
      checksPerDecision: counters.verifications / validators / decided,
    },
    spread,
    checksum: digest.slice(0, 16),
    libraries: [],
    targets: {},
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
