/** Messages between the pool and its child processes. Sent with `advanced` serialization: typed arrays stay typed arrays. */

/** Data of a tensor as the runtime takes it. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array;

export interface TensorMessage {
  /** `float32`, `float64`, `int32`, `int64`, `uint8`, `int8`. */
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export type Feeds = Readonly<Record<string, TensorMessage>>;

export type Request =
  | { readonly op: 'load'; readonly id: number; readonly model: string; readonly bytes: Uint8Array }
  | { readonly op: 'unload'; readonly id: number; readonly model: string }
  | {
      readonly op: 'run';
      readonly id: number;
      readonly model: string;
      readonly batches: readonly Feeds[];
      readonly outputs: readonly string[];
    };

/** `cpuMs` is all the processor time of the child so far, user and system. */
export type Reply =
  | { readonly op: 'ready'; readonly cpuMs: number }
  | { readonly op: 'done'; readonly id: number; readonly cpuMs: number; readonly results: readonly Feeds[] }
  | { readonly op: 'failed'; readonly id: number; readonly cpuMs: number; readonly message: string };
