/** How much of the past a node keeps, as options of the commands that start nodes. */
import type { Command } from 'commander';
import { DEFAULT_HISTORY, type HistoryOptions } from '../node/history.ts';
import { UsageError } from './exit.ts';
import { integer } from './options.ts';

export interface RetentionOptions {
  readonly retain?: number | 'all';
  readonly snapshotEvery?: number;
}

/** Adds them to a command that starts nodes. */
export function addRetention(command: Command): Command {
  const count = integer('retain', 1, Number.MAX_SAFE_INTEGER);
  return command
    .option(
      '--retain <n>',
      `commits that are kept, and what belongs to them; all: an archive; default: ${DEFAULT_HISTORY.retain}`,
      (text) => (text === 'all' ? text : count(text)),
    )
    .option(
      '--snapshot-every <n>',
      `commits from one snapshot of the state to the next; 0: none; default: ${DEFAULT_HISTORY.snapshotEvery}`,
      integer('snapshot-every', 0, Number.MAX_SAFE_INTEGER),
    );
}

/** Throws `CONFIG_RETENTION` for a number of commits to keep without the snapshots that removing others takes. */
export function historyOf({ retain, snapshotEvery }: RetentionOptions): Partial<HistoryOptions> {
  if (typeof retain === 'number' && snapshotEvery === 0) {
    const what = 'Nothing can be removed without snapshots: give --snapshot-every a number above 0, or --retain all.';
    throw new UsageError('CONFIG_RETENTION', what, { retain, snapshotEvery });
  }
  return { ...(retain === undefined ? {} : { retain }), ...(snapshotEvery === undefined ? {} : { snapshotEvery }) };
}
