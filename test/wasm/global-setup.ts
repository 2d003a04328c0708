/** Builds the core once before any test file runs, unless it is newer than its sources. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function setup(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync(process.execPath, ['scripts/build-wasm.ts'], { cwd: root, stdio: 'inherit' });
}
