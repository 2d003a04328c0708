/** Argument checks of the learning kernels, shared by the core's wrappers and the twins. */
import { PqError } from '../errors.ts';
import { MAX_AUTHORS } from './checks.ts';
import type { AggregatorOptions, LearningRate, NetworkBatch, NetworkOptions } from './learn.ts';

/** Numbers in a row of a network; LIMIT of assembly/network.ts relies on it. */
const MAX_WIDTH = 4096;
const MAX_ROWS = 4096;
const MAX_HIDDEN = 2;
const MAX_PARAMETERS = 2 ** 20;
const MAX_RATE = 1024;

/** Weights and inputs of a network beyond it in absolute value are refused. */
export const NETWORK_LIMIT = 2 ** 20;
/** Numbers of a vector of an aggregator beyond it in absolute value are refused. */
export const GRADIENT_LIMIT = 2 ** 40;

/** Numbers of an encoded gradient that share an exponent, which takes one byte. */
export const BLOCK = 32;

function isFrom(least: number, greatest: number, value: number): boolean {
  return Number.isInteger(value) && value >= least && value <= greatest;
}

/** Widths of a network: of its inputs, then of the outputs of every layer. Throws `KERNEL_OPTIONS` on bad options. */
export function widthsOf({ inputs, hidden, maxRows }: NetworkOptions): readonly number[] {
  const widths = [inputs, ...hidden, 1];
  const isSane = widths.every((width) => isFrom(1, MAX_WIDTH, width)) && hidden.length <= MAX_HIDDEN;
  if (isSane && isFrom(1, MAX_ROWS, maxRows) && parametersOf(widths) <= MAX_PARAMETERS) return widths;
  const message =
    'give a network at most two hidden layers, widths and maxRows of 1 … 4096, at most 2^20 weights in all';
  throw new PqError('KERNEL_OPTIONS', message, { inputs, hidden, maxRows });
}

/** Weights and biases of a network of these widths. */
export function parametersOf(widths: readonly number[]): number {
  let sum = 0;
  for (let layer = 0; layer + 1 < widths.length; layer++) sum += (widths[layer]! + 1) * widths[layer + 1]!;
  return sum;
}

/** Throws `KERNEL_OPTIONS` on bad options. */
export function checkAggregatorOptions({ parameters, maxGradients }: AggregatorOptions): void {
  if (isFrom(1, MAX_PARAMETERS, parameters) && isFrom(1, MAX_AUTHORS, maxGradients)) return;
  const message = 'parameters must be 1 … 2^20, maxGradients 1 … 128';
  throw new PqError('KERNEL_OPTIONS', message, { parameters, maxGradients });
}

export function badWeights(data: Record<string, unknown>): PqError {
  return new PqError('LEARN_BAD_WEIGHTS', 'give as many weights as there are parameters, finite and bounded', data);
}

/** Throws `LEARN_BAD_WEIGHTS` unless the length is right. */
export function checkWeights(weights: Float32Array, parameters: number): void {
  if (weights.length !== parameters) throw badWeights({ length: weights.length, parameters });
}

export function badBatch(data: Record<string, unknown>): PqError {
  const message = 'give whole rows, 1 … maxRows of them, finite and bounded, with targets and importances of 0 … 1';
  return new PqError('LEARN_BAD_BATCH', message, data);
}

/** How many rows there are. Throws `LEARN_BAD_BATCH` unless it is a number of whole ones, 1 … maxRows. */
export function rowsOf(inputs: Float32Array, { inputs: width, maxRows }: NetworkOptions): number {
  const rows = inputs.length / width;
  if (!isFrom(1, maxRows, rows)) throw badBatch({ rows, maxRows });
  return rows;
}

/** Throws `LEARN_BAD_BATCH` unless there are targets and importances of 0 … 1 for every row. */
export function checkBatch({ targets, importances }: NetworkBatch, rows: number): void {
  for (const values of [targets, importances ?? targets]) {
    if (values.length !== rows) throw badBatch({ rows, given: values.length });
    for (let i = 0; i < rows; i++)
      if (!(values[i]! >= 0 && values[i]! <= 1)) throw badBatch({ row: i, value: values[i] });
  }
}

export function badGradient(data: Record<string, unknown>): PqError {
  const message = 'leave out a gradient that has the wrong length, is not finite and bounded, or is no code';
  return new PqError('LEARN_BAD_GRADIENT', message, data);
}

/** Throws `LEARN_BAD_GRADIENT` unless the length is right. */
export function checkGradient(gradient: Float32Array, parameters: number, index = 0): void {
  if (gradient.length !== parameters) throw badGradient({ index, length: gradient.length, parameters });
}

/** Throws `LEARN_TOO_FEW` or `LEARN_BAD_GRADIENT` unless so many gradients of this length can be aggregated. */
export function checkGradients(gradients: readonly Float32Array[], faulty: number, options: AggregatorOptions): void {
  const { length: count } = gradients;
  if (!isFrom(0, MAX_AUTHORS, faulty) || count <= 2 * faulty) {
    throw new PqError('LEARN_TOO_FEW', 'skip the round: there must be more than twice as many as are faulty', {
      count,
      faulty,
    });
  }
  if (count > options.maxGradients) throw badGradient({ count, maxGradients: options.maxGradients });
  for (const [index, gradient] of gradients.entries()) checkGradient(gradient, options.parameters, index);
}

/** Throws `LEARN_BAD_STEP` on a rate out of its range. */
export function checkLearningRate({ rate, momentum, longest }: LearningRate): void {
  const isSane = rate > 0 && rate <= MAX_RATE && momentum >= 0 && Math.fround(momentum) < 1 && longest > 0;
  if (isSane && Number.isFinite(longest)) return;
  const message = 'rate must be above 0 and at most 1024, momentum 0 … 1 without 1, longest above 0';
  throw new PqError('LEARN_BAD_STEP', message, { rate, momentum, longest });
}

/** Blocks of an encoded gradient. */
export function blocksOf(parameters: number): number {
  return Math.ceil(parameters / BLOCK);
}

/** Throws `LEARN_BAD_GRADIENT` unless the code has the right length. */
export function checkCode(code: Uint8Array, codeBytes: number): void {
  if (code.length !== codeBytes) throw badGradient({ length: code.length, codeBytes });
}
