/** Sets of registered domains that a model is told of, as truncated hashes: brands cannot be told from their imitations by spelling. */
import { createHash } from 'node:crypto';
import { PqError } from '../../errors.ts';
import { partsOf } from './origin.ts';

/** Bytes of SHA-256 kept. Passing for one of 4 096 known domains takes 2^52 names tried. */
const PREFIX_BYTES = 8;
const MAX_KNOWN = 100_000;

/** The registered domain of an origin: `example.co.uk` of `shop.example.co.uk`. */
export const domainOf = (origin: string): string => {
  const { label, suffix } = partsOf(origin);
  return suffix === '' ? label : `${label}.${suffix}`;
};
const prefixOf = (domain: string): Buffer =>
  createHash('sha256').update(`pq/known-domain/1:${domain}`).digest().subarray(0, PREFIX_BYTES);

/** The registered domains of the origins as base64 of their sorted hashes. */
export function encodeKnown(origins: Iterable<string>): string {
  const prefixes = [...new Set([...origins].map((origin) => prefixOf(domainOf(origin)).toString('hex')))].sort();
  return Buffer.from(prefixes.join(''), 'hex').toString('base64');
}

/** Tells whether an origin's registered domain is in the set. Throws `MODEL_INPUT` if the text is not one of {@link encodeKnown}. */
export function decodeKnown(text: string): (origin: string) => boolean {
  const bytes = Buffer.from(text, 'base64');
  const count = bytes.length / PREFIX_BYTES;
  if (!Number.isInteger(count) || count > MAX_KNOWN || bytes.toString('base64') !== text) {
    throw new PqError(
      'MODEL_INPUT',
      `"known" must be base64 of at most ${MAX_KNOWN} prefixes of ${PREFIX_BYTES} bytes.`,
      { bytes: bytes.length },
    );
  }
  const known = new Set(Array.from({ length: count }, (_, i) => bytes.readBigUInt64BE(i * PREFIX_BYTES)));
  return (origin) => known.has(prefixOf(domainOf(origin)).readBigUInt64BE());
}
