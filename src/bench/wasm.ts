/**
 * What the WebAssembly core is worth: `npm run bench:wasm -- [--json F] [--filter TEXT] [--quick]`. A win over the naive
 * column is not a win of WebAssembly: the ratios that count are against the tuned twin and against the library that a
 * user would pick. Rows where it loses stay.
 */
import { parseArgs } from 'node:util';
import { wasmHash } from '../wasm/load.ts';
import { FULL, measure, QUICK, type Row } from './harness.ts';
import { headline, report, table, writeJson } from './report.ts';
import { conflictRows } from './rows/conflict.ts';
import { dagRows } from './rows/dag.ts';
import { hashRows } from './rows/hash.ts';
import { mldsaRows } from './rows/mldsa.ts';
import { tallyRows } from './rows/tally.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    filter: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
  },
});

const groups = [hashRows, mldsaRows, dagRows, tallyRows, conflictRows];
const rows: Row[] = [];
for (const group of groups) {
  const measured: Row[] = [];
  for (const spec of group()) {
    const label = `${spec.name} ${JSON.stringify(spec.params)}`;
    if (!label.includes(options.filter)) continue;
    process.stderr.write(`${label}\n`);
    measured.push(measure(spec, options.quick ? QUICK : FULL));
  }
  if (measured.length === 0) continue;
  const columns = [...new Set(measured.flatMap((row) => Object.keys(row.values)))];
  console.log(`${table(measured, columns, 'simd')}\n`);
  rows.push(...measured);
}
const result = report(rows, { core: wasmHash().slice(0, 16) });
console.log(
  `${headline(result)}\nMedians ± half of the spread from the 10th to the 90th percentile; ratios against simd.`,
);
if (options.json !== undefined) writeJson(options.json, result);
