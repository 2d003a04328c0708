/** A model's card: what it judges, which features it reads, how its output becomes P(should be rejected), and where it comes from. */
import { basename, dirname, extname, join } from 'node:path';
import type { ModelProto } from 'onnx-buf';
import { isPqError, PqError } from '../../errors.ts';
import { type Calibration, type OutputScale, parseCalibration } from '../calibration.ts';
import { MAX_CARD_BYTES } from '../limits.ts';
import { DATA_KINDS, type DataKind } from '../proposals.ts';
import { readBounded } from './parse.ts';

/** - `classifier`: probabilities or a logit; `anomaly`: a score of its own scale; `autoencoder`: the input, rebuilt. */
export type Task = 'classifier' | 'anomaly' | 'autoencoder';
export const TASKS: readonly Task[] = ['classifier', 'anomaly', 'autoencoder'];

/** What the loader reads of a card; everything is optional, and what is missing is inferred or refused. Other fields are kept as `facts`. */
export interface Card {
  readonly kind?: DataKind;
  /** Name of a feature extractor, or numeric features in order. */
  readonly input?: string | readonly string[];
  readonly parameters?: unknown;
  readonly output?: {
    readonly tensor?: string;
    readonly task?: Task;
    readonly scale?: OutputScale;
    /** Columns, or class labels, whose probabilities add up to P(should be rejected). */
    readonly rejectClasses?: readonly (number | string)[];
  };
  readonly calibration?: Calibration;
  readonly sha256?: string;
  /** Licence, data, split, metrics and whatever else the card says, for people. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A card and where it was found. */
export interface FoundCard {
  readonly card: Card;
  readonly source: string;
}

const FIELDS = ['kind', 'input', 'parameters', 'output', 'calibration', 'sha256'] as const;

function refuse(field: string, wanted: string, value: unknown): never {
  throw new PqError('MODEL_CARD', `The card's "${field}" must be ${wanted}.`, { field, value });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string');

function parseOutput(value: unknown): NonNullable<Card['output']> {
  if (!isRecord(value)) refuse('output', 'an object', value);
  const { tensor, task, scale, rejectClasses } = value;
  if (tensor !== undefined && typeof tensor !== 'string') refuse('output.tensor', 'the name of an output', tensor);
  const knownTask = TASKS.find((name) => name === task);
  if (task !== undefined && knownTask === undefined) refuse('output.task', `one of ${TASKS.join(', ')}`, task);
  if (scale !== undefined && scale !== 'probability' && scale !== 'score')
    refuse('output.scale', '"probability" or "score"', scale);
  const isClasses = Array.isArray(rejectClasses) && rejectClasses.length > 0;
  if (
    rejectClasses !== undefined &&
    !(isClasses && rejectClasses.every((entry) => typeof entry === 'string' || Number.isInteger(entry)))
  ) {
    refuse('output.rejectClasses', 'a list of column numbers or class labels', rejectClasses);
  }
  return {
    ...(tensor !== undefined && { tensor }),
    ...(knownTask && { task: knownTask }),
    ...(scale !== undefined && { scale }),
    ...(isClasses && { rejectClasses: rejectClasses as (number | string)[] }),
  };
}

/** Checks a card. Throws `MODEL_CARD` with what to change. */
export function parseCard(value: unknown): Card {
  if (!isRecord(value)) refuse('(whole)', 'a JSON object', value);
  const { kind, input, parameters, output, calibration, sha256, ...facts } = value;
  const knownKind = DATA_KINDS.find((name) => name === kind);
  if (kind !== undefined && knownKind === undefined) refuse('kind', `one of ${DATA_KINDS.join(', ')}`, kind);
  if (input !== undefined && typeof input !== 'string' && !isStrings(input))
    refuse('input', 'the name of a feature extractor or a list of features', input);
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)))
    refuse('sha256', '64 lower-case hex digits', sha256);
  return {
    ...(knownKind && { kind: knownKind }),
    ...(input !== undefined && { input }),
    ...(parameters !== undefined && { parameters }),
    ...(output !== undefined && { output: parseOutput(output) }),
    ...(calibration !== undefined && { calibration: parseCalibration(calibration) }),
    ...(typeof sha256 === 'string' && { sha256 }),
    facts,
  };
}

/** Parses JSON text of `source`. Throws `MODEL_CARD`. */
export function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PqError('MODEL_CARD', `${source} is not JSON: correct it.`, { source }, error);
  }
}

/** A card out of the file's own metadata: values that look like JSON are parsed, the rest are strings. */
function cardOfMetadata(model: ModelProto): Card | null {
  const fields: Record<string, unknown> = {};
  for (const { key, value } of model.metadataProps) {
    if ((FIELDS as readonly string[]).includes(key))
      fields[key] = /^[[{]/.test(value) ? parseJson(value, `metadata "${key}"`) : value;
  }
  return Object.keys(fields).length === 0 ? null : parseCard(fields);
}

/**
 * Looks for `<file>.json`, `<file without extension>.json`, `model.json` beside the file, then the file's metadata.
 * Null if there is none. Throws `MODEL_CARD`.
 */
export async function findCard(file: string, model: ModelProto): Promise<FoundCard | null> {
  const folder = dirname(file);
  const candidates = [
    `${file}.json`,
    join(folder, `${basename(file, extname(file))}.json`),
    join(folder, 'model.json'),
  ];
  for (const path of candidates) {
    const bytes = await readBounded(path, MAX_CARD_BYTES).catch((error: unknown) => {
      if (isPqError(error, 'MODEL_FILE_MISSING')) return null;
      throw error;
    });
    if (bytes !== null) return { card: parseCard(parseJson(new TextDecoder().decode(bytes), path)), source: path };
  }
  const card = cardOfMetadata(model);
  return card === null ? null : { card, source: 'metadata' };
}
