/** A run's figures as tables. */
import type { Quality } from '../statistics.ts';
import type { Summary } from '../summary.ts';
import { bytes, duration, percent, plural } from './format.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

export function printSummary(terminal: Terminal, summary: Summary): void {
  const title = (text: string): void => terminal.line(`\n${terminal.paint('bold', text)}`);
  const print = (lines: readonly string[]): void => lines.forEach((line) => void terminal.line(`  ${line}`));

  title(
    `${plural(summary.records, 'record')} in ${summary.seconds.toFixed(1)} s, ${plural(summary.validators, 'validator')}`,
  );
  const { APPROVED, REJECTED, CONFLICT, EXPIRED } = summary.decisions;
  const rows = [
    ['decisions', `${APPROVED} approved, ${REJECTED} rejected, ${CONFLICT} in conflict, ${EXPIRED} expired`],
    ['finality', `${finality(summary.finalityMs)} from submission to certificate, at the client`],
    [
      '',
      `${finality(summary.lightLoad.finalityMs)} at light load: ${summary.lightLoad.records} more, ${summary.lightLoad.perSecond}/s`,
    ],
    ['throughput', `${summary.proposalsPerSecond.toFixed(1)} proposals/s`],
    [
      'consensus',
      `${plural(summary.rounds, 'round')}, ${plural(summary.blocks, 'block')}, ${plural(summary.commits, 'commit')}`,
    ],
  ];
  if (summary.failedReceipts > 0)
    rows.push(['execution', `${summary.failedReceipts} approved and failed in execution`]);
  for (const [code, count] of Object.entries(summary.undelivered)) rows.push(['no decision', `${count} × ${code}`]);
  print(rows.map(([name, value]) => `${name!.padEnd(12)}${value}`));

  if (summary.labels.network.records > 0) {
    title('Agreement with the labels (positive: should be rejected)');
    print(qualityTable(summary));
  }
  title('Cost of each node over the run (100 % is one core)');
  print(
    table(
      ['', 'CPU', 'CPU of the models', 'late opinions', 'network', 'memory'],
      summary.nodes.map((node) => [
        `node ${node.validator + 1}`,
        `${node.cpuPercent.toFixed(1)} %`,
        `${node.aiCpuPercent.toFixed(1)} %`,
        `${node.opinions.late} of ${node.opinions.scored + node.opinions.late}`,
        `${bytes(node.bytesPerSecond)}/s`,
        bytes(node.rssBytes),
      ]),
    ),
  );
  const { machine } = summary;
  terminal.line(
    `\n  ${terminal.paint('grey', `${machine.cpu}, ${plural(machine.cores, 'core')}, ${bytes(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}`)}`,
  );
}

function finality(finalityMs: Summary['finalityMs']): string {
  if (finalityMs === null) return 'nothing was decided';
  const { p50, p95, p99 } = finalityMs;
  return `p50 ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)}`;
}

function qualityTable(summary: Summary): string[] {
  const row = (name: string, quality: Quality): string[] => [
    name,
    orDash(quality.accuracy, percent),
    orDash(quality.precision, percent),
    orDash(quality.recall, percent),
    orDash(quality.auc, (auc) => auc.toFixed(3)),
    String(quality.undecided),
  ];
  const nodes = summary.labels.nodes.map((quality) => row(`node ${quality.validator + 1} alone`, quality));
  const header = ['', 'accuracy', 'precision', 'recall', 'AUC', 'no verdict'];
  return table(header, [row('network', summary.labels.network), ...nodes]);
}

function orDash(value: number | null, format: (value: number) => string): string {
  return value === null ? '–' : format(value);
}
