/**
 * Trains the origin models from the packages in node_modules and writes them, with their cards, into models/:
 * `node scripts/train-origin.ts [NAME…] [--check]`. With --check nothing is written; it fails unless the files would be the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadOrigins } from './origin-data.ts';
import { committeeRates } from './origin-metrics.ts';
import { ORIGIN_MODELS } from './origin-models.ts';
import { labelsOf, THRESHOLD, train } from './origin-train.ts';

const MODELS = fileURLToPath(new URL('../models/', import.meta.url));

function isSame(path: string, content: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(content);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function main(): void {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { check: { type: 'boolean' } } });
  const records = loadOrigins();
  const specs = ORIGIN_MODELS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const probabilities: number[][] = [];
  for (const spec of specs) {
    const startedMs = performance.now();
    const { bytes, card, p } = train(spec, records);
    probabilities.push(p);
    const text = new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`);
    const files: [string, Uint8Array][] = [
      [`${MODELS}${spec.name}.onnx`, bytes],
      [`${MODELS}${spec.name}.onnx.json`, text],
    ];
    for (const [path, content] of files) {
      if (!values.check) writeFileSync(path, content);
      else if (!isSame(path, content)) {
        process.stderr.write(`${path} differs from what this training gives: run it without --check\n`);
        process.exitCode = 1;
      }
    }
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(
      `${spec.name} ${(bytes.length / 1024).toFixed(0)} KiB ${seconds} s ${JSON.stringify(card.metrics)}\n`,
    );
  }
  if (specs.length === ORIGIN_MODELS.length) {
    const labels = labelsOf(records.filter(({ split }) => split === 'test'));
    process.stdout.write(
      `committee of ${specs.length}: ${JSON.stringify(committeeRates(probabilities, labels, THRESHOLD), null, 2)}\n`,
    );
  }
}

if (import.meta.main) main();
