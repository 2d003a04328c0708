/** `origin-ngrams/1`: hashed character n-grams, words and shape of a transaction's web origin. */
import { PqError } from '../../errors.ts';
import type { DataKind } from '../proposals.ts';
import type { Extractor } from './extractor.ts';
import { hash32 } from './hash.ts';
import { type OriginParts, partsOf, skeletonOf } from './origin.ts';

/** What a card's `parameters` say. An n-gram range is [shortest, longest]; absent: none of them. */
export interface OriginNgramParameters {
  readonly seed: number;
  /** Ids are 1 … buckets; 0 is padding, so the model's table has buckets + 1 rows, the first of zeros. */
  readonly buckets: number;
  /** Ids of one row; more are cut off. */
  readonly maxIds: number;
  /** n-grams over the whole host. */
  readonly host?: readonly [number, number];
  /** n-grams over the registered label, and, told apart, over its subdomains. */
  readonly label?: readonly [number, number];
  /** Words between dots and hyphens. */
  readonly words?: boolean;
  /** Suffix, lengths, counts of labels, hyphens and digits. */
  readonly shape?: boolean;
}

/** Characters of a host that n-grams are taken from: bounds the work per origin. */
const MAX_TEXT = 80;
const MAX_BUCKETS = 1 << 22;
const MAX_IDS = 4096;
const MAX_NGRAM = 8;

function addNgrams(
  names: Set<string>,
  prefix: string,
  text: string,
  [shortest, longest]: readonly [number, number],
): void {
  for (let n = shortest; n <= longest; n += 1) {
    for (let i = 0; i + n <= text.length; i += 1) names.add(prefix + text.slice(i, i + n));
  }
}

function addShape(names: Set<string>, parts: OriginParts): void {
  const { host, label, suffix, subdomains } = parts;
  const depth = subdomains.length;
  const length = Math.min(24, label.length);
  names.add(`suffix ${suffix}`);
  names.add(`top ${host.slice(host.lastIndexOf('.') + 1)}`);
  names.add(`depth ${depth}`);
  names.add(`length ${length}`);
  names.add(`hyphens ${Math.min(4, label.split('-').length - 1)}`);
  names.add(`digits ${Math.min(6, label.replace(/\D/g, '').length)}`);
  names.add(`idn ${host.includes('xn--')}`);
  names.add(`depth,length ${depth} ${length >> 1}`);
  names.add(`suffix,depth ${suffix} ${depth}`);
  names.add(`suffix,length ${suffix} ${length >> 1}`);
}

/** The names of an origin's features, each once, in a fixed order; lookalike letters are read as the Latin ones. */
export function originFeatureNames(origin: string, parameters: OriginNgramParameters): string[] {
  const parts = partsOf(origin);
  const text = skeletonOf(parts.host).slice(0, MAX_TEXT);
  const names = new Set<string>();
  if (parameters.shape === true) addShape(names, parts);
  if (parameters.words === true)
    for (const word of text.split(/[^a-z0-9]+/)) if (word !== '') names.add(`word ${word}`);
  if (parameters.label !== undefined) {
    addNgrams(names, 'l', `<${skeletonOf(parts.label).slice(0, MAX_TEXT)}>`, parameters.label);
    const above = parts.subdomains.join('.').slice(0, MAX_TEXT);
    if (above !== '') addNgrams(names, 's', `<${above}>`, parameters.label);
  }
  if (parameters.host !== undefined) addNgrams(names, 'h', `<${text}>`, parameters.host);
  return [...names];
}

/** Ids of an origin's features, 1 … buckets, each once, at most `maxIds`. */
export function originIds(origin: string, parameters: OriginNgramParameters): number[] {
  const { seed, buckets, maxIds } = parameters;
  const ids = new Set<number>();
  for (const name of originFeatureNames(origin, parameters)) {
    if (ids.size === maxIds) break;
    ids.add(1 + (hash32(name, seed) % buckets));
  }
  return [...ids];
}

const isInteger = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

function isRange(value: unknown): value is [number, number] | undefined {
  if (value === undefined) return true;
  if (!Array.isArray(value) || value.length !== 2) return false;
  return isInteger(value[0], 1, MAX_NGRAM) && isInteger(value[1], value[0], MAX_NGRAM);
}

/** Checks a card's parameters. Throws `MODEL_INPUT`. */
export function parseOriginNgramParameters(value: unknown): OriginNgramParameters {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof OriginNgramParameters, unknown>
  >;
  const { seed, buckets, maxIds, host, label, words = false, shape = false } = given;
  const hasNumbers =
    isInteger(seed, 0, 0xffffffff) && isInteger(buckets, 1, MAX_BUCKETS) && isInteger(maxIds, 1, MAX_IDS);
  if (hasNumbers && isRange(host) && isRange(label) && typeof words === 'boolean' && typeof shape === 'boolean') {
    return { seed, buckets, maxIds, words, shape, ...(host && { host }), ...(label && { label }) };
  }
  throw new PqError(
    'MODEL_INPUT',
    `"origin-ngrams/1" takes {"seed": u32, "buckets": 1…${MAX_BUCKETS}, "maxIds": 1…${MAX_IDS}, "host"?: [min, max], "label"?: [min, max], "words"?: boolean, "shape"?: boolean}, n-grams of 1…${MAX_NGRAM}.`,
    { parameters: value },
  );
}

/** The extractor: one int32 tensor `ids`, `[rows, maxIds]`, padded with 0. A transaction without an origin is not judged. */
export function originNgrams(kind: DataKind, value: unknown): Extractor {
  if (kind !== 'transaction')
    throw new PqError('MODEL_INPUT', '"origin-ngrams/1" reads transactions: set "kind" to "transaction".', { kind });
  const parameters = parseOriginNgramParameters(value);
  const { maxIds } = parameters;
  return {
    tensors: [{ name: 'ids', type: 'int32', width: maxIds }],
    extract: (item, row, out) => {
      if (item.kind !== 'transaction' || item.origin === '') return false;
      out[0]?.set(originIds(item.origin, parameters), row * maxIds);
      return true;
    },
  };
}
