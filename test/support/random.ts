/** Numbers that look random and are a function of a seed: a failing test can be run again. */
export interface Random {
  /** Integer in [0, bound), bound ≤ 2^32. */
  below(bound: number): number;
  bytes(length: number): Uint8Array;
  /** True with a chance of `perMille` in 1000. */
  chance(perMille: number): boolean;
  shuffled<Item>(items: readonly Item[]): Item[];
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  const below = (bound: number) => Math.floor((next() / 0x1_0000_0000) * bound);
  return {
    below,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
    chance: (perMille) => below(1000) < perMille,
    shuffled(items) {
      const left = [...items];
      for (let i = left.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [left[i], left[j]] = [left[j]!, left[i]!];
      }
      return left;
    },
  };
}
