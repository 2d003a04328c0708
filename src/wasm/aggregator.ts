/** Robust aggregation, and what else is done with gradients, through the core: one instance of it per aggregator. */
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { AggregatorKernel, AggregatorOptions, LearningRate } from './learn.ts';
import {
  BLOCK,
  badGradient,
  badWeights,
  blocksOf,
  checkAggregatorOptions,
  checkCode,
  checkGradient,
  checkGradients,
  checkLearningRate,
  checkWeights,
} from './learn-checks.ts';

/** An answer that refuses vector i is this minus i (assembly/aggregate.ts, assembly/momentum.ts). */
const FIRST_REFUSAL = -3;

export class CoreAggregator implements AggregatorKernel {
  readonly codeBytes: number;
  readonly #core: CoreInstance;
  readonly #options: AggregatorOptions;
  /** Where an encoded gradient is handed over: its exponents, and its codes with room for whole blocks. */
  readonly #exponentsAt: number;
  readonly #codesAt: number;

  constructor(core: CoreInstance, options: AggregatorOptions) {
    checkAggregatorOptions(options);
    this.#core = core;
    this.#options = options;
    const { parameters, maxGradients } = options;
    const blocks = blocksOf(parameters);
    this.codeBytes = blocks + parameters;
    this.#exponentsAt = core.exports.aggregateInit(parameters, maxGradients, blocks * (BLOCK + 1)) >>> 0;
    if (this.#exponentsAt === 0) throw outOfMemory({ ...options });
    this.#codesAt = this.#exponentsAt + blocks;
    core.refresh();
  }

  aggregate(gradients: readonly Float32Array[], faulty: number): Float32Array {
    checkGradients(gradients, faulty, this.#options);
    for (const [i, gradient] of gradients.entries()) this.#put(i, gradient);
    const code = this.#core.exports.aggregate(gradients.length, faulty);
    if (code < 0) throw badGradient({ index: FIRST_REFUSAL - code });
    return this.#take(this.#core.exports.resultAddress());
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
    const { exports } = this.#core;
    for (const [i, vector] of [weights, velocity, gradient].entries()) this.#put(i, vector);
    const code = exports.momentumStep(learning.rate, learning.momentum, learning.longest);
    if (code < 0) throw FIRST_REFUSAL - code === 2 ? badGradient({}) : badWeights({});
    return { weights: this.#take(exports.vectorAddress(0)), velocity: this.#take(exports.vectorAddress(1)) };
  }

  encode(gradient: Float32Array): Uint8Array {
    checkGradient(gradient, this.#options.parameters);
    this.#put(0, gradient);
    const blocks = blocksOf(this.#options.parameters);
    if (this.#core.exports.gradientEncode(blocks, this.#exponentsAt, this.#codesAt) < 0) throw badGradient({});
    return this.#core.u8.slice(this.#exponentsAt, this.#exponentsAt + this.codeBytes);
  }

  decode(code: Uint8Array): Float32Array {
    checkCode(code, this.codeBytes);
    const { u8, exports } = this.#core;
    u8.set(code, this.#exponentsAt);
    const blocks = blocksOf(this.#options.parameters);
    u8.fill(0, this.#exponentsAt + this.codeBytes, this.#codesAt + blocks * BLOCK);
    if (exports.gradientDecode(blocks, this.#exponentsAt, this.#codesAt) < 0) throw badGradient({});
    return this.#take(exports.resultAddress());
  }

  #put(i: number, vector: Float32Array): void {
    this.#core.f32.set(vector, this.#core.exports.vectorAddress(i) >>> 2);
  }

  #take(at: number): Float32Array {
    return this.#core.f32.slice(at >>> 2, (at >>> 2) + this.#options.parameters);
  }
}
