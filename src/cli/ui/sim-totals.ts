import { Totals } from '../../sim/report.ts';
import type { CounterName } from '../../sim/world.ts';
import { table } from './table.ts';

/** What people call what a simulation counts; faults first. */
const NAMES: Readonly<Partial<Record<CounterName, string>>> = {
  lost: 'messages lost',
  duplicated: 'messages doubled',
  reordered: 'messages that overtook others',
  partitions: 'partitions',
  outages: 'outages of all links',
  crashes: 'crashes of a process',
  powerCuts: 'power cuts everywhere',
  restarts: 'stops and starts',
  freezes: 'processes that stood still',
  diskFailures: 'disks that failed',
  framesLost: 'unsynced writes lost',
  tornWrites: 'records torn',
  lateOpinions: 'opinions too late',
  failedOpinions: 'models that failed',
  twisted: 'messages twisted by liars',
  junk: 'pieces of junk from liars',
  equivocations: 'equivocations seen',
  refused: 'messages refused',
  synced: 'ranges of commits taken over',
  snapshotStarts: 'starts from a snapshot',
  prunings: 'removals of old history',
  pruned: 'answers that it is removed',
  epochs: 'epochs that ended',
  newcomers: 'newcomers that signed',
};
const HEADER = ['scenario', 'runs', 'proposals', 'approved', 'rejected', 'conflict', 'expired', 'commits', 'blocks'];

/** What many runs exercised: a line per scenario, then what went wrong in all of them together, by kind. */
export function totalsTable(byScenario: ReadonlyMap<string, Totals>): string[] {
  const all = new Totals();
  const rows: string[][] = [];
  for (const [name, totals] of [...byScenario].sort(([a], [b]) => (a < b ? -1 : 1))) {
    rows.push(rowOf(name, totals));
    all.merge(totals);
  }
  if (rows.length > 1) rows.push(rowOf('all', all));
  const names = Object.entries(NAMES) as [CounterName, string][];
  const counted = names.filter(([name]) => all.count(name) > 0).map(([name, text]) => [text, String(all.count(name))]);
  return [...table(HEADER, rows), '', ...table(['what happened', 'times'], counted), ''];
}

function rowOf(name: string, totals: Totals): string[] {
  const decided = ['APPROVED', 'REJECTED', 'CONFLICT', 'EXPIRED'].map((each) => totals.decisions.get(each) ?? 0);
  const counts = [totals.runs, totals.acknowledged, ...decided, totals.commits, totals.count('blocks')];
  return [name, ...counts.map(String)];
}
