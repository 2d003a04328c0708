/** Distributed training as the network is to do it: gradients of all nodes, encoded, aggregated, one step, again. */
import type { Kernels } from '../../src/wasm/kernels.ts';
import type { AggregatorKernel, NetworkKernel } from '../../src/wasm/learn.ts';
import { type Random, seeded } from '../support/random.ts';
import { type Attack, meanOf } from './attacks.ts';
import { areaUnderCurve, type Labelled, type Rows } from './labelled.ts';

export interface Training {
  readonly data: Labelled;
  readonly hidden: readonly number[];
  readonly nodes: number;
  readonly rounds: number;
  readonly batch: number;
  readonly rate: number;
}

const MOMENTUM = 0.9;
const LONGEST = 1;
const MAX_ROWS = 256;

type Combine = (gradients: readonly Float32Array[], faulty: number) => Float32Array;

/** A committee in training: f = ⌊(n − 1)/3⌋ of its nodes are hostile if there is an attack. */
export class Committee {
  readonly #training: Training;
  readonly #network: NetworkKernel;
  readonly #aggregator: AggregatorKernel;
  readonly robust: Combine;

  constructor(kernels: Kernels, training: Training) {
    this.#training = training;
    const { data, hidden, nodes } = training;
    this.#network = kernels.createNetwork({ inputs: data.width, hidden, maxRows: MAX_ROWS });
    const { parameters } = this.#network;
    this.#aggregator = kernels.createAggregator({ parameters, maxGradients: nodes });
    this.robust = (gradients, faulty) => this.#aggregator.aggregate(gradients, faulty);
  }

  /** Weights after the last round, from weights and batches that depend on nothing else. */
  train(combine: Combine, attack?: Attack): Float32Array {
    const { nodes, rounds, rate } = this.#training;
    const faulty = Math.floor((nodes - 1) / 3);
    const random = seeded(1);
    let weights = this.#firstWeights(random);
    let velocity: Float32Array = new Float32Array(weights.length);
    for (let round = 0; round < rounds; round++) {
      const batches = Array.from({ length: nodes }, () => this.#batch(random));
      const honest = batches.slice(attack === undefined ? 0 : faulty);
      const gradients = honest.map((rows) => this.#network.gradient(weights, rows).gradient);
      const flipped = (i: number): Float32Array => {
        const { inputs, targets } = honest[i]!;
        return this.#network.gradient(weights, { inputs, targets: targets.map((target) => 1 - target) }).gradient;
      };
      const hostile = attack?.({ gradients, flipped, random }, faulty) ?? [];
      const received = [...hostile, ...gradients].map((gradient) => this.#sent(gradient));
      const learning = { rate, momentum: MOMENTUM, longest: LONGEST };
      ({ weights, velocity } = this.#aggregator.step(weights, velocity, combine(received, faulty), learning));
    }
    return weights;
  }

  #sent(gradient: Float32Array): Float32Array {
    return this.#aggregator.decode(this.#aggregator.encode(gradient));
  }

  /** Uniform, as wide as keeps the variance from layer to layer (He et al. 2015); biases are 0. */
  #firstWeights(random: Random): Float32Array {
    const widths = [this.#training.data.width, ...this.#training.hidden, 1];
    const weights: number[] = [];
    for (let layer = 0; layer + 1 < widths.length; layer++) {
      const [inputs, outputs] = [widths[layer]!, widths[layer + 1]!];
      const bound = Math.sqrt(6 / inputs);
      for (let i = 0; i < inputs * outputs; i++) weights.push(bound * (random.below(2 ** 20) / 2 ** 19 - 1));
      for (let i = 0; i < outputs; i++) weights.push(0);
    }
    return Float32Array.from(weights);
  }

  /** Neighbours, which are as good as any rows: they were shuffled. */
  #batch(random: Random): Rows {
    const { data, batch } = this.#training;
    const { inputs, targets } = data.training;
    const first = random.below(targets.length - batch + 1);
    return {
      inputs: inputs.subarray(first * data.width, (first + batch) * data.width),
      targets: targets.subarray(first, first + batch),
    };
  }

  /** Area under the curve on the rows that were held out. */
  judge(weights: Float32Array): number {
    const { width, test } = this.#training.data;
    const scores: number[] = [];
    for (let at = 0; at < test.inputs.length; at += MAX_ROWS * width) {
      scores.push(...this.#network.logits(weights, test.inputs.subarray(at, at + MAX_ROWS * width)));
    }
    return areaUnderCurve(scores, test.targets);
  }
}

/** What almost everybody does: the mean. One node sets it to anything. */
export const average: Combine = (gradients) => meanOf(gradients);
