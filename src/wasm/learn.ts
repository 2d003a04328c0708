/**
 * The learning kernels as the rest of the project sees them: networks that give a gradient, and what becomes of the gradients of
 * many. All numbers are f32, all sums have one order, and inputs are finite and bounded, so that nothing is ever infinite or
 * NaN: every implementation on every machine computes the same bits.
 */

/** Rows that a network is to learn, or to be judged by. */
export interface NetworkBatch {
  /** Row by row, as many numbers each as the network has inputs. */
  readonly inputs: Float32Array;
  /** What the output should be, by row: 0 … 1. */
  readonly targets: Float32Array;
  /** How much each row counts, 0 … 1. Default: 1. */
  readonly importances?: Float32Array;
}

/**
 * A network of dense layers with ReLU between them and one logit at the end; without a hidden layer it is logistic
 * regression. Its weights are one vector: layer by layer, the weights of each output in turn, then the biases.
 *
 * Throws `LEARN_BAD_WEIGHTS` and `LEARN_BAD_BATCH` on what has the wrong length, is not finite, or is beyond 2²⁰ in absolute value.
 */
export interface NetworkKernel {
  /** How many weights there are. */
  readonly parameters: number;
  /** The logit of every row; the probability is 1 / (1 + e^−logit). */
  logits(weights: Float32Array, inputs: Float32Array): Float32Array;
  /** Mean over the rows of importance × logistic loss, of at most `maxRows` rows and at least one. */
  loss(weights: Float32Array, batch: NetworkBatch): number;
  /** The same, with its gradient by the weights. */
  gradient(weights: Float32Array, batch: NetworkBatch): { readonly loss: number; readonly gradient: Float32Array };
}

export interface NetworkOptions {
  /** Numbers in a row, 1 … 4096. */
  readonly inputs: number;
  /** Outputs of each hidden layer, 1 … 4096; none, one or two of them. */
  readonly hidden: readonly number[];
  /** Bound on rows in one call, 1 … 4096. Memory for as many is allocated at once. */
  readonly maxRows: number;
}

/** How far to go. */
export interface LearningRate {
  /** η: above 0, at most 1024. */
  readonly rate: number;
  /** μ: 0 … 1, 1 excluded. */
  readonly momentum: number;
  /** The norm that a gradient is scaled down to if it is longer: above 0. */
  readonly longest: number;
}

/**
 * From the gradients of many, some of them hostile, to new weights. Throws `LEARN_BAD_GRADIENT`, or `LEARN_BAD_WEIGHTS`, on a
 * vector that has the wrong length, or a number that is not finite or beyond 2⁴⁰ in absolute value.
 */
export interface AggregatorKernel {
  /** Bytes of an encoded gradient. */
  readonly codeBytes: number;
  /**
   * Robust aggregate of `gradients`, of which at most `faulty` are hostile: adaptive robust clipping, nearest-neighbour mixing,
   * coordinate-wise trimmed mean (docs/wasm.md). The order of the gradients is part of the input: all must agree on it.
   * Throws `LEARN_TOO_FEW` unless there are more than 2 · faulty: nothing is robust then.
   */
  aggregate(gradients: readonly Float32Array[], faulty: number): Float32Array;
  /**
   * One step of gradient descent with momentum and a global norm clip: v ← μ·v + g, w ← w − η·v. Returns new vectors. Throws
   * `LEARN_BAD_STEP` on a rate out of its range.
   */
  step(
    weights: Float32Array,
    velocity: Float32Array,
    gradient: Float32Array,
    learning: LearningRate,
  ): { readonly weights: Float32Array; readonly velocity: Float32Array };
  /**
   * A gradient as it travels: one byte per number, and one per block of 32 for the power of two that they are multiples of.
   * A number loses at most 1/127 of the greatest in its block, or 2⁻⁶⁵.
   */
  encode(gradient: Float32Array): Uint8Array;
  /** What was encoded. Throws `LEARN_BAD_GRADIENT` on any bytes that {@link encode} does not return. */
  decode(code: Uint8Array): Float32Array;
}

export interface AggregatorOptions {
  /** Numbers in a gradient, 1 … 2²⁰. */
  readonly parameters: number;
  /** Bound on gradients in one call, 1 … 128. Memory for as many is allocated at once. */
  readonly maxGradients: number;
}
