/**
 * Writes assembly/keccak.ts and assembly/keccak-pair.ts: Keccak-f[1600] (FIPS 202 §3) with its 25 lanes in local
 * variables, once with one lane set and once with two side by side in 128-bit vectors. Run it after a change here: `node scripts/generate-keccak.ts`.
 *
 * Two rounds make one step, `a` → `e` → `a`, so that no lane is ever copied.
 */
import { writeFileSync } from 'node:fs';

const ROUNDS = 24;

/** Round constants of ι (FIPS 202 §3.2.5), from its LFSR. */
function iotaConstants(): bigint[] {
  const constants: bigint[] = [];
  let lfsr = 1;
  for (let round = 0; round < ROUNDS; round++) {
    let constant = 0n;
    for (let j = 0; j < 7; j++) {
      if (lfsr & 1) constant |= 1n << BigInt(2 ** j - 1);
      lfsr = (lfsr << 1) ^ (lfsr & 0x80 ? 0x171 : 0);
    }
    constants.push(constant);
  }
  return constants;
}

/** Offsets of ρ (FIPS 202 §3.2.2) by lane x + 5y. */
function rhoOffsets(): number[] {
  const offsets = new Array<number>(25).fill(0);
  let x = 1;
  let y = 0;
  for (let t = 0; t < 24; t++) {
    offsets[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
}

/** How one flavour of the code writes its operations. */
interface Flavour {
  readonly name: string;
  readonly doc: string;
  readonly type: string;
  readonly laneBytes: number;
  readonly zero: string;
  load(lane: number): string;
  store(lane: number, value: string): string;
  xor(a: string, b: string): string;
  /** χ (FIPS 202 §3.2.4) of the lane (x, y) from the row b0 … b4: b[x] ⊕ (¬b[x + 1] ∧ b[x + 2]). */
  chi(x: number, y: number): string;
  rotate(a: string, bits: number): string;
  constant(round: string): string;
}

/**
 * The u64 flavour keeps these lanes complemented, so that most rows of χ need no ¬: an `and` of two lanes of which one is
 * complemented is one instruction, and of two as they are is an `or`, complemented. x86 engines have no and-not for u64.
 * (Bertoni et al., "Keccak implementation overview", §2.2: lane complementing.)
 */
const COMPLEMENTED: ReadonlySet<number> = new Set([1, 2, 8, 12, 17, 20]);
const complemented = (lane: number): string => (COMPLEMENTED.has(lane) ? '~' : '');

/** Whether lane b[x] of row y is complemented: θ complements a column with what it adds to it. */
function isComplementedInRow(x: number, y: number): boolean {
  const sourceX = (x + 3 * y) % 5;
  const parity = (column: number): boolean =>
    [0, 5, 10, 15, 20].filter((row) => COMPLEMENTED.has((column % 5) + row)).length % 2 === 1;
  const isColumnFlipped = parity(sourceX + 4) !== parity(sourceX + 1);
  return COMPLEMENTED.has(sourceX + 5 * x) !== isColumnFlipped;
}

/** χ where lanes may be complemented; so is the result, where its lane is to be. */
function chiOfComplemented(x: number, y: number): string {
  const [b0, b1, b2] = [x, (x + 1) % 5, (x + 2) % 5];
  const [is0, is1, is2] = [b0, b1, b2].map((lane) => isComplementedInRow(lane, y));
  const isFlipped = is0 !== COMPLEMENTED.has(x + 5 * y);
  if (is1 !== is2) return `(${isFlipped === is2 ? '' : '~'}b${b0} ^ (b${b1} ${is1 ? '&' : '|'} b${b2}))`;
  // Both or none: one ¬ is left. ¬b1 ∧ b2 is ¬(b1 ∨ ¬b2).
  const term =
    is1 === isFlipped ? `~b${b1} ${isFlipped ? '|' : '&'} b${b2}` : `b${b1} ${isFlipped ? '|' : '&'} ~b${b2}`;
  return `(b${b0} ^ (${term}))`;
}

const one: Flavour = {
  name: 'keccakF',
  doc: 'Permutes the 200 bytes at `state`: lane i is the u64 at 8i.',
  type: 'u64',
  laneBytes: 8,
  zero: '0',
  load: (lane) => `${complemented(lane)}load<u64>(state, ${8 * lane})`,
  store: (lane, value) => `store<u64>(state, ${complemented(lane)}${value}, ${8 * lane})`,
  xor: (a, b) => `(${a} ^ ${b})`,
  chi: chiOfComplemented,
  rotate: (a, bits) => (bits === 0 ? a : `rotl<u64>(${a}, ${bits})`),
  constant: (offset) => `load<u64>(IOTA + round, ${offset})`,
};

const two: Flavour = {
  name: 'keccakF2',
  doc: 'Permutes two states of 200 bytes, interleaved at `state`: lane i of the first is the u64 at 16i, of the second at 16i + 8.',
  type: 'v128',
  laneBytes: 16,
  zero: 'i64x2.splat(0)',
  load: (lane) => `v128.load(state, ${16 * lane})`,
  store: (lane, value) => `v128.store(state, ${value}, ${16 * lane})`,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  chi: (x) => `v128.xor(b${x}, v128.andnot(b${(x + 2) % 5}, b${(x + 1) % 5}))`,
  rotate: (a, bits) => (bits === 0 ? a : `v128.or(i64x2.shl(${a}, ${bits}), i64x2.shr_u(${a}, ${64 - bits}))`),
  constant: (offset) => `v128.load64_splat(IOTA + round, ${offset})`,
};

const rho = rhoOffsets();

/** One round from the lanes `from0…` to `to0…`: θ, ρ, π, χ, ι row by row of the result. */
function round(f: Flavour, from: string, to: string, constantOffset: number): string[] {
  const lines: string[] = [];
  for (let x = 0; x < 5; x++) {
    const column = [5, 10, 15, 20].reduce((sum, y) => f.xor(sum, `${from}${x + y}`), `${from}${x}`);
    lines.push(`c${x} = ${column};`);
  }
  for (let x = 0; x < 5; x++) {
    lines.push(`d${x} = ${f.xor(`c${(x + 4) % 5}`, f.rotate(`c${(x + 1) % 5}`, 1))};`);
  }
  for (let y = 0; y < 5; y++) {
    for (let x = 0; x < 5; x++) {
      // π: the lane that lands on (x, y) comes from (x + 3y, x) (FIPS 202 §3.2.3).
      const sourceX = (x + 3 * y) % 5;
      const source = sourceX + 5 * x;
      lines.push(`b${x} = ${f.rotate(f.xor(`${from}${source}`, `d${sourceX}`), rho[source]!)};`);
    }
    for (let x = 0; x < 5; x++) {
      let value = f.chi(x, y);
      if (x === 0 && y === 0) value = f.xor(value, f.constant(String(constantOffset)));
      lines.push(`${to}${x + 5 * y} = ${value};`);
    }
  }
  return lines;
}

function declare(f: Flavour, names: string[], value: (i: number) => string): string {
  return names.map((name, i) => `  let ${name}: ${f.type} = ${value(i)};`).join('\n');
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

function permutation(f: Flavour): string {
  const indent = (lines: string[]): string => lines.map((line) => `    ${line}`).join('\n');
  return [
    `/** ${f.doc} */`,
    `export function ${f.name}(state: usize): void {`,
    declare(f, numbered('a', 25), (i) => f.load(i)),
    declare(f, numbered('e', 25), () => f.zero),
    declare(f, [...numbered('b', 5), ...numbered('c', 5), ...numbered('d', 5)], () => f.zero),
    `  for (let round: usize = 0; round < ${8 * ROUNDS}; round += 16) {`,
    indent(round(f, 'a', 'e', 0)),
    indent(round(f, 'e', 'a', 8)),
    '  }',
    numbered('a', 25)
      .map((lane, i) => `  ${f.store(i, lane)};`)
      .join('\n'),
    '}',
  ].join('\n');
}

const constants = iotaConstants()
  .map((c) => `0x${c.toString(16)}`)
  .join(', ');
const header = '// Written by scripts/generate-keccak.ts; change that instead. Keccak-f[1600], FIPS 202 §3.';
const iota = `/** Round constants of ι, FIPS 202 §3.2.5. */\nconst IOTA = memory.data<u64>([${constants}], 16);`;
for (const [file, flavour] of [
  ['keccak', one],
  ['keccak-pair', two],
] as const) {
  writeFileSync(
    new URL(`../assembly/${file}.ts`, import.meta.url),
    `${header}\n\n${iota}\n\n${permutation(flavour)}\n`,
  );
}
