/** A copy of the sources in which one place at a time is broken. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In `file` of src/, the one place that reads `from` reads `to`. */
export interface Breakage {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = [
  'src',
  'test',
  'build',
  'assembly',
  'scripts',
  'asconfig.json',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];

/** Works on a copy of the tree, which goes away afterwards. */
export function withCopy(work: (copy: string) => void): void {
  const copy = mkdtempSync(join(tmpdir(), 'pq-mutants-'));
  try {
    for (const name of COPIED) {
      // The times too: a core that looks older than its sources would be built again for every mutant.
      cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What `work` finds while the copy is broken; undefined when the breakage does not fit exactly one place. */
export function withBreakage<Result>(copy: string, breakage: Breakage, work: () => Result): Result | undefined {
  const path = join(copy, 'src', breakage.file);
  const source = readFileSync(path, 'utf8');
  const broken = mutated(source, breakage);
  if (broken === undefined) return undefined;
  writeFileSync(path, broken);
  try {
    return work();
  } finally {
    writeFileSync(path, source);
  }
}

function mutated(source: string, { from, to }: Breakage): string | undefined {
  const at = source.indexOf(from);
  if (at < 0 || source.indexOf(from, at + 1) >= 0) return undefined;
  return source.slice(0, at) + to + source.slice(at + from.length);
}
