/**
 * What the protocol costs, in message delays, bytes and signature checks: `npm run bench:sim -- [--json F] [--filter TEXT] [--quick]`.
 * Whole nodes in the simulator, links of 50 ms, no faults, models that answer at once; disks and signatures take no time, so
 * that what is left is the number of times that messages have to travel. The same figures on every machine.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { report } from '../src/bench/report.ts';
import { table } from '../src/cli/ui/table.ts';
import { loadKernels } from '../src/wasm/load.ts';
import { LINK_MS, measureDelays } from './sim/delays.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    filter: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
  },
});

/** What is asked of a proposal's latency: one leader a round, or as many as validators. In message delays. */
const TARGETS = { one: 5, all: 4 } as const;

/** Sums of delays that are no binary fractions. */
const ROUNDING = 1e-9;

const kernels = loadKernels();
const rows = [];
for (const jitter of [0, 0.1]) {
  for (const validators of options.quick || jitter > 0 ? [4, 10] : [4, 10, 31, 100]) {
    for (const leaders of [1, validators]) {
      const name = `n=${validators} leaders=${leaders} jitter=${jitter}`;
      if (!name.includes(options.filter)) continue;
      process.stderr.write(`${name}\n`);
      rows.push(await measureDelays(kernels, { validators, leaders, jitter }));
    }
  }
}
const result = report(rows);
const figures = rows.map(({ params, values }) => [
  `n = ${params.validators}, ${params.leaders} per round${params.jitter === 0 ? '' : `, links ±${100 * Number(params.jitter)} %`}`,
  ...[values.leader, values.mean, values.p95, values.slowest].map((delays) => delays!.toFixed(2)),
  verdict(Number(params.leaders), Number(params.jitter), values.mean!),
  values.bytesPerProposal!.toFixed(0),
  values.checksPerDecision!.toFixed(1),
]);
const header = [
  'validators, leaders',
  'leader',
  'mean',
  'p95',
  'slowest',
  'target',
  'bytes/proposal',
  'checks/decision',
];
console.log(table(header, figures).join('\n'));
console.log(`
In message delays of ${LINK_MS} ms: from the emission of a block that leads to its commit; from the emission of any block to the
decision on its proposals, at each validator. Bytes that one validator sends, and signatures that it checks, per proposal.`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);

/** Links that are not equal have no target: whoever is late is waited for, or is not. */
function verdict(leaders: number, jitter: number, delays: number): string {
  if (jitter > 0) return '';
  const target = leaders === 1 ? TARGETS.one : TARGETS.all;
  return `${target} ${delays <= target + ROUNDING ? 'met' : 'MISSED'}`;
}
