/** `origin-ngrams/1`: hashed character n-grams, words and shape of a transaction's web origin. */
import { PqError } from '../../errors.ts';
import type { DataKind } from '../proposals.ts';
import type { Extractor } from './extractor.ts';
import { hash32, hashEnd, hashStart, hashStep, hashText } from './hash.ts';
import { decodeKnown } from './known.ts';
import { foldedOf, hostOf, type OriginParts, partsOf, skeletonOf } from './origin.ts';

/** [shortest, longest] n-gram. */
export type NgramRange = readonly [number, number];

/** What a card's `parameters` say. A range or flag that is absent makes no features. */
export interface OriginNgramParameters {
  readonly seed: number;
  /** Ids are 1 … buckets; 0 is padding, buckets + 1 means known: the model's table has buckets + 2 rows, the first of zeros. */
  readonly buckets: number;
  /** Ids of one row; more are cut off. */
  readonly maxIds: number;
  /** n-grams over the whole host. */
  readonly host?: NgramRange;
  /** n-grams over the registered label, and, told apart, over its subdomains. */
  readonly label?: NgramRange;
  /** n-grams over the registered label as a hurried reader sees it: `rn` is `m`, `1` is `i`, `tt` is `t`. */
  readonly folded?: NgramRange;
  /** n-grams over the label's pattern of vowels, consonants and digits: names made by chance have other ones. */
  readonly pattern?: NgramRange;
  /** Words between dots and hyphens. */
  readonly words?: boolean;
  /** Suffix, lengths, counts of labels, hyphens and digits. */
  readonly shape?: boolean;
  /** Registered domains, as `known.ts` encodes them, that are judged by being known: their only id is buckets + 1, {@link KNOWN_TIMES} times. */
  readonly known?: string;
}

/** Characters of a host that n-grams are taken from: bounds the work per origin. */
const MAX_TEXT = 80;
const MAX_BUCKETS = 1 << 22;
const MAX_IDS = 4096;
const MAX_NGRAM = 8;
/** 8-bit weights reach too little with one id. */
const KNOWN_TIMES = 3;
const RANGES = ['host', 'label', 'folded', 'pattern'] as const;

/** Collects ids 1 … buckets of one origin, each once, at most `maxIds`. */
class IdSet {
  readonly ids = new Set<number>();
  readonly #seed: number;
  readonly #buckets: number;
  readonly #most: number;

  constructor({ seed, buckets, maxIds }: OriginNgramParameters) {
    this.#seed = seed;
    this.#buckets = buckets;
    this.#most = maxIds;
  }

  add(hash: number): void {
    if (this.ids.size < this.#most) this.ids.add(1 + (hash % this.#buckets));
  }

  addName(name: string): void {
    this.add(hash32(name, this.#seed));
  }

  /** All n-grams of `<text>`, hashed as `prefix + gram`, without making the strings: this runs for every proposal. */
  addNgrams(prefix: string, text: string, [shortest, longest]: NgramRange): void {
    const marked = `<${text}>`;
    const start = hashText(hashStart(this.#seed), prefix);
    for (let from = 0; from < marked.length; from += 1) {
      const last = Math.min(marked.length, from + longest);
      let state = start;
      for (let at = from; at < last; at += 1) {
        state = hashStep(state, marked.charCodeAt(at));
        if (at - from + 1 >= shortest) this.add(hashEnd(state));
      }
    }
  }
}

function addShape(set: IdSet, { host, label, suffix, subdomains }: OriginParts): void {
  const depth = subdomains.length;
  const length = Math.min(24, label.length);
  set.addName(`suffix ${suffix}`);
  set.addName(`top ${host.slice(host.lastIndexOf('.') + 1)}`);
  set.addName(`depth ${depth}`);
  set.addName(`length ${length}`);
  set.addName(`hyphens ${Math.min(4, label.split('-').length - 1)}`);
  set.addName(`digits ${Math.min(6, label.replace(/\D/g, '').length)}`);
  set.addName(`idn ${host.includes('xn--')}`);
  set.addName(`depth,length ${depth} ${length >> 1}`);
  set.addName(`suffix,depth ${suffix} ${depth}`);
  set.addName(`suffix,length ${suffix} ${length >> 1}`);
}

/** `metamask2` → `BABABABB0`. */
const patternOf = (text: string): string =>
  text
    .replace(/[b-df-hj-np-tv-z]/g, 'B')
    .replace(/[aeiou]/g, 'A')
    .replace(/\d/g, '0');

/** Ids of an origin's features, 1 … buckets, each once, at most `maxIds`; the first are those that say most. */
export function originIds(origin: string, parameters: OriginNgramParameters): number[] {
  const { host, label, folded, pattern, words, shape } = parameters;
  const parts = partsOf(origin);
  const text = skeletonOf(parts.host).slice(0, MAX_TEXT);
  const name = skeletonOf(parts.label).slice(0, MAX_TEXT);
  const above = parts.subdomains.join('.').slice(0, MAX_TEXT);
  const set = new IdSet(parameters);
  if (shape === true) addShape(set, parts);
  if (words === true) for (const word of text.split(/[^a-z0-9]+/)) if (word !== '') set.addName(`word ${word}`);
  if (label !== undefined) set.addNgrams('l', name, label);
  if (label !== undefined && above !== '') set.addNgrams('s', above, label);
  if (host !== undefined) set.addNgrams('h', text, host);
  if (folded !== undefined) set.addNgrams('f', foldedOf(name), folded);
  if (pattern !== undefined) set.addNgrams('p', patternOf(name), pattern);
  return [...set.ids];
}

/** What the extractor makes of an origin: {@link originIds}, or, for a known domain, the id that says so. Throws `MODEL_INPUT`. */
export function originReader(parameters: OriginNgramParameters): (origin: string) => number[] {
  const { buckets, known = '', maxIds } = parameters;
  const isKnown = decodeKnown(known);
  const knownIds = new Array<number>(Math.min(maxIds, KNOWN_TIMES)).fill(buckets + 1);
  return (origin) => (isKnown(origin) ? knownIds : originIds(origin, parameters));
}

const isInteger = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

const isRange = (value: unknown): value is [number, number] =>
  Array.isArray(value) &&
  value.length === 2 &&
  isInteger(value[0], 1, MAX_NGRAM) &&
  isInteger(value[1], value[0], MAX_NGRAM);

/** Checks a card's parameters. Throws `MODEL_INPUT`. */
export function parseOriginNgramParameters(value: unknown): OriginNgramParameters {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof OriginNgramParameters, unknown>
  >;
  const { seed, buckets, maxIds, words = false, shape = false, known = '' } = given;
  const hasNumbers =
    isInteger(seed, 0, 0xffffffff) && isInteger(buckets, 1, MAX_BUCKETS) && isInteger(maxIds, 1, MAX_IDS);
  const hasRanges = RANGES.every((name) => given[name] === undefined || isRange(given[name]));
  if (
    hasNumbers &&
    hasRanges &&
    typeof words === 'boolean' &&
    typeof shape === 'boolean' &&
    typeof known === 'string'
  ) {
    const ranges = RANGES.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name] as NgramRange]]));
    return { seed, buckets, maxIds, words, shape, known, ...Object.fromEntries(ranges) };
  }
  throw new PqError(
    'MODEL_INPUT',
    `"origin-ngrams/1" takes {"seed": u32, "buckets": 1…${MAX_BUCKETS}, "maxIds": 1…${MAX_IDS}, ${RANGES.map((name) => `"${name}"?: [min, max]`).join(', ')}, "words"?: boolean, "shape"?: boolean, "known"?: base64}, n-grams of 1…${MAX_NGRAM}.`,
    { parameters: value },
  );
}

/** The extractor: one int32 tensor `ids`, `[rows, maxIds]`, padded with 0. A transaction without a host is not judged. */
export function originNgrams(kind: DataKind, value: unknown): Extractor {
  if (kind !== 'transaction')
    throw new PqError('MODEL_INPUT', '"origin-ngrams/1" reads transactions: set "kind" to "transaction".', { kind });
  const parameters = parseOriginNgramParameters(value);
  const { maxIds } = parameters;
  const idsOf = originReader(parameters);
  return {
    tensors: [{ name: 'ids', type: 'int32', width: maxIds }],
    extract: (item, row, out) => {
      if (item.kind !== 'transaction' || hostOf(item.origin) === '') return false;
      out[0]?.set(idsOf(item.origin), row * maxIds);
      return true;
    },
  };
}
