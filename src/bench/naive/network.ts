/** A network and its gradient by the chain rule, one example after the other: arrays of arrays, in double precision. */
import type { NetworkBatch } from '../../wasm/learn.ts';

interface Layer {
  /** By output, then by input. */
  readonly weights: readonly (readonly number[])[];
  readonly biases: readonly number[];
}

/** The layers of a vector of weights, laid out as NetworkKernel says. */
function layersOf(widths: readonly number[], weights: Iterable<number>): Layer[] {
  const rest = [...weights];
  return widths.slice(1).map((outputs, i) => ({
    weights: Array.from({ length: outputs }, () => rest.splice(0, widths[i]!)),
    biases: rest.splice(0, outputs),
  }));
}

/** What every layer gets, and the logit. */
function forward(layers: readonly Layer[], inputs: readonly number[]): number[][] {
  const values = [[...inputs]];
  for (const [i, { weights, biases }] of layers.entries()) {
    const sums = weights.map((row, o) => row.reduce((sum, weight, k) => sum + weight * values[i]![k]!, biases[o]!));
    values.push(i + 1 === layers.length ? sums : sums.map((sum) => Math.max(0, sum)));
  }
  return values;
}

/** Loss and gradient of a network of these widths, of its inputs and of every layer's outputs. */
export function naiveGradient(
  widths: readonly number[],
  weights: Float32Array,
  batch: NetworkBatch,
): { loss: number; gradient: number[] } {
  const layers = layersOf(widths, weights);
  const gradient = new Array<number>(weights.length).fill(0);
  let loss = 0;
  for (const [row, target] of batch.targets.entries()) {
    const share = (batch.importances?.[row] ?? 1) / batch.targets.length;
    const values = forward(layers, [...batch.inputs.subarray(row * widths[0]!, (row + 1) * widths[0]!)]);
    const [logit] = values.at(-1)!;
    const p = 1 / (1 + Math.exp(-logit!));
    loss += share * (Math.max(logit!, 0) - logit! * target + Math.log1p(Math.exp(-Math.abs(logit!))));
    let byOutputs = [share * (p - target)];
    let end = gradient.length;
    for (const [i, { weights: rows }] of [...layers.entries()].reverse()) {
      const inputs = values[i]!;
      const biasesAt = end - rows.length;
      const at = biasesAt - rows.length * inputs.length;
      for (const [o, factor] of byOutputs.entries()) {
        gradient[biasesAt + o]! += factor;
        for (const [k, value] of inputs.entries()) gradient[at + o * inputs.length + k]! += factor * value;
      }
      byOutputs = inputs.map((value, k) =>
        value > 0 ? byOutputs.reduce((sum, f, o) => sum + f * rows[o]![k]!, 0) : 0,
      );
      end = at;
    }
  }
  return { loss, gradient };
}
