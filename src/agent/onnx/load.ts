/** Loading an ONNX file that somebody else made: every refusal is a coded error that says what to change. */
import { PqError } from '../../errors.ts';
import { MAX_MODEL_BYTES } from '../limits.ts';
import { type Card, type FoundCard, findCard } from './card.ts';
import { dropZipMap, type GraphFacts, graphFacts } from './graph.ts';
import { checkModel, parseModel, readBounded, sha256 } from './parse.ts';

/** A model file that passed every check which does not run it. */
export interface OnnxFile {
  readonly file: string;
  /** Of the file as it lies on disk, hex. */
  readonly sha256: string;
  /** What is handed to the runtime: the file, without ZipMap. */
  readonly bytes: Uint8Array;
  readonly facts: GraphFacts;
  /** Names of the operators used, sorted. */
  readonly operators: readonly string[];
  readonly card: Card | null;
  /** Path of the card, `metadata`, or null. */
  readonly cardSource: string | null;
}

export interface LoadOptions {
  /** Operators allowed beyond the list, e.g. `Loop`, `com.example.Thing`. */
  readonly allowOperators?: readonly string[];
  /** Used in place of a card beside the file. */
  readonly card?: Card;
}

/**
 * Hash, parse, limits, operators, ZipMap, card. Does not need a card: a file can be inspected, and run on raw tensors,
 * without one. Throws `MODEL_FILE_MISSING`, `MODEL_TOO_BIG`, `MODEL_NOT_ONNX`, `MODEL_VERSION`, `MODEL_FUNCTIONS`,
 * `MODEL_OPERATOR`, `MODEL_EXTERNAL_DATA`, `MODEL_CARD`, `MODEL_HASH`.
 */
export async function loadOnnx(file: string, options: LoadOptions = {}): Promise<OnnxFile> {
  const raw = await readBounded(file, MAX_MODEL_BYTES);
  const hash = sha256(raw);
  const model = parseModel(raw);
  const operators = checkModel(model, options.allowOperators ?? []);
  const labelled = graphFacts(model.graph);
  const { bytes, graph } = dropZipMap(model, raw);
  const facts = { ...graphFacts(graph), classLabels: labelled.classLabels };
  const found: FoundCard | null = options.card ? { card: options.card, source: 'given' } : await findCard(file, model);
  const expected = found?.card.sha256;
  if (expected !== undefined && expected !== hash) {
    throw new PqError(
      'MODEL_HASH',
      `${file} is not the file its card describes: get the right one, or write its hash ${hash} into the card.`,
      {
        file,
        expected,
        hash,
      },
    );
  }
  return { file, sha256: hash, bytes, facts, operators, card: found?.card ?? null, cardSource: found?.source ?? null };
}
