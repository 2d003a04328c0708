/** The aggregator in plain TypeScript; the oracle of the core's kernels for gradients. */
import type { AggregatorKernel, AggregatorOptions, LearningRate } from '../learn.ts';
import {
  badGradient,
  badWeights,
  blocksOf,
  checkAggregatorOptions,
  checkCode,
  checkGradient,
  checkGradients,
  checkLearningRate,
  checkWeights,
  GRADIENT_LIMIT,
} from '../learn-checks.ts';
import { aggregate } from './aggregate.ts';
import { decodeGradient, encodeGradient } from './gradient-code.ts';
import { areBounded, padded, sumOfSquares } from './vector-sums.ts';

const { fround } = Math;

export class TwinAggregator implements AggregatorKernel {
  readonly codeBytes: number;
  readonly #options: AggregatorOptions;
  /** Gradients one after the other, each padded. */
  readonly #vectors: Float32Array;

  constructor(options: AggregatorOptions) {
    checkAggregatorOptions(options);
    this.#options = options;
    this.codeBytes = blocksOf(options.parameters) + options.parameters;
    this.#vectors = new Float32Array(options.maxGradients * padded(options.parameters));
  }

  aggregate(gradients: readonly Float32Array[], faulty: number): Float32Array {
    checkGradients(gradients, faulty, this.#options);
    const length = padded(this.#options.parameters);
    for (const [index, gradient] of gradients.entries()) {
      if (!areBounded(gradient, GRADIENT_LIMIT)) throw badGradient({ index });
      this.#vectors.set(gradient, index * length);
    }
    return aggregate(this.#vectors, gradients.length, length, faulty).slice(0, this.#options.parameters);
  }

  step(
    weights: Float32Array,
    velocity: Float32Array,
    gradient: Float32Array,
    learning: LearningRate,
  ): { weights: Float32Array; velocity: Float32Array } {
    const { parameters } = this.#options;
    checkWeights(weights, parameters);
    checkWeights(velocity, parameters);
    checkGradient(gradient, parameters);
    checkLearningRate(learning);
    if (!areBounded(weights, GRADIENT_LIMIT) || !areBounded(velocity, GRADIENT_LIMIT)) throw badWeights({});
    if (!areBounded(gradient, GRADIENT_LIMIT)) throw badGradient({});
    const length = padded(parameters);
    this.#vectors.set(gradient);
    const norm = Math.sqrt(sumOfSquares(this.#vectors, 0, length));
    const factor = norm > learning.longest ? fround(learning.longest / norm) : 1;
    const [rate, momentum] = [fround(learning.rate), fround(learning.momentum)];
    const next = { weights: new Float32Array(parameters), velocity: new Float32Array(parameters) };
    for (let i = 0; i < parameters; i++) {
      const v = fround(fround(momentum * velocity[i]!) + fround(factor * gradient[i]!));
      next.velocity[i] = v;
      next.weights[i] = weights[i]! - fround(rate * v);
    }
    return next;
  }

  encode(gradient: Float32Array): Uint8Array {
    checkGradient(gradient, this.#options.parameters);
    const code = encodeGradient(gradient);
    if (code === undefined) throw badGradient({});
    return code;
  }

  decode(code: Uint8Array): Float32Array {
    checkCode(code, this.codeBytes);
    const gradient = decodeGradient(code, this.#options.parameters);
    if (gradient === undefined) throw badGradient({});
    return gradient;
  }
}
