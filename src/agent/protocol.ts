/** Messages between the pool and its child processes. Sent with `advanced` serialization: typed arrays stay typed arrays. */
import type { ProposalData } from './proposals.ts';
import type { ScorePlan } from './scorer.ts';

/** Data of a tensor as the runtime takes it. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array;

export interface TensorMessage {
  /** `float32`, `float64`, `int32`, `int64`, `uint8`, `int8`. */
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** Tensors by name. */
export type Feeds = Readonly<Record<string, TensorMessage>>;

/** What a child can be asked. `run`: raw tensors, one run per batch; `score`: proposals, by the model's plan. */
export type Question =
  | { readonly op: 'load'; readonly model: string; readonly bytes: Uint8Array; readonly plan: ScorePlan | null }
  | { readonly op: 'unload'; readonly model: string }
  | {
      readonly op: 'run';
      readonly model: string;
      readonly batches: readonly Feeds[];
      readonly outputs: readonly string[];
    }
  | { readonly op: 'score'; readonly model: string; readonly items: readonly ProposalData[] };

export type Answer =
  | { readonly op: 'done' }
  | { readonly op: 'ran'; readonly results: readonly Feeds[] }
  | { readonly op: 'scored'; readonly p: Float64Array }
  | { readonly op: 'failed'; readonly code: string; readonly message: string };

export interface Request {
  readonly id: number;
  readonly question: Question;
}

/** Id 0 says that the child is ready. `cpuMs` is all the processor time of the child so far, user and system. */
export interface Reply {
  readonly id: number;
  readonly cpuMs: number;
  readonly answer: Answer;
}
