/**
 * Feature hashing: names of features to rows of a table (Weinberger et al. 2009, without the sign). 32-bit FNV-1a over
 * UTF-16 code units, seeded, then the finaliser of MurmurHash3 so that low bits are mixed too.
 */

/** FNV-1a's state before any text. */
export const hashStart = (seed: number): number => (0x811c9dc5 ^ seed) | 0;

/** The state after one more code unit. */
export const hashStep = (state: number, code: number): number => Math.imul(state ^ code, 0x01000193);

/** The state after a text. */
export function hashText(state: number, text: string): number {
  let next = state;
  for (let i = 0; i < text.length; i += 1) next = hashStep(next, text.charCodeAt(i));
  return next;
}

/** The hash of everything stepped over, u32. */
export function hashEnd(state: number): number {
  let hash = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Hash of a whole text. */
export const hash32 = (text: string, seed: number): number => hashEnd(hashText(hashStart(seed), text));
