import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type NamedBlock, NamedDag, type NamedDecision } from './named-dag.ts';
import { variants } from './variants.ts';

interface Case {
  readonly name: string;
  readonly committee: number;
  readonly leaders: Readonly<Record<string, readonly string[]>>;
  readonly blocks: readonly NamedBlock[];
  readonly all_slots: readonly NamedDecision[];
  readonly decided_prefix: readonly NamedDecision[];
}

const FILE = new URL('../../../shared/vectors/dag-commit.json', import.meta.url);
const isHere = existsSync(FILE);
if (!isHere) console.warn('skipped: ../shared/vectors/dag-commit.json is not here; dag.test.ts covers the same ground');
const cases: readonly Case[] = isHere ? JSON.parse(readFileSync(FILE, 'utf8')) : [];

describe.skipIf(!isHere)('commit-rule cases from public suites', () => {
  describe.each(variants)('$name', (kernels) => {
    test.each(cases)('$name', ({ committee, leaders, blocks, all_slots, decided_prefix }) => {
      const faults = Math.floor((committee - 1) / 3);
      const dag = new NamedDag(kernels, new Array<number>(committee).fill(1), committee - faults);
      dag.add(blocks);
      expect(dag.decide(leaders)).toEqual(all_slots);
      expect(dag.prefix(leaders)).toEqual(decided_prefix);
    });
  });
});
