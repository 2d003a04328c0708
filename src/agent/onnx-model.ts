/** Any ONNX model as a judge of proposals: features in, one batched run in the pool, calibrated probabilities out. */
import { PqError } from '../errors.ts';
import { calibrate } from './calibration.ts';
import { allocateRows, type Extractor, extractorFor, type FeatureArray } from './features/extractor.ts';
import { numericFeatures } from './features/numeric.ts';
import { PROBE_MS } from './limits.ts';
import type { Model } from './model.ts';
import type { Card } from './onnx/card.ts';
import type { TensorFacts } from './onnx/graph.ts';
import { type Head, resolveHead } from './onnx/head.ts';
import { type LoadOptions, loadOnnx, type OnnxFile } from './onnx/load.ts';
import type { ModelPool } from './pool.ts';
import { DATA_KINDS, type DataKind, type ProposalData } from './proposals.ts';
import type { Feeds, TensorData, TensorMessage } from './protocol.ts';

/** Rows of the second probe; the first has 1. Prime, so that no built-in batch size hides. */
const PROBE_ROWS = 7;
/** A row alone and the same row in a batch may differ by rounding, no more. */
const BATCH_TOLERANCE = 1e-4;

/** Where one input of the graph comes from: columns of one tensor of the extractor. */
interface Feed {
  readonly input: TensorFacts;
  readonly source: number;
  readonly column: number;
  readonly width: number;
}

function refuseInput(message: string, file: OnnxFile): never {
  const described = file.facts.inputs.map(
    ({ name, type, dims }) => `${name} ${type} [${dims.map((size) => size ?? '?').join(', ')}]`,
  );
  throw new PqError('MODEL_INPUT', `${message} The model's inputs: ${described.join('; ')}.`, {
    inputs: file.facts.inputs,
  });
}

/** Kind and input of a card, or of the graph if every input bears the name of a feature of one kind only. */
function inputOf(file: OnnxFile): { kind: DataKind; input: string | readonly string[]; inferred: string[] } {
  const { kind, input } = file.card ?? {};
  if (kind !== undefined && input !== undefined) return { kind, input, inferred: [] };
  const names = file.facts.inputs.map(({ name }) => name);
  const kinds = DATA_KINDS.filter(
    (each) => (kind ?? each) === each && names.every((name) => numericFeatures(each).includes(name)),
  );
  const [only] = kinds;
  if (kinds.length === 1 && only !== undefined)
    return { kind: only, input: names, inferred: [`kind ${only}`, `features ${names.join(', ')}`] };
  throw new PqError(
    'MODEL_NO_CARD',
    `${file.file} does not say what it judges, and its inputs (${names.join(', ')}) do not tell: write {"kind": "transaction", "input": [features in order], …} into ${file.file}.json.`,
    { file: file.file, inputs: names },
  );
}

const FEEDABLE = new Set(['float32', 'float64', 'int32', 'int64']);

function planFeeds(file: OnnxFile, extractor: Extractor): Feed[] {
  const { inputs } = file.facts;
  for (const { name, type } of inputs)
    if (!FEEDABLE.has(type)) refuseInput(`The input "${name}" is ${type}: export the model with numeric inputs.`, file);
  const checkWidth = (input: TensorFacts, width: number): void => {
    const expected = input.dims
      .slice(1)
      .reduce<number | null>((product, size) => (size === null || product === null ? null : product * size), 1);
    const hasRoom = input.dims.length >= 2 ? expected === null || expected === width : width === 1;
    if (!hasRoom)
      refuseInput(
        `The card's features are ${width} numbers, "${input.name}" takes ${expected}: list exactly what the model was trained on.`,
        file,
      );
  };
  const { tensors } = extractor;
  const [single] = tensors;
  if (tensors.length === 1 && single !== undefined && inputs.length === single.width && inputs.length > 1) {
    // Exporters of tables give each column an input of its own.
    return inputs.map((input, column) => {
      checkWidth(input, 1);
      return { input, source: 0, column, width: 1 };
    });
  }
  if (inputs.length !== tensors.length)
    refuseInput(`The card's input makes ${tensors.length} tensors, the model takes ${inputs.length}.`, file);
  return inputs.map((input, position) => {
    const named = tensors.findIndex(({ name }) => name === input.name);
    const source = named >= 0 ? named : position;
    const width = tensors[source]?.width ?? 0;
    checkWidth(input, width);
    return { input, source, column: 0, width };
  });
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

/** The tensor of one input for rows `from` … `to` − 1. */
function tensorOf(
  feed: Feed,
  extractor: Extractor,
  arrays: readonly FeatureArray[],
  from: number,
  to: number,
): TensorMessage {
  const { input, source, column, width } = feed;
  const stride = extractor.tensors[source]?.width ?? width;
  const all = arrays[source] as FeatureArray;
  const isWhole = stride === width;
  const values = isWhole
    ? all.slice(from * stride, to * stride)
    : Float32Array.from({ length: to - from }, (_, row) => all[(from + row) * stride + column] ?? 0);
  const inner = input.dims.slice(1);
  const dims =
    inner.length > 1 && inner.every((size) => size !== null)
      ? [to - from, ...(inner as number[])]
      : inner.length === 0
        ? [to - from]
        : [to - from, width];
  return { type: input.type, dims, data: convert(input.type, values) };
}

export interface OnnxModelOptions extends LoadOptions {
  /** Shown in messages and metrics; default: the path. */
  readonly name?: string;
}

export class OnnxModel implements Model {
  readonly name: string;
  readonly kind: DataKind;
  readonly sha256: string;
  readonly file: OnnxFile;
  readonly head: Head;
  /** What was inferred rather than read from the card, in words. */
  readonly inferred: readonly string[];
  readonly #pool: ModelPool;
  readonly #extractor: Extractor;
  readonly #feeds: readonly Feed[];
  /** Rows per run: 1 if the file fixes the batch to 1, else all of them. */
  readonly #isSingleRow: boolean;

  private constructor(file: OnnxFile, pool: ModelPool, name: string) {
    const card: Card = file.card ?? { facts: {} };
    const { kind, input, inferred } = inputOf(file);
    this.name = name;
    this.kind = kind;
    this.sha256 = file.sha256;
    this.file = file;
    this.head = resolveHead(file.facts, card);
    this.inferred = [...inferred, ...this.head.inferred];
    this.#pool = pool;
    this.#extractor = extractorFor(kind, input, card.parameters);
    this.#feeds = planFeeds(file, this.#extractor);
    const batches = new Set(file.facts.inputs.map(({ dims }) => dims[0] ?? null));
    this.#isSingleRow = batches.has(1);
    if (batches.size > 1 || ![null, 1].includes([...batches][0] ?? null)) {
      refuseInput('The batch size must be open, or 1 in every input: export with a dynamic batch axis.', file);
    }
  }

  /**
   * Loads a file into the pool and probes it with 1 and with 7 rows. Throws what {@link loadOnnx} throws, and
   * `MODEL_NO_CARD`, `MODEL_INPUT`, `MODEL_FEATURE`, `MODEL_OUTPUT`, `MODEL_NEEDS_CALIBRATION`, `MODEL_LOAD`, `MODEL_PROBE`.
   */
  static async open(path: string, pool: ModelPool, options: OnnxModelOptions = {}): Promise<OnnxModel> {
    const file = await loadOnnx(path, options);
    const model = new OnnxModel(file, pool, options.name ?? path);
    await pool.load(file.sha256, file.bytes);
    try {
      await model.#probe();
    } catch (error) {
      await pool.unload(file.sha256);
      throw error;
    }
    return model;
  }

  async score(items: readonly ProposalData[], deadlineMs: number): Promise<Float64Array | null> {
    const arrays = allocateRows(this.#extractor, items.length);
    const isKnown = items.map((item, row) => this.#extractor.extract(item, row, arrays));
    if (!isKnown.includes(true)) return new Float64Array(items.length).fill(Number.NaN);
    const outputs = await this.#outputs(arrays, items.length, deadlineMs);
    if (outputs === null) return null;
    return outputs.map((output, row) =>
      isKnown[row] === true ? calibrate(this.head.calibration, this.head.scale, output) : Number.NaN,
    );
  }

  /** One uncalibrated number per row. Throws `MODEL_OUTPUT` if the output has another shape than its rows call for. */
  async #outputs(arrays: readonly FeatureArray[], rows: number, deadlineMs: number): Promise<Float64Array | null> {
    const step = this.#isSingleRow ? 1 : rows;
    const batches: Feeds[] = [];
    for (let from = 0; from < rows; from += step) {
      batches.push(
        Object.fromEntries(
          this.#feeds.map((feed) => [feed.input.name, tensorOf(feed, this.#extractor, arrays, from, from + step)]),
        ),
      );
    }
    const results = await this.#pool.run(this.sha256, batches, [this.head.tensor], deadlineMs);
    if (results === null) return null;
    const output = new Float64Array(rows);
    for (const [batch, result] of results.entries())
      output.set(this.#reduce(result[this.head.tensor], batches[batch] ?? {}, step), batch * step);
    return output;
  }

  #reduce(tensor: TensorMessage | undefined, feeds: Feeds, rows: number): Float64Array {
    const data = tensor?.data;
    const width = data === undefined ? 0 : data.length / rows;
    const { columns, task } = this.head;
    if (
      !(data instanceof Float32Array || data instanceof Float64Array) ||
      !Number.isInteger(width) ||
      columns.some((column) => column >= width)
    ) {
      throw new PqError(
        'MODEL_OUTPUT',
        `"${this.head.tensor}" gave [${tensor?.dims.join(', ')}] for ${rows} rows: it must give one row of floats per row in.`,
        {
          dims: tensor?.dims,
          rows,
        },
      );
    }
    if (task !== 'autoencoder')
      return Float64Array.from({ length: rows }, (_, row) =>
        columns.reduce((sum, column) => sum + (data[row * width + column] ?? Number.NaN), 0),
      );
    const input = Object.values(feeds)[0]?.data ?? new Float32Array(0);
    if (input.length !== data.length)
      throw new PqError('MODEL_OUTPUT', 'An autoencoder must give back as many numbers as it takes.', {
        given: data.length,
        taken: input.length,
      });
    return Float64Array.from({ length: rows }, (_, row) => {
      let squares = 0;
      for (let i = row * width; i < (row + 1) * width; i += 1) squares += (Number(input[i]) - Number(data[i])) ** 2;
      return squares / width;
    });
  }

  /** Runs rows of small numbers, alone and together: shapes must fit, and a row's result must not depend on its neighbours. */
  async #probe(): Promise<void> {
    const arrays = allocateRows(this.#extractor, PROBE_ROWS);
    for (const array of arrays)
      for (let i = 0; i < array.length; i += 1) array[i] = array instanceof Int32Array ? i % 2 : 0.5 + (i % 5) / 8;
    const first = arrays.map((array) => array.slice(0, array.length / PROBE_ROWS));
    const alone = await this.#outputs(first, 1, PROBE_MS);
    const together = await this.#outputs(arrays, PROBE_ROWS, PROBE_MS);
    if (alone === null || together === null) {
      throw new PqError(
        'MODEL_PROBE',
        `A probe of ${PROBE_ROWS} rows took more than ${PROBE_MS} ms: use a smaller model.`,
        { limitMs: PROBE_MS },
      );
    }
    const [a = Number.NaN, b = Number.NaN] = [alone[0], together[0]];
    if (!together.some(Number.isFinite))
      throw new PqError('MODEL_PROBE', 'The model gave no number for any probe row: check its weights and scaling.', {
        outputs: [...together],
      });
    if (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) > BATCH_TOLERANCE * Math.max(1, Math.abs(a))) {
      throw new PqError(
        'MODEL_PROBE',
        'A row gives another result alone than in a batch: export the model in inference mode.',
        { alone: a, together: b },
      );
    }
  }
}
