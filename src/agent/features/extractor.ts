/**
 * Feature extractors: pure functions from a proposal's data to the rows that a model reads. A card names its extractor,
 * with a version, because a model is only right with the features it was trained on.
 */
import { PqError } from '../../errors.ts';
import type { DataKind, ProposalData } from '../proposals.ts';
import { bytesExtractor } from './bytes.ts';
import { numericExtractor } from './numeric.ts';
import { originNgrams } from './origin-ngrams.ts';

/** One input tensor of a model, `[rows, width]`. */
export interface FeatureTensor {
  readonly name: string;
  readonly type: 'int32' | 'float32';
  readonly width: number;
}

export type FeatureArray = Int32Array | Float32Array;

export interface Extractor {
  readonly tensors: readonly FeatureTensor[];
  /**
   * Writes the features of `item` as row `row` of each tensor (row-major, arrays zeroed). False: the item lacks what the
   * features need, and the model must not judge it.
   */
  readonly extract: (item: ProposalData, row: number, out: readonly FeatureArray[]) => boolean;
}

const NAMED: Readonly<Record<string, (kind: DataKind, parameters: unknown) => Extractor>> = {
  'origin-ngrams/1': originNgrams,
  'bytes/1': bytesExtractor,
};

/**
 * The extractor that a card's `input` asks for: the name of one, or the names of numeric features in order.
 * Throws `MODEL_INPUT`, `MODEL_FEATURE`.
 */
export function extractorFor(kind: DataKind, input: string | readonly string[], parameters: unknown): Extractor {
  if (typeof input !== 'string') return numericExtractor(kind, input);
  const make = NAMED[input];
  if (make === undefined) {
    throw new PqError(
      'MODEL_INPUT',
      `The feature extractor "${input}" is not known: use ${Object.keys(NAMED).join(', ')}, or a list of numeric features.`,
      { input },
    );
  }
  return make(kind, parameters);
}

/** Zeroed arrays for `rows` rows of an extractor's tensors. */
export function allocateRows(extractor: Extractor, rows: number): FeatureArray[] {
  return extractor.tensors.map(({ type, width }) =>
    type === 'int32' ? new Int32Array(rows * width) : new Float32Array(rows * width),
  );
}
