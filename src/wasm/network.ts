/** A network through the core: one instance of it per network. */
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { NetworkBatch, NetworkKernel, NetworkOptions } from './learn.ts';
import { badBatch, badWeights, checkBatch, checkWeights, parametersOf, rowsOf, widthsOf } from './learn-checks.ts';

/** Answers of networkForward below 0 (assembly/network.ts): this one, or that inputs are bad. */
const BAD_WEIGHTS = -3;

export class CoreNetwork implements NetworkKernel {
  readonly parameters: number;
  readonly #core: CoreInstance;
  readonly #options: NetworkOptions;

  constructor(core: CoreInstance, options: NetworkOptions) {
    const widths = widthsOf(options);
    this.parameters = parametersOf(widths);
    this.#core = core;
    this.#options = options;
    core.u32.set(widths, core.exports.networkWidthsAddress() >>> 2);
    if (core.exports.networkInit(widths.length - 1, options.maxRows) !== 0) throw outOfMemory({ widths });
    core.refresh();
  }

  logits(weights: Float32Array, inputs: Float32Array): Float32Array {
    const rows = this.#forward(weights, inputs);
    return this.#numbers(this.#core.exports.networkLogitsAddress(), rows);
  }

  loss(weights: Float32Array, batch: NetworkBatch): number {
    this.#backward(weights, batch, false);
    return this.#core.f64[this.#core.exports.networkLossAddress() >>> 3]!;
  }

  gradient(weights: Float32Array, batch: NetworkBatch): { loss: number; gradient: Float32Array } {
    this.#backward(weights, batch, true);
    const loss = this.#core.f64[this.#core.exports.networkLossAddress() >>> 3]!;
    return { loss, gradient: this.#numbers(this.#core.exports.networkGradientAddress(), this.parameters) };
  }

  /** Returns how many rows there are. */
  #forward(weights: Float32Array, inputs: Float32Array): number {
    checkWeights(weights, this.parameters);
    const rows = rowsOf(inputs, this.#options);
    const { f32, exports } = this.#core;
    f32.set(weights, exports.networkWeightsAddress() >>> 2);
    f32.set(inputs, exports.networkInputsAddress() >>> 2);
    const code = exports.networkForward(rows);
    if (code === 0) return rows;
    throw code === BAD_WEIGHTS ? badWeights({}) : badBatch({ rows });
  }

  #backward(weights: Float32Array, batch: NetworkBatch, isGradientWanted: boolean): void {
    checkBatch(batch, rowsOf(batch.inputs, this.#options));
    const rows = this.#forward(weights, batch.inputs);
    const { f32, exports } = this.#core;
    f32.set(batch.targets, exports.networkTargetsAddress() >>> 2);
    const importancesAt = exports.networkImportancesAddress() >>> 2;
    if (batch.importances === undefined) f32.fill(1, importancesAt, importancesAt + rows);
    else f32.set(batch.importances, importancesAt);
    exports.networkBackward(rows, isGradientWanted ? 1 : 0);
  }

  #numbers(at: number, count: number): Float32Array {
    return this.#core.f32.slice(at >>> 2, (at >>> 2) + count);
  }
}
