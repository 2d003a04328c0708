/** What a power loss does to the files of a process that died: anything that it did not know to be durable may be lost. */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Random } from '../support/random.ts';
import type { Entry } from './journal.ts';

const SECTOR_BYTES = 512;
/** Of LMDB: it writes them last, after everything else of a batch is durable. */
const META_BYTES = 2 * 4096;

/** Takes away, or leaves in parts, what the journal does not say to be durable. Returns what was done, for people. */
export function losePower(journal: readonly Entry[], random: Random): string[] {
  return [...loseWrites(journal, random), ...loseRenames(journal), ...loseBatch(journal, random)];
}

function loseWrites(journal: readonly Entry[], random: Random): string[] {
  const done = new Set(journal.flatMap((entry) => (entry.kind === 'done' ? [entry.id] : [])));
  return journal.flatMap((entry) => {
    if (entry.kind !== 'write' || done.has(entry.id) || !existsSync(entry.path)) return [];
    const file = readFileSync(entry.path);
    const end = Math.min(entry.position + entry.bytes, file.length);
    // All of it is lost, or any of its sectors.
    const all = random.chance(300);
    for (let at = entry.position; at < end; at += SECTOR_BYTES) {
      if (all || random.chance(500)) file.set(random.bytes(Math.min(SECTOR_BYTES, end - at)), at);
    }
    writeFileSync(entry.path, file);
    return [`${entry.bytes} bytes of ${basename(entry.path)} at ${entry.position} half lost`];
  });
}

/** A rename is durable once its folder was synced. */
function loseRenames(journal: readonly Entry[]): string[] {
  const lost: string[] = [];
  const synced = new Set<string>();
  for (const entry of journal.toReversed()) {
    if (entry.kind === 'synced') synced.add(entry.folder);
    if (entry.kind !== 'rename' || synced.has(dirname(entry.to)) || basename(entry.to) === 'LOCK') continue;
    if (!existsSync(entry.to) || existsSync(entry.from)) continue;
    renameSync(entry.to, entry.from);
    lost.push(`${basename(entry.to)} is ${basename(entry.from)} again`);
  }
  return lost;
}

/** Nothing of a batch is on disk, or everything but what makes it count. */
function loseBatch(journal: readonly Entry[], random: Random): string[] {
  const last = journal.findLast((entry) => entry.kind === 'index' || entry.kind === 'indexed');
  if (last?.kind !== 'index' || !existsSync(last.copy)) return [];
  if (random.chance(500)) {
    copyFileSync(last.copy, last.path);
    return ['a batch of the index lost'];
  }
  const before = readFileSync(last.copy);
  const after = readFileSync(last.path);
  if (after.length < META_BYTES || before.length < META_BYTES) return [];
  before.copy(after, 0, 0, META_BYTES);
  writeFileSync(last.path, after);
  return ['a batch of the index lost but for its pages'];
}
