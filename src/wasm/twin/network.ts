/** The network in plain TypeScript; the oracle of the core's `network` kernel, whose orders of summation it keeps. */
import type { NetworkBatch, NetworkKernel, NetworkOptions } from '../learn.ts';
import {
  badBatch,
  badWeights,
  checkBatch,
  checkWeights,
  NETWORK_LIMIT,
  parametersOf,
  rowsOf,
  widthsOf,
} from '../learn-checks.ts';
import { logisticLoss, probability } from './logistic-loss.ts';
import { areBounded } from './vector-sums.ts';

const { fround } = Math;

/** One dense layer; its weights begin at `at` in the vector of all, its biases at `biasesAt`. */
interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly at: number;
  readonly biasesAt: number;
  /** By row: what it gets, unless that is given, and the gradient by that. */
  readonly values: Float32Array;
  readonly gradients: Float32Array;
}

export class TwinNetwork implements NetworkKernel {
  readonly parameters: number;
  readonly #options: NetworkOptions;
  readonly #layers: readonly Layer[];

  constructor(options: NetworkOptions) {
    const widths = widthsOf(options);
    this.parameters = parametersOf(widths);
    this.#options = options;
    this.#layers = widths.slice(0, -1).map((inputs, i) => {
      const at = parametersOf(widths.slice(0, i + 1));
      const outputs = widths[i + 1]!;
      const room = i === 0 ? 0 : options.maxRows * inputs;
      const [values, gradients] = [new Float32Array(room), new Float32Array(room)];
      return { inputs, outputs, at, biasesAt: at + inputs * outputs, values, gradients };
    });
  }

  logits(weights: Float32Array, inputs: Float32Array): Float32Array {
    checkWeights(weights, this.parameters);
    const rows = rowsOf(inputs, this.#options);
    if (!areBounded(weights, NETWORK_LIMIT)) throw badWeights({});
    if (!areBounded(inputs, NETWORK_LIMIT)) throw badBatch({ rows });
    let values = inputs;
    for (const [i, layer] of this.#layers.entries()) {
      const next = this.#layers[i + 1];
      const out = next?.values ?? new Float32Array(rows);
      for (let row = 0; row < rows; row++) {
        for (let output = 0; output < layer.outputs; output++) {
          const from = layer.at + output * layer.inputs;
          const sum = fround(
            product(weights, from, values, row * layer.inputs, layer.inputs) + weights[layer.biasesAt + output]!,
          );
          out[row * layer.outputs + output] = next === undefined || sum > 0 ? sum : 0;
        }
      }
      values = out;
    }
    return values;
  }

  loss(weights: Float32Array, batch: NetworkBatch): number {
    return this.#judge(weights, batch).loss;
  }

  gradient(weights: Float32Array, batch: NetworkBatch): { loss: number; gradient: Float32Array } {
    const { loss, errors } = this.#judge(weights, batch);
    const gradient = new Float32Array(this.parameters);
    let byOutputs = errors;
    for (const [i, layer] of [...this.#layers.entries()].reverse()) {
      const values = i === 0 ? batch.inputs : layer.values;
      weightsGradient(layer, byOutputs, values, errors.length, gradient);
      if (i > 0) inputsGradient(layer, byOutputs, weights, errors.length);
      byOutputs = layer.gradients;
    }
    return { loss, gradient };
  }

  /** The mean loss, and its gradient by every logit. */
  #judge(weights: Float32Array, batch: NetworkBatch): { loss: number; errors: Float32Array } {
    checkBatch(batch, rowsOf(batch.inputs, this.#options));
    const logits = this.logits(weights, batch.inputs);
    const rows = logits.length;
    const errors = new Float32Array(rows);
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      const importance = batch.importances?.[i] ?? 1;
      sum += importance * logisticLoss(logits[i]!, batch.targets[i]!);
      errors[i] = (importance * (probability(logits[i]!) - batch.targets[i]!)) / rows;
    }
    return { loss: sum / rows, errors };
  }
}

/** Σ x[i] · y[i]: number i in lane i mod 4, lanes as (0 + 1) + (2 + 3). */
function product(x: Float32Array, xAt: number, y: Float32Array, yAt: number, length: number): number {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  const whole = length & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    sum0 = fround(sum0 + fround(x[xAt + i]! * y[yAt + i]!));
    sum1 = fround(sum1 + fround(x[xAt + i + 1]! * y[yAt + i + 1]!));
    sum2 = fround(sum2 + fround(x[xAt + i + 2]! * y[yAt + i + 2]!));
    sum3 = fround(sum3 + fround(x[xAt + i + 3]! * y[yAt + i + 3]!));
  }
  if (i < length) sum0 = fround(sum0 + fround(x[xAt + i]! * y[yAt + i]!));
  if (i + 1 < length) sum1 = fround(sum1 + fround(x[xAt + i + 1]! * y[yAt + i + 1]!));
  if (i + 2 < length) sum2 = fround(sum2 + fround(x[xAt + i + 2]! * y[yAt + i + 2]!));
  return fround(fround(sum0 + sum1) + fround(sum2 + sum3));
}

/** The gradient by the weights and biases of a layer: sums over the rows, in their order. */
function weightsGradient(
  { inputs, outputs, at, biasesAt }: Layer,
  byOutputs: Float32Array,
  values: Float32Array,
  rows: number,
  gradient: Float32Array,
): void {
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      const factor = byOutputs[row * outputs + output]!;
      // Half of the outputs of ReLU pass nothing; adding zeros changes nothing either.
      if (factor === 0) continue;
      gradient[biasesAt + output]! += factor;
      addMultiple(factor, values, row * inputs, gradient, at + output * inputs, inputs);
    }
  }
}

/** The gradient by what a layer gets, the outputs of a ReLU: sums over the layer's outputs, in their order. */
function inputsGradient(layer: Layer, byOutputs: Float32Array, weights: Float32Array, rows: number): void {
  const { inputs, outputs, at, values, gradients } = layer;
  gradients.fill(0, 0, rows * inputs);
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      const factor = byOutputs[row * outputs + output]!;
      if (factor !== 0) addMultiple(factor, weights, at + output * inputs, gradients, row * inputs, inputs);
    }
    for (let i = row * inputs; i < (row + 1) * inputs; i++) if (values[i] === 0) gradients[i] = 0;
  }
}

function addMultiple(
  factor: number,
  from: Float32Array,
  fromAt: number,
  to: Float32Array,
  at: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) to[at + i] = to[at + i]! + fround(factor * from[fromAt + i]!);
}
