/** Logistic regression over named features, in a JSON file of its own; computed here, in double precision. */
import { PqError } from '../errors.ts';
import { type Calibration, calibrate, parseCalibration } from './calibration.ts';
import { allocateRows, type Extractor } from './features/extractor.ts';
import { numericExtractor } from './features/numeric.ts';
import { MAX_CARD_BYTES } from './limits.ts';
import type { Model } from './model.ts';
import { parseCard, parseJson } from './onnx/card.ts';
import { readBounded, sha256 } from './onnx/parse.ts';
import type { DataKind, ProposalData } from './proposals.ts';

/** The file's content. P(should be rejected) = calibration(Σ weights[i] · (x[i] − mean[i]) / scale[i] + bias). */
export interface SimpleModelFile {
  readonly kind: DataKind;
  /** Names of numeric features, in the order of the weights. */
  readonly input: readonly string[];
  readonly weights: readonly number[];
  readonly bias: number;
  /** Standardisation; default 0 and 1. */
  readonly mean?: readonly number[];
  readonly scale?: readonly number[];
  /** From the linear score; default: its sigmoid. */
  readonly calibration?: Calibration;
}

const refuse = (message: string): never => {
  throw new PqError('MODEL_CARD', message);
};

function numbers(value: unknown, field: string, length: number): number[] {
  const isGood = Array.isArray(value) && value.length === length && value.every((entry) => Number.isFinite(entry));
  return isGood ? value : refuse(`"${field}" of a SimpleModel must be ${length} finite numbers, one per feature.`);
}

export class SimpleModel implements Model {
  readonly name: string;
  readonly kind: DataKind;
  readonly sha256: string;
  readonly #extractor: Extractor;
  readonly #weights: readonly number[];
  readonly #mean: readonly number[];
  readonly #scale: readonly number[];
  readonly #bias: number;
  readonly #calibration: Calibration;

  private constructor(name: string, bytes: Uint8Array) {
    const value = parseJson(new TextDecoder().decode(bytes), name);
    const { kind, input, facts, calibration } = parseCard(value);
    if (kind === undefined || input === undefined || typeof input === 'string') {
      throw new PqError('MODEL_CARD', 'A SimpleModel needs "kind" and "input", a list of numeric features.', { name });
    }
    const { weights, bias, mean = input.map(() => 0), scale = input.map(() => 1) } = facts;
    this.name = name;
    this.kind = kind;
    this.sha256 = sha256(bytes);
    this.#extractor = numericExtractor(kind, input);
    this.#weights = numbers(weights, 'weights', input.length);
    this.#mean = numbers(mean, 'mean', input.length);
    this.#scale = numbers(scale, 'scale', input.length);
    if (this.#scale.includes(0)) refuse('"scale" of a SimpleModel must not contain 0.');
    this.#bias =
      typeof bias === 'number' && Number.isFinite(bias)
        ? bias
        : refuse('"bias" of a SimpleModel must be a finite number.');
    this.#calibration = calibration ?? parseCalibration({ method: 'none' });
  }

  /** Reads a model's file. Throws `MODEL_FILE_MISSING`, `MODEL_TOO_BIG`, `MODEL_CARD`, `MODEL_FEATURE`. */
  static async open(file: string): Promise<SimpleModel> {
    return new SimpleModel(file, await readBounded(file, MAX_CARD_BYTES));
  }

  /** Takes the content of a file as an object. Throws like {@link open}. */
  static of(content: SimpleModelFile, name = 'simple'): SimpleModel {
    return new SimpleModel(name, new TextEncoder().encode(JSON.stringify(content)));
  }

  score(items: readonly ProposalData[]): Promise<Float64Array> {
    const width = this.#weights.length;
    const rows = allocateRows(this.#extractor, 1);
    const [x] = rows;
    const p = Float64Array.from(items, (item) => {
      if (x === undefined || !this.#extractor.extract(item, 0, rows)) return Number.NaN;
      let score = this.#bias;
      for (let i = 0; i < width; i += 1)
        score += ((this.#weights[i] ?? 0) * ((x[i] ?? 0) - (this.#mean[i] ?? 0))) / (this.#scale[i] ?? 1);
      return calibrate(this.#calibration, 'score', score);
    });
    return Promise.resolve(p);
  }
}
