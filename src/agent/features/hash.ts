/** Feature hashing: names of features to rows of a table (Weinberger et al. 2009, without the sign). */

/** 32-bit FNV-1a over UTF-16 code units, seeded, then the finaliser of MurmurHash3 so that low bits are mixed too. */
export function hash32(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
