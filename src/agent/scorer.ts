/**
 * From proposals to probabilities with an ONNX graph: features, tensors, runs, output, calibration. Works wherever its
 * plan is sent: in a child process for scoring, so that feature work does not hold up consensus either, and in the parent for
 * checking the plan and probing.
 */
import { PqError } from '../errors.ts';
import { calibrate } from './calibration.ts';
import { allocateRows, type Extractor, extractorFor, type FeatureArray } from './features/extractor.ts';
import type { TensorFacts } from './onnx/graph.ts';
import type { Head } from './onnx/head.ts';
import type { DataKind, ProposalData } from './proposals.ts';
import type { Feeds, TensorData, TensorMessage } from './protocol.ts';

/** All that scoring needs to know besides the graph; plain data, sent to the child process. */
export interface ScorePlan {
  readonly kind: DataKind;
  readonly input: string | readonly string[];
  readonly parameters: unknown;
  readonly inputs: readonly TensorFacts[];
  readonly head: Head;
}

/** Runs the graph on each batch of inputs and returns the head's output of each; null if that was too late. */
export type RunBatches = (batches: readonly Feeds[], outputs: readonly string[]) => Promise<readonly Feeds[] | null>;

/** Where one input of the graph comes from: `width` columns of one tensor of the extractor. */
interface Feed {
  readonly input: TensorFacts;
  readonly source: number;
  readonly column: number;
  readonly width: number;
}

const FEEDABLE = new Set(['float32', 'float64', 'int32', 'int64']);

function refuse(message: string, inputs: readonly TensorFacts[]): never {
  const described = inputs.map(
    ({ name, type, dims }) => `${name} ${type} [${dims.map((size) => size ?? '?').join(', ')}]`,
  );
  throw new PqError('MODEL_INPUT', `${message} The model's inputs: ${described.join('; ')}.`, { inputs });
}

/** Numbers in one row of an input; null if the file leaves it open. */
function rowWidth({ dims }: TensorFacts): number | null {
  return dims
    .slice(1)
    .reduce<number | null>((product, size) => (size === null || product === null ? null : product * size), 1);
}

function planFeeds(inputs: readonly TensorFacts[], { tensors }: Extractor): Feed[] {
  const feed = (input: TensorFacts, source: number, column: number, width: number): Feed => {
    if (!FEEDABLE.has(input.type))
      refuse(`The input "${input.name}" is ${input.type}: export the model with numeric inputs.`, inputs);
    const takes = rowWidth(input);
    if (takes !== null && takes !== width) {
      refuse(
        `The card's features are ${width} numbers, "${input.name}" takes ${takes}: list exactly what the model was trained on.`,
        inputs,
      );
    }
    return { input, source, column, width };
  };
  const [single] = tensors;
  // Exporters of tables give each column an input of its own.
  const isTable = tensors.length === 1 && inputs.length > 1 && inputs.length === single?.width;
  if (isTable) return inputs.map((input, column) => feed(input, 0, column, 1));
  if (inputs.length !== tensors.length)
    refuse(`The card's input makes ${tensors.length} tensors, the model takes ${inputs.length}.`, inputs);
  return inputs.map((input, position) => {
    const named = tensors.findIndex(({ name }) => name === input.name);
    const source = named >= 0 ? named : position;
    return feed(input, source, 0, tensors[source]?.width ?? 0);
  });
}

/** True if the file fixes the batch to one row. */
function hasSingleRow(inputs: readonly TensorFacts[]): boolean {
  const batches = new Set(inputs.map(({ dims }) => dims[0] ?? null));
  const [batch = null] = batches;
  if (batches.size > 1 || (batch !== null && batch !== 1)) {
    refuse('The batch size must be open, or 1 in every input: export with a dynamic batch axis.', inputs);
  }
  return batch === 1;
}

function convert(type: string, values: FeatureArray): TensorData {
  switch (type) {
    case 'float64':
      return Float64Array.from(values);
    case 'int32':
      return values instanceof Int32Array ? values : Int32Array.from(values, Math.round);
    case 'int64':
      return BigInt64Array.from(Array.from(values, (value) => BigInt(Math.round(value))));
    default:
      return values instanceof Float32Array ? values : Float32Array.from(values);
  }
}

export class Scorer {
  readonly extractor: Extractor;
  readonly #plan: ScorePlan;
  readonly #feeds: readonly Feed[];
  readonly #isSingleRow: boolean;

  /** Throws `MODEL_INPUT`, `MODEL_FEATURE` if features and graph do not fit. */
  constructor(plan: ScorePlan) {
    this.#plan = plan;
    this.extractor = extractorFor(plan.kind, plan.input, plan.parameters);
    this.#feeds = planFeeds(plan.inputs, this.extractor);
    this.#isSingleRow = hasSingleRow(plan.inputs);
  }

  /** Calibrated P(should be rejected) per item, NaN where the features are lacking; null if `run` was late. Throws `MODEL_OUTPUT`. */
  async score(items: readonly ProposalData[], run: RunBatches): Promise<Float64Array | null> {
    const arrays = allocateRows(this.extractor, items.length);
    const isKnown = items.map((item, row) => this.extractor.extract(item, row, arrays));
    if (!isKnown.includes(true)) return new Float64Array(items.length).fill(Number.NaN);
    const outputs = await this.outputs(arrays, items.length, run);
    if (outputs === null) return null;
    const { calibration, scale } = this.#plan.head;
    return outputs.map((output, row) => (isKnown[row] === true ? calibrate(calibration, scale, output) : Number.NaN));
  }

  /** One uncalibrated number per row of features. Throws `MODEL_OUTPUT` if the output has another shape than its rows call for. */
  async outputs(arrays: readonly FeatureArray[], rows: number, run: RunBatches): Promise<Float64Array | null> {
    const step = this.#isSingleRow ? 1 : rows;
    const batches: Feeds[] = [];
    for (let from = 0; from < rows; from += step) {
      batches.push(
        Object.fromEntries(this.#feeds.map((feed) => [feed.input.name, this.#tensor(feed, arrays, from, from + step)])),
      );
    }
    const { tensor } = this.#plan.head;
    const results = await run(batches, [tensor]);
    if (results === null) return null;
    const output = new Float64Array(rows);
    for (const [batch, result] of results.entries())
      output.set(this.#reduce(result[tensor], batches[batch] ?? {}, step), batch * step);
    return output;
  }

  /** The tensor of one input for rows `from` … `to` − 1, in the shape that the file names. */
  #tensor(
    { input, source, column, width }: Feed,
    arrays: readonly FeatureArray[],
    from: number,
    to: number,
  ): TensorMessage {
    const stride = this.extractor.tensors[source]?.width ?? width;
    const all = arrays[source] as FeatureArray;
    const rows = to - from;
    const values =
      stride === width
        ? all.slice(from * stride, to * stride)
        : Float32Array.from({ length: rows }, (_, row) => all[(from + row) * stride + column] ?? 0);
    const inner = input.dims.slice(1);
    const isNamed = inner.length !== 1 && inner.every((size) => size !== null);
    return {
      type: input.type,
      dims: isNamed ? [rows, ...(inner as number[])] : [rows, width],
      data: convert(input.type, values),
    };
  }

  /** The head's output of one batch as one number per row. */
  #reduce(tensor: TensorMessage | undefined, feeds: Feeds, rows: number): Float64Array {
    const { columns, task, tensor: name } = this.#plan.head;
    const data = tensor?.data;
    const width = data === undefined ? 0 : data.length / rows;
    const isFloat = data instanceof Float32Array || data instanceof Float64Array;
    if (!isFloat || !Number.isInteger(width) || columns.some((column) => column >= width)) {
      throw new PqError(
        'MODEL_OUTPUT',
        `"${name}" gave [${tensor?.dims.join(', ')}] for ${rows} rows: it must give one row of floats per row in.`,
        {
          dims: tensor?.dims,
          rows,
        },
      );
    }
    if (task !== 'autoencoder') {
      return Float64Array.from({ length: rows }, (_, row) =>
        columns.reduce((sum, column) => sum + (data[row * width + column] ?? Number.NaN), 0),
      );
    }
    const input = Object.values(feeds)[0]?.data ?? new Float32Array(0);
    if (input.length !== data.length) {
      throw new PqError('MODEL_OUTPUT', 'An autoencoder must give back as many numbers as it takes.', {
        given: data.length,
        taken: input.length,
      });
    }
    return Float64Array.from({ length: rows }, (_, row) => {
      let squares = 0;
      for (let i = row * width; i < (row + 1) * width; i += 1) squares += (Number(input[i]) - Number(data[i])) ** 2;
      return squares / width;
    });
  }
}
