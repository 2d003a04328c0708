/**
 * Compiles assembly/ to build/core.wasm (SIMD), build/core.scalar.wasm and build/core.debug.wasm, as asconfig.json says.
 * Does nothing when they are newer than everything that they come from; `--force` builds anyway; `--check` builds twice
 * elsewhere and fails unless both times, and what is in build/, are the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ASC = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
const TARGETS = { release: 'core.wasm', scalar: 'core.scalar.wasm', debug: 'core.debug.wasm' } as const;

function inputs(): string[] {
  const sources = readdirSync(join(ROOT, 'assembly')).filter((name) => name.endsWith('.ts'));
  return [
    ...sources.map((name) => join(ROOT, 'assembly', name)),
    join(ROOT, 'assembly'),
    join(ROOT, 'asconfig.json'),
    join(ROOT, 'node_modules/assemblyscript/package.json'),
  ];
}

/** True when every output exists and is newer than every input. */
function isFresh(): boolean {
  const outputs = Object.values(TARGETS).map((name) => join(ROOT, 'build', name));
  if (!outputs.every((path) => existsSync(path))) return false;
  const oldestOutput = Math.min(...outputs.map((path) => statSync(path).mtimeMs));
  return inputs().every((path) => statSync(path).mtimeMs < oldestOutput);
}

/** Compiles every target into `folder`; a file appears whole or not at all. */
function build(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [target, name] of Object.entries(TARGETS)) {
    const unfinished = join(folder, `${name}.${process.pid}.tmp`);
    execFileSync(process.execPath, [ASC, '--target', target, '--outFile', unfinished], { cwd: ROOT, stdio: 'inherit' });
    renameSync(unfinished, join(folder, name));
  }
}

function hashes(folder: string): string[] {
  return Object.values(TARGETS).map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}  ${name}`,
  );
}

/** Builds twice from nothing and compares. */
function check(): void {
  const folder = mkdtempSync(join(tmpdir(), 'pq-wasm-'));
  try {
    build(join(folder, 'first'));
    build(join(folder, 'second'));
    const first = hashes(join(folder, 'first'));
    const others = [hashes(join(folder, 'second'))];
    if (isFresh()) others.push(hashes(join(ROOT, 'build')));
    for (const other of others) {
      if (other.join() !== first.join()) {
        console.error(`The core is not reproducible:\n${first.join('\n')}\nis not\n${other.join('\n')}`);
        process.exitCode = 1;
        return;
      }
    }
    console.log(first.join('\n'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv.includes('--check')) check();
else if (process.argv.includes('--force') || !isFresh()) build(join(ROOT, 'build'));
