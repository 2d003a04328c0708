/** The table of what the scenarios showed. */
import { table } from '../../src/cli/ui/table.ts';
import type { Row } from './scenario.ts';

const HEADER = [
  'scenario',
  'n',
  'goes on',
  'caught up',
  'votes',
  'stall',
  'proposals',
  'approved',
  'rejected',
  'conflict',
  'expired',
  'lapsed',
  'refused',
  'commits',
  'slots',
  'verified',
  'took',
] as const;

export function reportOf(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => {
    const { APPROVED, REJECTED, CONFLICT, EXPIRED, LAPSED, refused } = row.decisions;
    const counts = [
      row.proposals,
      APPROVED,
      REJECTED,
      CONFLICT,
      EXPIRED,
      LAPSED,
      refused,
      row.commits,
      row.slots,
      row.verified,
    ];
    return [
      row.scenario,
      String(row.validators),
      ...[row.goesOnMs, row.caughtUpMs, row.votesMs, row.stallMs].map(seconds),
      ...counts.map(String),
      `${row.seconds.toFixed(0)} s`,
    ];
  });
  const notes = rows.flatMap(({ scenario, validators, notes }) =>
    notes.map((note) => `  ${scenario} ×${validators}: ${note}`),
  );
  return [...table(HEADER, cells), ...notes];
}

function seconds(ms: number | null): string {
  return ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`;
}
