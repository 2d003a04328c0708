/**
 * The agent: the AI half of a validator. This folder holds models, features, modules and the processes they run in; it
 * may use `src/wasm`, `src/crypto`, `src/errors.ts` and the core's types and limits, never the node or an application.
 * What a proposal means is handed in as plain data.
 */
import { createHash } from 'node:crypto';
import { PqError } from '../errors.ts';
import { MODULE_TIME_SHARE } from './limits.ts';
import type { Model } from './model.ts';
import { type Module, ModuleSet, poolVerdicts } from './modules.ts';
import { OnnxModel, type OnnxModelOptions } from './onnx-model.ts';
import { type Opinion, opinionOf, VERDICT, type Verdict } from './opinion.ts';
import { ModelPool } from './pool.ts';
import type { BlockData, DataKind, ProposalData } from './proposals.ts';
import { SimpleModel } from './simple-model.ts';

export interface AgentConfig {
  /** t: p ≤ 1 − t approves, p ≥ t rejects. Above 0.5, below 1. */
  readonly confidenceThreshold: number;
  /** Time for one opinion, milliseconds, 1 … 60 000. The node refuses one above half of the agreed voting window. */
  readonly timeoutPhase: number;
  /** Proposals a second that this node takes from its clients; local. */
  readonly maxProposalsPerSec: number;
}

export const DEFAULT_AGENT_CONFIG: AgentConfig = {
  confidenceThreshold: 0.7,
  timeoutPhase: 500,
  maxProposalsPerSec: 1000,
};

export interface AgentStats {
  /** Opinions formed. */
  readonly scored: number;
  /** Opinions not formed because time ran out. */
  readonly late: number;
  /** Opinions not formed because a model failed. */
  readonly failed: number;
  /** Verdicts of modules left out: thrown, malformed or late. */
  readonly modulesLeftOut: number;
  /** Child processes started in place of one that was killed or died. */
  readonly restarts: number;
  /** Processor time of the child processes, milliseconds. */
  readonly cpuMs: number;
  /** The last failure of a model, for people; null if none. */
  readonly lastError: string | null;
}

const LIMITS = {
  confidenceThreshold: { above: 0.5, below: 1 },
  timeoutPhase: { above: 0, below: 60_001 },
  maxProposalsPerSec: { above: 0, below: 1_000_001 },
} as const;

export class Agent {
  #config = DEFAULT_AGENT_CONFIG;
  readonly #models = new Map<DataKind, Model>();
  readonly #modules = new ModuleSet();
  readonly #children: number;
  #pool: Promise<ModelPool> | null = null;
  #runningPool: ModelPool | null = null;
  #scored = 0;
  #late = 0;
  #failed = 0;
  #lastError: string | null = null;

  /** `children`: processes that run ONNX models; one is enough unless a block's models together are too slow. */
  constructor(options: { readonly children?: number } = {}) {
    this.#children = options.children ?? 1;
  }

  get config(): AgentConfig {
    return this.#config;
  }

  /** Changes the given settings. Throws `CONFIG_AGREED` (`requiredVotes` is agreed in genesis), `CONFIG_UNKNOWN`, `CONFIG_RANGE`. */
  configure(changes: Partial<AgentConfig>): void {
    const next: Record<string, number> = { ...this.#config };
    for (const [key, value] of Object.entries(changes)) {
      if (key === 'requiredVotes') {
        throw new PqError(
          'CONFIG_AGREED',
          'requiredVotes is agreed by all validators in genesis: change it there, or by an upgrade proposal.',
          { key },
        );
      }
      const known = Object.keys(LIMITS).find((name) => name === key) as keyof typeof LIMITS | undefined;
      if (known === undefined) {
        throw new PqError(
          'CONFIG_UNKNOWN',
          `An agent has no setting "${key}": it has ${Object.keys(LIMITS).join(', ')}.`,
          { key },
        );
      }
      const { above, below } = LIMITS[known];
      if (typeof value !== 'number' || !(value > above && value < below)) {
        throw new PqError('CONFIG_RANGE', `${key} must be a number above ${above} and below ${below}.`, { key, value });
      }
      next[known] = value;
    }
    this.#config = next as unknown as AgentConfig;
  }

  /**
   * Adds a check of the operator's own, asked about data of `kinds`, of every kind if not given. Throws `MODULE_NAME` if the
   * name is taken or there are too many.
   */
  addModule(name: string, module: Module, kinds?: readonly DataKind[]): void {
    this.#modules.add(name, module, kinds);
  }

  /** Adds a model for its kind of data. Throws `MODEL_KIND_TAKEN` if the kind has one. */
  addModel(model: Model): void {
    const taken = this.#models.get(model.kind);
    if (taken !== undefined) {
      throw new PqError(
        'MODEL_KIND_TAKEN',
        `"${taken.name}" judges data of kind ${model.kind} already: one model per kind.`,
        { kind: model.kind },
      );
    }
    this.#models.set(model.kind, model);
  }

  /** Opens a model file and adds it: `.json` is a {@link SimpleModel}, anything else ONNX. Starts the child processes on first use. */
  async loadModel(file: string, options: OnnxModelOptions = {}): Promise<Model> {
    const model = file.endsWith('.json')
      ? await SimpleModel.open(file)
      : await OnnxModel.open(file, await this.#startPool(), options);
    this.addModel(model);
    return model;
  }

  /** The models in use, by kind. */
  models(): readonly Model[] {
    return [...this.#models.values()];
  }

  /** Names the set of models: SHA3-256 over the sorted hashes of their files; 32 zero bytes without a model. */
  modelId(): Uint8Array {
    if (this.#models.size === 0) return new Uint8Array(32);
    const hash = createHash('sha3-256').update('pq/model-set/1');
    for (const model of [...this.#models.values()].map(({ sha256 }) => sha256).sort())
      hash.update(Buffer.from(model, 'hex'));
    return new Uint8Array(hash.digest());
  }

  /**
   * Forms an opinion on a block's proposals, in block order, within `deadlineMs` from now (at most, and by default,
   * `timeoutPhase`). Null: too late, no model, or a model failed; no vote is to be cast then. A proposal that neither a
   * model nor a module can judge is abstained on. Never throws.
   */
  async opine(
    items: readonly ProposalData[],
    deadlineMs = this.#config.timeoutPhase,
    block: BlockData | null = null,
  ): Promise<Opinion | null> {
    if (this.#models.size === 0) return null;
    const limitMs = Math.min(deadlineMs, this.#config.timeoutPhase);
    try {
      const [p, sums] = await Promise.all([
        this.#score(items, limitMs),
        this.#modules.ask(items, { block, deadlineMs: MODULE_TIME_SHARE * limitMs }),
      ]);
      if (p === null) {
        this.#late += 1;
        return null;
      }
      this.#scored += 1;
      return opinionOf(
        p.map((value, i) => poolVerdicts(value, sums[i] ?? { weight: 0, rejectWeight: 0 })),
        this.#config.confidenceThreshold,
      );
    } catch (error) {
      // A failing model loses its vote and nothing else; the reason is kept where the operator looks.
      this.#failed += 1;
      this.#lastError = error instanceof Error ? error.message : String(error);
      return null;
    }
  }

  /** {@link opine} on one proposal: its verdict, how sure, and p; null if no opinion could be formed. */
  async validateProposal(
    item: ProposalData,
    deadlineMs?: number,
  ): Promise<{ verdict: Verdict; confidence: number; p: number } | null> {
    const opinion = await this.opine([item], deadlineMs);
    return (
      opinion && {
        verdict: (opinion.verdicts[0] ?? VERDICT.ABSTAIN) as Verdict,
        confidence: opinion.confidence,
        p: opinion.p[0] ?? 0.5,
      }
    );
  }

  stats(): AgentStats {
    const { restarts, cpuMs } = this.#runningPool?.stats() ?? { restarts: 0, cpuMs: 0 };
    return {
      scored: this.#scored,
      late: this.#late,
      failed: this.#failed,
      modulesLeftOut: this.#modules.leftOut,
      restarts,
      cpuMs,
      lastError: this.#lastError,
    };
  }

  /** Ends the child processes; opinions being formed come out as null. */
  async close(): Promise<void> {
    const pool = await this.#pool;
    await pool?.close();
  }

  async #startPool(): Promise<ModelPool> {
    this.#pool ??= ModelPool.start(this.#children);
    this.#runningPool = await this.#pool;
    return this.#runningPool;
  }

  /** p per item; NaN where no model is for its kind; null if any model was late. One run per model. */
  async #score(items: readonly ProposalData[], deadlineMs: number): Promise<Float64Array | null> {
    const p = new Float64Array(items.length).fill(Number.NaN);
    const scored = await Promise.all(
      [...this.#models.values()].map(async (model) => {
        const positions = items.flatMap((item, i) => (item.kind === model.kind ? [i] : []));
        if (positions.length === 0) return true;
        const own = await model.score(
          positions.map((i) => items[i] as ProposalData),
          deadlineMs,
        );
        own?.forEach((value, i) => {
          p[positions[i] as number] = value;
        });
        return own !== null;
      }),
    );
    return scored.includes(false) ? null : p;
  }
}
