/** What became of records, as lines. */
import { receiptName } from '../../app/application.ts';
import { countDecisions, latenciesOf } from '../client-report.ts';
import type { Outcome } from '../replay.ts';
import { percentiles } from '../statistics.ts';
import { confidence, duration, plural } from './format.ts';
import { DECISION_STYLES } from './phases.ts';
import { harmless, type Terminal } from './terminal.ts';

export function printOutcome(terminal: Terminal, { record, certified, error, submittedMs }: Outcome): void {
  const origin = harmless(record.origin);
  if (certified === null) {
    terminal.line(
      `${terminal.paint('red', 'REFUSED '.padEnd(9))} ${origin}  ${harmless(`${error?.code}: ${error?.message}`)}`,
    );
    return;
  }
  const { decision, reason, confidence: sure, receipt } = certified.decision;
  const word = terminal.paint(DECISION_STYLES[decision], decision.padEnd(9));
  const figures = `${(decision === 'EXPIRED' ? '–' : confidence(sure)).padStart(7)}  ${duration(certified.certifiedMs - submittedMs).padStart(8)}`;
  const notes = [
    ...(reason === 'QUORUM' ? [] : [reason.toLowerCase()]),
    ...(receipt === 0 ? [] : [`execution failed: ${receiptName(receipt)}`]),
    certified.index === 0 ? 'in no commit' : `commit ${certified.index}`,
  ];
  terminal.line(`${word} ${figures}  ${origin}  ${terminal.paint('grey', notes.join(', '))}`);
}

export function printRun(terminal: Terminal, outcomes: readonly Outcome[]): void {
  const { APPROVED, REJECTED, CONFLICT, EXPIRED } = countDecisions(outcomes);
  const latencies = latenciesOf(outcomes);
  terminal.line(
    `\n${plural(outcomes.length, 'proposal')}: ${APPROVED} approved, ${REJECTED} rejected, ${CONFLICT} in conflict, ${EXPIRED} expired`,
  );
  const failed = outcomes.length - latencies.length;
  if (failed > 0) terminal.line(terminal.paint('red', `${failed} without a certified decision`));
  if (latencies.length === 0) return;
  const { p50, p95, p99 } = percentiles(latencies);
  terminal.line(`from submission to certificate: p50 ${duration(p50)}, p95 ${duration(p95)}, p99 ${duration(p99)}`);
}
