/** Official test vectors beside the repository. They are not part of it; tests that want them skip without them. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, it } from 'vitest';

const FOLDER = new URL('../../../shared/vectors/', import.meta.url);

/** A suite over one vector file (plain or gzipped JSON), skipped with its reason in the name when the file is absent. */
export function describeVectors<File>(path: string, tests: (file: File) => void): void {
  const url = new URL(path, FOLDER);
  if (!existsSync(url)) {
    describe.skip(`${path} (absent: put the vectors into ../shared/vectors)`, () => it('is there', () => undefined));
    return;
  }
  const raw = readFileSync(url);
  const text = path.endsWith('.gz') ? gunzipSync(raw) : raw;
  describe(path, () => tests(JSON.parse(text.toString('utf8')) as File));
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
