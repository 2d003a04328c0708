import { describe, expect, test } from 'vitest';
import { NO_LEADER } from '../../src/wasm/kernels.ts';
import { codeOf } from './codes.ts';
import { NamedDag } from './named-dag.ts';
import { variants } from './variants.ts';

const FOUR = [1, 1, 1, 1];
const QUORUM = 3;

/** A whole round in which everybody links the named blocks. */
function layer(round: number, parents: string): string {
  return ['A', 'B', 'C', 'D'].map((author) => `${author}${round}: ${parents}`).join(';');
}

/** Full rounds from `from` to `to`, everybody links everybody. */
function full(from: number, to: number): string {
  const rounds: string[] = [];
  for (let round = from; round <= to; round++) {
    rounds.push(layer(round, round === 1 ? '' : ['A', 'B', 'C', 'D'].map((a) => `${a}${round - 1}`).join(' ')));
  }
  return rounds.join(';');
}

describe.each(variants)('commit rule of $name', (kernels) => {
  const dagOf = (text: string, stakes = FOUR, quorum = QUORUM): NamedDag => {
    const dag = new NamedDag(kernels, stakes, quorum);
    dag.addText(text);
    return dag;
  };

  test('direct commit: a quorum of certificates', () => {
    expect(dagOf(full(1, 3)).decide({ 1: ['A'] })).toEqual([['commit', 'A1', 'direct', 'A1']]);
  });

  test('two certificates are not a quorum', () => {
    const text = `${full(1, 2)}; A3: A2 B2 C2; B3: A2 B2 C2; C3: C2 D2; D3: C2 D2`;
    expect(dagOf(text).decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
  });

  test('direct skip of a block that a quorum does not link', () => {
    const text = `${full(1, 1)}; A2: A1 B1 C1; B2: B1 C1 D1; C2: B1 C1 D1; D2: B1 C1 D1; ${full(3, 3)}`;
    expect(dagOf(text).decide({ 1: ['A'] })).toEqual([['skip', 'A1', 'direct', null]]);
  });

  test('direct skip of an empty slot, as soon as a quorum is one round above it', () => {
    const dag = dagOf('B1; C1; D1; B2: B1 C1 D1; C2: B1 C1 D1');
    const leaders = [0];
    expect(dag.dag.decide(1, 0, leaders, 1)).toEqual([]);
    dag.addText('D2: B1 C1 D1');
    expect(dag.dag.decide(1, 0, leaders, 1)[0]?.status).toBe('skip');
  });

  test('an equivocating leader is skipped only when every block of it is blamed', () => {
    // A1 is blamed by B, C, D; A1' by A alone, and B, C, D vote for it: a rule over "some block" would skip.
    const dag = dagOf(`A1; A1'; B1; C1; D1; A2: A1; B2: A1'; C2: A1'; D2: A1'; ${layer(3, 'A2 B2 C2 D2')}`);
    expect(dag.decide({ 1: ['A'] })).toEqual([['commit', 'A1', 'direct', "A1'"]]);
    const split = dagOf("A1; A1'; B1; C1; D1; A2: A1; B2: A1'; C2: A1'; D2: B1");
    split.addText(layer(3, 'A2 B2 C2 D2'));
    expect(split.decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
    const blamed = dagOf("A1; A1'; B1; C1; D1; A2: A1; B2: A1'; C2: B1; D2: B1");
    blamed.addText(layer(3, 'A2 B2 C2 D2'));
    expect(blamed.decide({ 1: ['A'] })).toEqual([['skip', 'A1', 'direct', null]]);
  });

  test('an equivocating voter counts once, and on both sides', () => {
    // B links A1 in B2 and not in B2': blame is B, C, D although the support is A, B.
    const skipped = dagOf(`${full(1, 1)}; A2: A1; B2: A1; B2': B1; C2: B1; D2: B1; ${layer(3, 'A2 B2 C2 D2')}`);
    expect(skipped.decide({ 1: ['A'] })).toEqual([['skip', 'A1', 'direct', null]]);
    // Two blocks of B that link A1 are one vote: two authors are no certificate.
    const text = `${full(1, 1)}; A2: A1; B2: A1; B2': A1 B1; C2: B1; D2: A1; ${layer(3, 'A2 B2 C2')}`;
    expect(dagOf(text).decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
  });

  test('a certificate needs the voting block of an equivocator among its parents', () => {
    const votes = "A2: A1; B2: A1; B2': B1; C2: A1; D2: A1 D1";
    const with2 = (b: string): NamedDag => dagOf(`${full(1, 1)}; ${votes}; ${layer(3, `A2 ${b} C2`)}`);
    expect(with2('B2').decide({ 1: ['A'] })).toEqual([['commit', 'A1', 'direct', 'A1']]);
    expect(with2("B2'").decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
  });

  test('an equivocating certifier counts once', () => {
    const text = `${full(1, 2)}; A3: A2 B2 C2; A3': A2 B2 D2; B3: A2 B2 C2; C3: D2; D3: D2`;
    expect(dagOf(text).decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
  });

  /** A1 has one certificate, B3; the rest of round 3 lacks D2 or the votes for A1. */
  const undecided = `${full(1, 1)}; A2: A1; B2: A1; C2: A1; D2: B1; A3: A2 B2 D2; B3: A2 B2 C2; C3: B2 C2 D2; D3: A2 C2 D2`;

  test('indirect commit and skip follow the history of the next committed leader', () => {
    const seen = dagOf(`${undecided}; ${layer(4, 'A3 B3 C3')}; ${full(5, 6)}`);
    expect(seen.decide({ 1: ['A'], 4: ['D'] })).toEqual([
      ['commit', 'A1', 'indirect', 'A1'],
      ['commit', 'D4', 'direct', 'D4'],
    ]);
    const unseen = dagOf(`${undecided}; ${layer(4, 'A3 C3 D3')}; ${full(5, 6)}`);
    expect(unseen.decide({ 1: ['A'], 4: ['D'] })).toEqual([
      ['skip', 'A1', 'indirect', null],
      ['commit', 'D4', 'direct', 'D4'],
    ]);
  });

  test('the walk passes over skipped slots, stops at an undecided one and starts at R + 3', () => {
    const text = `${undecided}; ${layer(4, 'A3 B3 C3')}; ${full(5, 7)}`;
    // D3 commits nothing for A1: it is of round 3.
    expect(dagOf(text).decide({ 1: ['A'], 3: ['B'] })[0]).toEqual(['undecided', 'A1', null, null]);
    // In a second DAG A4 is missing, so its slot is skipped, and B4 decides.
    const skipping = `${undecided}; B4: A3 B3 C3; C4: A3 B3 C3; D4: A3 B3 C3; ${layer(5, 'B4 C4 D4')}; ${full(6, 7)}`;
    expect(dagOf(skipping).decide({ 1: ['A'], 4: ['A', 'B'] })).toEqual([
      ['commit', 'A1', 'indirect', 'A1'],
      ['skip', 'A4', 'direct', null],
      ['commit', 'B4', 'direct', 'B4'],
    ]);
    // A4 stays undecided (voted for by A, B; blamed by C, D): nothing below it may pass, although B4 commits.
    const waiting = `${undecided}; ${layer(4, 'A3 B3 C3')}; A5: A4 B4; B5: A4 B4; C5: B4; D5: B4; ${layer(6, 'A5 B5 C5 D5')}`;
    expect(dagOf(waiting).decide({ 1: ['A'], 4: ['A', 'B'] })).toEqual([
      ['undecided', 'A1', null, null],
      ['undecided', 'A4', null, null],
      ['commit', 'B4', 'direct', 'B4'],
    ]);
    expect(dagOf(waiting).prefix({ 1: ['A'], 4: ['A', 'B'] })).toEqual([]);
  });

  test('stakes are summed, exactly, up to 2^53 − 1', () => {
    const stakes = [2 ** 52, 2 ** 51, 2 ** 51 - 2, 1];
    const text = `${full(1, 1)}; ${layer(2, 'A1 B1 C1 D1')}; A3: A2 B2 C2 D2; B3: A2 B2 C2 D2; C3: A2 B2 C2 D2; D3: D2`;
    const others = 2 ** 53 - 2;
    expect(dagOf(text, stakes, others).decide({ 1: ['A'] })).toEqual([['commit', 'A1', 'direct', 'A1']]);
    expect(dagOf(text, stakes, others + 1).decide({ 1: ['A'] })).toEqual([['undecided', 'A1', null, null]]);
  });

  test('two blocks of one slot that would commit are fatal', () => {
    // More than f equivocate: A, B and C vote for both blocks and certify both.
    const votes = (mark: string): string => ['A', 'B', 'C'].map((a) => `${a}2${mark}: A1${mark}`).join(';');
    const certificates = (mark: string): string =>
      ['A', 'B', 'C'].map((a) => `${a}3${mark}: A2${mark} B2${mark} C2${mark}`).join(';');
    const dag = dagOf(`A1; A1'; ${votes('')}; ${votes("'")}; ${certificates('')}; ${certificates("'")}`);
    expect(codeOf(() => dag.decide({ 1: ['A'] }))).toBe('DAG_TWO_COMMITS');
  });

  test('no leader, no slot; rounds above the leaders have none', () => {
    const { dag } = dagOf(full(1, 8));
    const leaders = [NO_LEADER, 0, NO_LEADER, NO_LEADER, 1, 2];
    const slots = dag.decide(2, 0, leaders, 2);
    expect(slots.map(({ round, offset, author }) => [round, offset, author])).toEqual([
      [2, 1, 0],
      [4, 0, 1],
      [4, 1, 2],
    ]);
    expect(dag.decide(2, 2, leaders, 2)).toHaveLength(2);
    // Of slots in rounds 7 and 8 none is decided: nothing after them is reported either.
    expect(dag.decide(6, 0, [0, 1, 2], 1).map(({ round }) => round)).toEqual([6]);
    expect(dag.decide(7, 0, [1, 2], 1)).toEqual([]);
    expect(dag.decide(9, 0, leaders, 2)).toEqual([]);
    expect(dag.decide(2, 0, [], 1)).toEqual([]);
  });
});

describe.each(variants)('histories of $name', (kernels) => {
  test('linearize sorts by (round, author, digest), commits once and stops at gcRound', () => {
    const dag = new NamedDag(kernels, FOUR, QUORUM);
    dag.addText(`${full(1, 2)}; C2'': A1; A3: A2 B2 C2''; B3: B2; D3: A2 C2; A4: A3 B3 D3; D4: D3 A3`);
    const first = dag.names(dag.dag.linearize(dag.handle('A3'), 0));
    expect(first).toEqual(['A1', 'B1', 'C1', 'D1', 'A2', 'B2', "C2''", 'A3']);
    const second = dag.dag.linearize(dag.handle('A4'), 1);
    expect(dag.names(second)).toEqual(['C2', 'B3', 'D3', 'A4']);
    expect([...dag.dag.linearize(dag.handle('A4'), 1)]).toEqual([]);
    expect(dag.names(dag.dag.linearize(dag.handle('D4'), 4))).toEqual([]);
    expect(dag.dag.isCommitted(dag.handle('D4'))).toBe(false);
    expect(dag.dag.isCommitted(dag.handle('C2'))).toBe(true);
  });

  test('both blocks of an equivocator, in the order of their digests', () => {
    const dag = new NamedDag(kernels, FOUR, QUORUM);
    dag.addText("A1; B1; B1'; B1''; A2: A1 B1; C2: B1'; D2: B1''; A3: A2 C2 D2");
    const blocks = dag.names(dag.dag.linearize(dag.handle('A3'), -5));
    const slot = blocks.slice(1, 4);
    expect([...slot].sort()).toEqual(['B1', "B1'", "B1''"]);
    const ordered = new NamedDag(kernels, FOUR, QUORUM);
    ordered.addText("A1; B1''; B1'; B1; A2: A1 B1; C2: B1'; D2: B1''; A3: A2 C2 D2");
    expect(ordered.names(ordered.dag.linearize(ordered.handle('A3'), -5))).toEqual(blocks);
  });

  test('the second block of an author whose first is committed already', () => {
    const dag = new NamedDag(kernels, FOUR, QUORUM);
    dag.addText('A1; B1; A2: A1 B1');
    expect(dag.names(dag.dag.linearize(dag.handle('A2'), 0))).toEqual(['A1', 'B1', 'A2']);
    dag.addText("B1'; C2: B1'; A3: A2 C2");
    expect(dag.names(dag.dag.linearize(dag.handle('A3'), 0))).toEqual(["B1'", 'C2', 'A3']);
  });

  test('reaches: itself, parents of any age, and nothing else', () => {
    const dag = new NamedDag(kernels, FOUR, QUORUM);
    dag.addText("A1; B1; B1'; C1; A2: A1 B1; A3: A2 C1; B3: A2 B1'; A5: A3");
    const reaches = (from: string, to: string): boolean => dag.dag.reaches(dag.handle(from), dag.handle(to));
    expect(reaches('A5', 'A5')).toBe(true);
    expect(reaches('A5', 'C1')).toBe(true);
    expect(reaches('A5', 'B1')).toBe(true);
    expect(reaches('A5', "B1'")).toBe(false);
    expect(reaches('B3', "B1'")).toBe(true);
    expect(reaches('B1', 'A5')).toBe(false);
    expect(reaches('A3', 'B3')).toBe(false);
  });

  test('collect frees rounds, reuses handles and forgets links to them', () => {
    const dag = new NamedDag(kernels, FOUR, QUORUM);
    dag.addText(`${full(1, 3)}; A5: A1 B3`);
    const [old, before] = [dag.handle('A1'), dag.dag.size];
    dag.dag.collect(1);
    expect(dag.dag.size).toBe(before - 4);
    expect(codeOf(() => dag.dag.isCommitted(old))).toBe('DAG_BAD_HANDLE');
    dag.addText('A4: A3; B4: A3; C4: A3; D4: A3');
    const reused = [...'ABCD'].map((author) => dag.handle(`${author}4`));
    expect(reused).toContain(old);
    // A5 linked A1, whose handle is another block's now.
    for (const handle of reused) expect(dag.dag.reaches(dag.handle('A5'), handle)).toBe(false);
    expect(dag.names(dag.dag.linearize(dag.handle('A5'), 0))).toEqual(['A2', 'B2', 'C2', 'D2', 'B3', 'A5']);
    dag.dag.collect(100);
    expect(dag.dag.size).toBe(0);
    expect(dag.dag.decide(101, 0, [0], 1)).toEqual([]);
  });
});

describe.each(variants)('refusals of $name', (kernels) => {
  const digest = new Uint8Array(32);

  test('a block that does not fit leaves no trace', () => {
    const dag = kernels.createDag({ stakes: FOUR, quorum: QUORUM, maxBlocks: 100 });
    const a1 = dag.insert(1, 0, digest, []);
    const a1b = dag.insert(
      1,
      0,
      digest.map(() => 1),
      [],
    );
    const b2 = dag.insert(2, 1, digest, [a1]);
    const refused: (() => unknown)[] = [
      () => dag.insert(-1, 0, digest, []),
      () => dag.insert(1.5, 0, digest, []),
      () => dag.insert(2 ** 32 - 1, 0, digest, []),
      () => dag.insert(2, 4, digest, []),
      () => dag.insert(2, 0, new Uint8Array(31), []),
      () => dag.insert(2, 0, digest, [77]),
      () => dag.insert(2, 0, digest, [-1]),
      () => dag.insert(2, 0, digest, [0.5]),
      () => dag.insert(2, 0, digest, [b2]),
      () => dag.insert(2, 0, digest, [a1, a1b]),
      () => dag.insert(2, 0, digest, [a1, a1, a1, a1, a1]),
    ];
    for (const act of refused) expect(codeOf(act), String(act)).toBe('DAG_BAD_BLOCK');
    expect(dag.size).toBe(3);
    dag.collect(1);
    expect(codeOf(() => dag.insert(1, 2, digest, []))).toBe('DAG_BAD_BLOCK');
    expect(codeOf(() => dag.insert(3, 2, digest, [a1]))).toBe('DAG_BAD_BLOCK');
  });

  test('bounds: blocks, and the rounds that they span', () => {
    const dag = kernels.createDag({ stakes: FOUR, quorum: QUORUM, maxBlocks: 3 });
    for (let round = 1; round <= 3; round++) dag.insert(round, 0, digest, []);
    expect(codeOf(() => dag.insert(4, 0, digest, []))).toBe('DAG_FULL');
    dag.collect(1);
    dag.insert(4, 0, digest, []);
    dag.collect(3);
    expect(codeOf(() => dag.insert(4 + 65_536, 0, digest, []))).toBe('DAG_FULL');
    dag.insert(4 + 65_535, 0, digest, []);
    expect(dag.size).toBe(2);
  });

  test('handles, slots and options', () => {
    const dag = kernels.createDag({ stakes: FOUR, quorum: QUORUM, maxBlocks: 3 });
    const block = dag.insert(7, 0, digest, []);
    for (const handle of [-1, block + 1, 0.5, 2 ** 33, Number.NaN]) {
      expect(codeOf(() => dag.isCommitted(handle))).toBe('DAG_BAD_HANDLE');
      expect(codeOf(() => dag.markCommitted(handle))).toBe('DAG_BAD_HANDLE');
      expect(codeOf(() => dag.linearize(handle, 0))).toBe('DAG_BAD_HANDLE');
      expect(codeOf(() => dag.reaches(block, handle))).toBe('DAG_BAD_HANDLE');
      expect(codeOf(() => dag.reaches(handle, block))).toBe('DAG_BAD_HANDLE');
    }
    for (const leader of [4, -1, 0.5, 65_536, Number.NaN]) {
      expect(
        codeOf(() => dag.decide(1, 0, [0, leader], 1)),
        String(leader),
      ).toBe('DAG_BAD_SLOTS');
    }
    expect(codeOf(() => dag.decide(1, 2, [0], 1))).toBe('DAG_BAD_SLOTS');
    expect(codeOf(() => dag.decide(1, 0, [0], 0))).toBe('DAG_BAD_SLOTS');
    dag.collect(5);
    expect(codeOf(() => dag.decide(5, 0, [0], 1))).toBe('DAG_BAD_SLOTS');
    expect(codeOf(() => dag.collect(0.5))).toBe('DAG_BAD_ROUND');
    const bad = [
      { stakes: [], quorum: 1, maxBlocks: 1 },
      { stakes: new Array<number>(129).fill(1), quorum: 1, maxBlocks: 1 },
      { stakes: [1, -1], quorum: 1, maxBlocks: 1 },
      { stakes: [2 ** 52, 2 ** 52], quorum: 1, maxBlocks: 1 },
      { stakes: [1], quorum: 0, maxBlocks: 1 },
      { stakes: [1], quorum: 1, maxBlocks: 0 },
    ];
    for (const options of bad) expect(codeOf(() => kernels.createDag(options))).toBe('KERNEL_OPTIONS');
  });
});
