/** Any ONNX model as a judge of proposals: loaded, checked and probed here, run in the pool. */
import { PqError } from '../errors.ts';
import { allocateRows, type FeatureArray } from './features/extractor.ts';
import { numericFeatures } from './features/numeric.ts';
import { PROBE_MS } from './limits.ts';
import type { Model } from './model.ts';
import { type Head, resolveHead } from './onnx/head.ts';
import { type LoadOptions, loadOnnx, type OnnxFile } from './onnx/load.ts';
import type { ModelPool } from './pool.ts';
import { DATA_KINDS, type DataKind, type ProposalData } from './proposals.ts';
import { type ScorePlan, Scorer } from './scorer.ts';

/** Rows of the second probe; the first has 1. Prime, so that no built-in batch size hides. */
const PROBE_ROWS = 7;
/** A row alone and the same row in a batch may differ by rounding, no more. */
const BATCH_TOLERANCE = 1e-4;

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
  readonly #plan: ScorePlan;

  private constructor(file: OnnxFile, pool: ModelPool, name: string) {
    const { kind, input, inferred } = inputOf(file);
    this.name = name;
    this.kind = kind;
    this.sha256 = file.sha256;
    this.file = file;
    this.head = resolveHead(file.facts, file.card ?? { facts: {} });
    this.inferred = [...inferred, ...this.head.inferred];
    this.#pool = pool;
    this.#plan = { kind, input, parameters: file.card?.parameters, inputs: file.facts.inputs, head: this.head };
  }

  /**
   * Loads a file into the pool and probes it with 1 and with 7 rows. Throws what `loadOnnx` throws, and
   * `MODEL_NO_CARD`, `MODEL_INPUT`, `MODEL_FEATURE`, `MODEL_OUTPUT`, `MODEL_NEEDS_CALIBRATION`, `MODEL_LOAD`, `MODEL_RUN`, `MODEL_PROBE`.
   */
  static async open(path: string, pool: ModelPool, options: OnnxModelOptions = {}): Promise<OnnxModel> {
    const file = await loadOnnx(path, options);
    const model = new OnnxModel(file, pool, options.name ?? path);
    const scorer = new Scorer(model.#plan);
    await pool.load(file.sha256, file.bytes, model.#plan);
    try {
      await model.#probe(scorer);
    } catch (error) {
      await pool.unload(file.sha256);
      throw error;
    }
    return model;
  }

  /** See {@link Model}. Throws `MODEL_RUN`, `MODEL_OUTPUT`, `MODEL_CHILD`. */
  score(items: readonly ProposalData[], deadlineMs: number): Promise<Float64Array | null> {
    return this.#pool.score(this.sha256, items, deadlineMs);
  }

  /** Runs rows of small numbers, alone and together: shapes must fit, and a row's result must not depend on its neighbours. */
  async #probe(scorer: Scorer): Promise<void> {
    const arrays = allocateRows(scorer.extractor, PROBE_ROWS);
    for (const array of arrays)
      for (let i = 0; i < array.length; i += 1) array[i] = array instanceof Int32Array ? i % 2 : 0.5 + (i % 5) / 8;
    const run = (rows: readonly FeatureArray[], count: number): Promise<Float64Array | null> =>
      scorer.outputs(rows, count, (batches, outputs) => this.#pool.run(this.sha256, batches, outputs, PROBE_MS));
    const alone = await run(
      arrays.map((array) => array.slice(0, array.length / PROBE_ROWS)),
      1,
    );
    const together = alone && (await run(arrays, PROBE_ROWS));
    if (alone === null || together === null) {
      throw new PqError(
        'MODEL_PROBE',
        `A probe of ${PROBE_ROWS} rows took more than ${PROBE_MS} ms: use a smaller model.`,
        { limitMs: PROBE_MS },
      );
    }
    if (!together.some(Number.isFinite)) {
      throw new PqError('MODEL_PROBE', 'The model gave no number for any probe row: check its weights and scaling.', {
        outputs: [...together],
      });
    }
    const [a = Number.NaN, b = Number.NaN] = [alone[0], together[0]];
    if (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) > BATCH_TOLERANCE * Math.max(1, Math.abs(a))) {
      throw new PqError(
        'MODEL_PROBE',
        'A row gives another result alone than in a batch: export the model in inference mode.',
        { alone: a, together: b },
      );
    }
  }
}
