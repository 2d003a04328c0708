/** What a load cost and brought, as a row of figures. */
import type { Load } from './client.ts';
import type { Workload } from './workload.ts';

export interface Row {
  readonly name: Workload;
  readonly params: { readonly validators: number; readonly offeredPerSecond: number };
  /** Of each value: in its name. */
  readonly unit: string;
  readonly values: Readonly<Record<Figure, number>>;
}

export const FIGURES = [
  'finalizedPerSecond',
  'p50Ms',
  'p95Ms',
  'p99Ms',
  'nodeCpuMsPerProposal',
  'modelCpuMsPerProposal',
  'clientCpuMsPerProposal',
  'bytesPerProposal',
  'roundsPerSecond',
  'undecided',
  'rssMbPerNode',
  'anonymousMbPerNode',
] as const;
export type Figure = (typeof FIGURES)[number];

type Stats = Load['after'][number];

/** CPU and bytes are those of all validators together; bytes as they are sent, each once. */
export function rowOf(workload: Workload, validators: number, load: Load, anonymousMb: number): Row {
  const spent = (read: (stats: Stats) => number): number =>
    load.after.reduce((sum, stats, i) => sum + read(stats) - read(load.before[i]!), 0);
  const decided = Object.values(load.decisions).reduce((sum, count) => sum + count, 0);
  const each = (total: number): number => (decided === 0 ? 0 : total / decided);
  return {
    name: workload,
    params: { validators, offeredPerSecond: load.perSecond },
    unit: 'named in each value',
    values: {
      finalizedPerSecond: load.finalizedPerSecond,
      p50Ms: load.latencyMs.p50,
      p95Ms: load.latencyMs.p95,
      p99Ms: load.latencyMs.p99,
      nodeCpuMsPerProposal: each(spent(({ cpuMs }) => cpuMs)),
      modelCpuMsPerProposal: each(spent(({ aiCpuMs }) => aiCpuMs)),
      clientCpuMsPerProposal: each(load.clientCpuMs),
      bytesPerProposal: each(spent(({ bytesOut }) => bytesOut)),
      roundsPerSecond: spent(({ round }) => round) / validators / load.spanSeconds,
      undecided: load.submitted - decided,
      rssMbPerNode: Math.max(...load.after.map(({ rssBytes }) => rssBytes)) / 1e6,
      anonymousMbPerNode: anonymousMb,
    },
  };
}

/** The highest rate that was finalized with a p99 of at most a second; 0 if none was. */
export function sustained(rows: readonly Row[]): number {
  const good = rows.filter(({ values }) => values.p99Ms <= 1000 && values.undecided === 0);
  return Math.max(0, ...good.map(({ values }) => values.finalizedPerSecond));
}

const HEADS: Readonly<Record<Figure, string>> = {
  finalizedPerSecond: 'finalized/s',
  p50Ms: 'p50 ms',
  p95Ms: 'p95 ms',
  p99Ms: 'p99 ms',
  nodeCpuMsPerProposal: 'CPU-ms',
  modelCpuMsPerProposal: 'models CPU-ms',
  clientCpuMsPerProposal: 'client CPU-ms',
  bytesPerProposal: 'bytes',
  roundsPerSecond: 'rounds/s',
  undecided: 'undecided',
  rssMbPerNode: 'RSS MB',
  anonymousMbPerNode: 'of it own',
};

export function headings(): string[] {
  return ['', 'n', 'offered/s', ...FIGURES.map((figure) => HEADS[figure])];
}

export function cells({ name, params, values }: Row): string[] {
  const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  return [
    name,
    String(params.validators),
    String(params.offeredPerSecond),
    ...FIGURES.map((figure) => (values[figure] === 0 ? '0' : digits(values[figure]))),
  ];
}
