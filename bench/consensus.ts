/**
 * What the whole network does on this machine: `npm run bench:consensus -- [--json F] [--markdown F] [--svg F] [--filter TEXT] [--quick]`. Real
 * processes over the loopback, durable logs, real signatures; the load rises until the network takes no more. The client
 * is a process of its own and counted apart. `--soak MINUTES`: half of what n = 4 sustains, and the memory each minute.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { thisMachine } from '../src/cli/summary.ts';
import { chart } from './consensus/chart.ts';
import { cells, headings, type Row, rowOf, sustained } from './consensus/figures.ts';
import { BenchNetwork } from './consensus/network.ts';
import { WORKLOADS, type Workload } from './consensus/workload.ts';

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    markdown: { type: 'string' },
    svg: { type: 'string' },
    filter: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    soak: { type: 'string' },
    /** For profiles: `--filter "opaque n=4" --orders 2000x10,4000x20` instead of the rising load. */
    orders: { type: 'string' },
    /** Sizes of the committees, in turn. */
    validators: { type: 'string', default: '4,7,10' },
  },
});

interface Step {
  readonly perSecond: number;
  readonly seconds: number;
}

/** 10 a second is the light load at which finality is judged. Until one is not kept up with, the next is tried. */
const RISING: Readonly<Record<Workload, readonly number[]>> = {
  opaque: [10, 500, 1000, 1500, 2000, 3000, 4000, 8000, 16_000],
  payments: [10, 125, 250, 375, 500, 750, 1000, 2000, 4000],
  models: [10, 125, 250, 375, 500, 750, 1000, 2000, 4000],
};
const STEP_SECONDS = 8;
/** Not counted: the compilers and caches of all processes get warm. */
const WARM: Step = { perSecond: 100, seconds: 15 };
/** Below this share of what was offered, the load is not kept up with and rises no more. */
const KEPT_UP = 0.9;

const rows: Row[] = [];
if (options.soak === undefined) for (const validators of committees()) await measureAll(validators);
else await soak(Number(options.soak));
const report = { machine: thisMachine(), runtime: { node: process.version }, rows };
const page = markdown();
console.log(`\n${page}`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
if (options.markdown !== undefined) writeFileSync(options.markdown, page);
if (options.svg !== undefined) writeFileSync(options.svg, chart(rows));

function committees(): number[] {
  return options.quick ? [4] : options.validators.split(',').map(Number);
}

async function measureAll(validators: number): Promise<void> {
  for (const workload of WORKLOADS) {
    if (`${workload} n=${validators}`.includes(options.filter)) await measure(workload, validators, stepsOf(workload));
  }
}

function stepsOf(workload: Workload): Step[] {
  if (options.orders !== undefined) return options.orders.split(',').map(parseStep);
  if (options.quick)
    return [
      { perSecond: 10, seconds: 3 },
      { perSecond: 100, seconds: 3 },
    ];
  return RISING[workload].map((perSecond) => ({ perSecond, seconds: STEP_SECONDS }));
}

function parseStep(text: string): Step {
  const [perSecond, seconds] = text.split('x').map(Number);
  return { perSecond: perSecond!, seconds: seconds! };
}

async function measure(workload: Workload, validators: number, steps: readonly Step[]): Promise<void> {
  const warm = options.quick ? { ...WARM, seconds: 2 } : WARM;
  process.stderr.write(`${workload}, n = ${validators}\n`);
  const network = await BenchNetwork.start(workload, validators);
  try {
    await network.load(warm);
    for (const step of steps) {
      const load = await network.load(step);
      const row = rowOf(workload, validators, load, network.anonymousMb());
      rows.push(row);
      process.stderr.write(`${cells(row).join('  ')}  ${JSON.stringify({ ...load.decisions, ...load.failed })}\n`);
      if (row.values.finalizedPerSecond < KEPT_UP * step.perSecond) return;
    }
  } finally {
    await network.stop();
  }
}

/** The same load for a long time, a row a minute: the memory must not grow. */
async function soak(minutes: number): Promise<void> {
  const perSecond = Number(options.orders ?? 200);
  const minute = { perSecond, seconds: 60 };
  const steps = Array.from({ length: minutes }, () => minute);
  const workload = WORKLOADS.find((name) => name.includes(options.filter)) ?? 'opaque';
  await measure(workload, 4, steps);
}

function markdown(): string {
  const { cpu, cores, memoryBytes, platform, node } = thisMachine();
  const best = [...Map.groupBy(rows, ({ name, params }) => `${name}, n = ${params.validators}`)].map(
    ([label, own]) => `- ${label}: ${Math.round(sustained(own))} proposals/s with p99 ≤ 1 s`,
  );
  const table = [headings(), headings().map(() => '---'), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |`);
  return [
    '# Benchmark of the whole network',
    '',
    '*Generated by `npm run bench:consensus -- --markdown FILE`; do not edit.*',
    '',
    `Machine: ${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB, ${platform}, Node ${node}; all validators and the client on it.`,
    '',
    '`opaque`: 512 bytes, no signature, approved by rule. `payments`: transfers with an ML-DSA-65 signature each, approved by rule. `models`: the same,',
    'each judged by an ONNX model of every validator. From submission to certified decision, at the client. CPU and bytes are for one',
    'proposal, those of all validators together; the models and the client apart. Finalized per second is counted between the first and the last tenth',
    'of the decisions: where these come in bursts, under overload, it can be more than was offered.',
    '',
    ...table,
    '',
    'Sustained:',
    '',
    ...best,
    '',
  ].join('\n');
}
