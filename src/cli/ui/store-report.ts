import type { StoreReport } from '../../node/check/store-report.ts';
import { bytes, plural } from './format.ts';
import { harmless, type Terminal } from './terminal.ts';

/** What a store holds and what is wrong with it, for people. */
export function reportLines(terminal: Terminal, report: StoreReport): string[] {
  const { commits, blocks, log, certificates, lastSigned, snapshots, findings } = report;
  const verdict = report.ok
    ? `${terminal.paint('green', 'OK')}  the store of ${harmless(report.home)}`
    : `${terminal.paint('red', 'DAMAGED')}  the store of ${harmless(report.home)}: ${plural(report.findingCount, 'finding')}`;
  const rows: [string, string][] = [
    ['chain', `${harmless(report.chainName)}  ${report.chainId}`],
    ['commits', commits.last === 0 ? 'none' : `${commits.first} to ${commits.last}, epoch ${report.epoch}`],
    ['executed', executedText(report)],
    ['decisions', `${report.decisions}, and ${plural(report.pendingProposals, 'proposal')} not decided yet`],
    [
      'blocks',
      `${blocks.signed} signed, up to round ${blocks.lastRound}${blocks.unsigned > 0 ? `, ${blocks.unsigned} own not signed` : ''}; ${bytes(blocks.bytes)}`,
    ],
    ['certificates', certificates.count === 0 ? 'none' : `${certificates.count}, up to commit ${certificates.last}`],
    [
      'log',
      `${plural(log.segments, 'segment')}, ${plural(log.frames, 'frame')} up to ${log.lastFrame}, the index has ${log.indexedFrame}`,
    ],
    ...log.torn.map(({ sequence, path, position }): [string, string] => [
      'torn tail',
      `frame ${sequence} was cut off, as a crash does (${harmless(path)} at ${position})`,
    ]),
    [
      'snapshots',
      snapshots.length === 0
        ? 'none'
        : snapshots.map((one) => `of commit ${one.index} (${bytes(one.bytes)})`).join(', '),
    ],
    ['last signed', lastSigned === null ? 'no record' : lastSignedText(lastSigned)],
    [
      'on disk',
      `log ${bytes(report.bytes.log)}, index ${bytes(report.bytes.index)}, snapshots ${bytes(report.bytes.snapshots)}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const wrong = findings.map(({ code, message }) => `  ${terminal.paint('red', code)}: ${harmless(message)}`);
  const more = report.findingCount - findings.length;
  return [
    verdict,
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
    ...wrong,
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function executedText({ replayedFrom, findingCount, commits }: StoreReport): string {
  if (commits.last === 0) return 'nothing to execute';
  if (replayedFrom.length === 0) return findingCount > 0 ? 'not tried: see below' : 'nothing';
  const from = replayedFrom.map((start) => (start === 0 ? 'the first commit' : `the snapshot of commit ${start}`));
  return `again from ${from.join(', from ')}: every digest is the recorded one`;
}

function lastSignedText({ epoch, round, votedIndex, damaged }: NonNullable<StoreReport['lastSigned']>): string {
  const text = `epoch ${epoch}, round ${round}, with a vote for commit ${votedIndex}`;
  return damaged ? `${text}; its other slot was cut off, as a crash does` : text;
}
