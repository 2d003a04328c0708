/**
 * Writes assembly/mldsa-zetas.ts: the powers of ζ that the number-theoretic transforms of ML-DSA multiply with (FIPS 204
 * §2.5, §7.5, appendix B). Run it after a change here: `node scripts/generate-mldsa-zetas.ts`.
 *
 * A factor z is stored with its quotient ⌊z · 2³² / q⌉, which replaces the division when something is multiplied by it.
 */
import { writeFileSync } from 'node:fs';

/** FIPS 204, table 1. */
const Q = 8380417n;
const ZETA = 1753n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % Q;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % Q;
    square = (square * square) % Q;
  }
  return result;
}

/** BitRev₈ (FIPS 204, algorithm 43). */
function reversed(byte: number): bigint {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit);
  return BigInt(result);
}

/** The representative in −(q − 1)/2 … (q − 1)/2: so that the quotient fits 32 bits with its sign. */
function centered(value: bigint): bigint {
  const residue = ((value % Q) + Q) % Q;
  return residue > Q / 2n ? residue - Q : residue;
}

function quotient(factor: bigint): bigint {
  const doubled = 2n * (factor << 32n) + Q;
  const floor = doubled / (2n * Q);
  return doubled < 0n && doubled % (2n * Q) !== 0n ? floor - 1n : floor;
}

/** Factors, then their quotients. */
function table(doc: string, name: string, factors: readonly bigint[]): string {
  const entries = factors.map(centered);
  const numbers = [...entries, ...entries.map(quotient)];
  return `/** ${doc} */\nexport const ${name} = memory.data<i32>([${numbers.join(', ')}], 16);`;
}

/** 2³² undoes the Montgomery reduction of the product before the inverse transform, 256⁻¹ ends it (algorithm 42). */
const SCALE = power(2n, 32n) * power(256n, Q - 2n);
const zetas = Array.from({ length: 256 }, (_, i) => power(ZETA, reversed(i)));
const inverses = zetas.map((zeta) => power(zeta, Q - 2n));

writeFileSync(
  new URL('../assembly/mldsa-zetas.ts', import.meta.url),
  `${[
    '// Written by scripts/generate-mldsa-zetas.ts; change that instead. Factors mod q, centered, each table followed by',
    '// ⌊factor · 2³² / q⌉ of every entry.',
    '',
    table('Entry k is ζ^BitRev₈(k): zetas of FIPS 204, appendix B.', 'ZETAS', zetas),
    table('Entry k is ζ^−BitRev₈(k).', 'INVERSES', inverses),
    table('2³² / 256, and the same times entry 1 of INVERSES: what the last layer multiplies with.', 'SCALES', [
      SCALE,
      SCALE * inverses[1]!,
    ]),
  ].join('\n')}\n`,
);
