import { hash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { decodeCommit, encodeCommit } from '../../src/core/commit.ts';
import { checkStore } from '../../src/node/check/check-store.ts';
import { homePaths } from '../../src/node/home.ts';
import { Database } from '../../src/store/database.ts';
import * as keys from '../../src/store/keys.ts';
import { openStoreToRead } from '../../src/store/read-only.ts';
import { decodeSegmentHeader, paddedFrameBytes, readFrames, sealFrame } from '../../src/store/segment.ts';
import { certified, submit } from './network.ts';
import { settingOf, testGenesis } from './test-validator.ts';
import { copyOf, genesis, newHome, startHome, work, workedHome } from './worked-home.ts';

const PROPOSALS = 12;
const HISTORY = { retain: 'all', snapshotEvery: 5 } as const;

/** Written once, by a real node; every test damages a copy. */
let whole: string;

beforeAll(async () => {
  whole = await workedHome(PROPOSALS, HISTORY, mkdtempSync(join(tmpdir(), 'pq-store-')));
});
afterAll(() => rmSync(whole, { recursive: true }));

const check = (home: string) => checkStore({ home, genesis });

async function codesOf(home: string): Promise<string[]> {
  const { ok, findings } = await check(home);
  expect(ok).toBe(findings.length === 0);
  return [...new Set(findings.map(({ code }) => code))];
}

/** Rewrites what is under a key, through the log, as the store itself would. */
async function rewrite(home: string, key: Uint8Array, change: (value: Buffer) => Buffer | undefined): Promise<void> {
  const database = await Database.open(homePaths(home).data);
  const value = change(Buffer.from(database.get(key)!));
  database.write([value ? { key, value } : { key }]);
  await database.close();
}

/** The first key of a table, or the one at `place`. */
async function keyIn(home: string, table: keys.Table, place = 0): Promise<Buffer> {
  const disk = await openStoreToRead(homePaths(home).data);
  try {
    return [...disk.bytes.range(keys.tableStart(table), keys.tableEnd(table))][place]![0];
  } finally {
    await disk.close();
  }
}

function flip(bytes: Buffer, at: number): Buffer {
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  return bytes;
}

function flipFile(path: string, at: number): void {
  writeFileSync(path, flip(readFileSync(path), at));
}

/** The last segment of a log that has frames. */
function lastSegment(home: string) {
  const folder = join(homePaths(home).data, 'log');
  const names = readdirSync(folder).filter((name) => name.endsWith('.wal'));
  const segments = names.sort().map((name) => {
    const bytes = readFileSync(join(folder, name));
    const { salt } = decodeSegmentHeader(bytes, name);
    return { path: join(folder, name), bytes, salt, frames: readFrames(bytes, salt) };
  });
  return segments.findLast(({ frames }) => frames.length > 0)!;
}

/** Begins a frame behind the last one and cuts it off, as a crash in the middle of a write does. */
function tear(home: string, payloadBytes: number, written: number): void {
  const { path, bytes, salt, frames } = lastSegment(home);
  const last = frames.at(-1)!;
  const frame = Buffer.alloc(paddedFrameBytes(payloadBytes), 7);
  sealFrame(frame, payloadBytes, last.sequence + 1, salt);
  frame.copy(bytes, last.position + paddedFrameBytes(last.payload.length), 0, written);
  writeFileSync(path, bytes);
}

/** Digests of all files of a home; LMDB's table of readers is nobody's data. */
function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile() && entry.name !== 'lock.mdb');
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path, hash('sha256', readFileSync(path))]));
}

describe('a whole store', () => {
  test('is told, executed again from the beginning and from both snapshots, and not changed', async () => {
    const before = contentOf(whole);
    const report = await check(whole);
    expect(report).toMatchObject({
      ok: true,
      findings: [],
      decisions: PROPOSALS,
      pendingProposals: 0,
      commits: { first: 1 },
      log: { torn: [] },
    });
    expect(report.commits.last).toBeGreaterThanOrEqual(PROPOSALS);
    expect(report.blocks.signed).toBeGreaterThanOrEqual(report.commits.last);
    expect(report.certificates.count).toBeGreaterThan(0);
    expect(report.snapshots).toHaveLength(2);
    const snapshots = report.snapshots.map(({ index }) => index).sort((a, b) => a - b);
    expect(report.replayedFrom).toEqual([0, ...snapshots]);
    expect(report.lastSigned?.votedIndex).toBeGreaterThan(0);
    expect(contentOf(whole)).toEqual(before);
  });

  test('that was pruned is executed again from what is left', async () => {
    const home = await workedHome(30, { retain: 5, snapshotEvery: 5 });
    const report = await check(home);
    expect(report).toMatchObject({ ok: true, findings: [] });
    expect(report.commits.first).toBeGreaterThan(1);
    expect(report.replayedFrom).toEqual(report.snapshots.map(({ index }) => index).sort((a, b) => a - b));
  });

  test('is whole at any moment: what lies in the log alone counts, and so does a write that was cut off', async () => {
    const home = await newHome();
    const node = await startHome(home);
    onTestFinished(() => node.stop());
    await work(node, 3);
    // As a crash leaves it: nothing was written to the index yet, or some of it.
    const crashed = copyOf(home);
    rmSync(join(homePaths(crashed).data, 'lmdb'), { recursive: true });
    const report = await check(crashed);
    expect(report).toMatchObject({ ok: true, findings: [], log: { indexedFrame: 0 } });
    expect(report.decisions).toBe(3);
    tear(crashed, 4000, 1000);
    const torn = await check(crashed);
    expect(torn).toMatchObject({ ok: true, log: { torn: [{ sequence: report.log.lastFrame + 1 }] } });
    expect(torn.commits).toEqual(report.commits);
  });

  test('is whole with a segment that is there again, because its new name was lost with the power', async () => {
    const history = { retain: 5, snapshotEvery: 5 };
    const home = await workedHome(12, history);
    const { path, bytes } = lastSegment(home);
    const node = await startHome(home, history);
    await work(node, 40, 'later');
    await node.stop();
    for (const name of readdirSync(dirname(path))) {
      // What was written since is in the index; its segment was given back too, and its new name was not lost.
      if (name.endsWith('.wal')) rmSync(join(dirname(path), name));
    }
    writeFileSync(path, bytes);
    expect(await codesOf(home)).toEqual([]);
    const again = await startHome(home, history);
    await work(again, 1, 'again');
    await again.stop();
    expect(await codesOf(home)).toEqual([]);
  });

  test('of a validator that has not run is none, and one that came to nothing is empty', async () => {
    const home = await newHome();
    await expect(check(home)).rejects.toMatchObject({ code: 'STORE_MISSING' });
    await (await startHome(home)).stop();
    expect(await check(home)).toMatchObject({ ok: true, commits: { first: 0, last: 0 }, blocks: { signed: 0 } });
  });
});

describe('what is damaged', () => {
  test.each([
    ['a block', keys.BLOCK, -1, 'BLOCK_DAMAGED'],
    ['the signature of a block', keys.BLOCK, 40, 'BLOCK_SIGNATURE'],
    ['the mark of a block', keys.BLOCK, 0, 'BLOCK_MARK'],
    ['the place of a block', keys.SLOT_OF_DIGEST, 3, 'BLOCK_MISSING'],
    ['the state root of a commit', keys.COMMIT, 24 + 180, 'COMMIT_CHAIN'],
    ['the refs of a commit', keys.COMMIT, -1, 'COMMIT_BLOCKS'],
    ['the number of decisions of a commit', keys.COMMIT, 15, 'DECISION_MISSING'],
    ['the leaf of a decision', keys.LEAVES, 34 + 34, 'COMMIT_DECISIONS'],
    ['the id of a decision', keys.LEAVES, 3, 'DECISION_INDEX'],
    ['the commit of a decision', keys.DECISION, 7, 'DECISION_STRAY'],
    ['the place of a decision', keys.DECISION, 15, 'DECISION_INDEX'],
    ['a certificate', keys.CERTIFICATE, -1, 'CERTIFICATE_DAMAGED'],
  ] as const)('is found: one bit of %s', async (_, table, at, code) => {
    const home = copyOf(whole);
    await rewrite(home, await keyIn(home, table), (value) => flip(value, at));
    expect(await codesOf(home)).toContain(code);
  });

  test.each([
    ['a block', keys.BLOCK, 'BLOCK_MISSING'],
    ['a commit', keys.COMMIT, 'COMMIT_MISSING'],
    ['what leads to a block', keys.SLOT_OF_DIGEST, 'BLOCK_INDEX'],
    ['what leads to a decision', keys.DECISION, 'DECISION_INDEX'],
    ['decisions', keys.LEAVES, 'DECISION_MISSING'],
  ] as const)('is found: %s that is gone', async (_, table, code) => {
    const home = copyOf(whole);
    await rewrite(home, await keyIn(home, table, 3), () => undefined);
    expect(await codesOf(home)).toContain(code);
  });

  test('is found by executing it again, where every digest fits', async () => {
    const home = copyOf(whole);
    const { commits } = await check(home);
    // Nothing comes after the last one that would name its digest.
    await rewrite(home, keys.commitKey(commits.last), (value) => {
      const commit = decodeCommit(value.subarray(24, 24 + keys.readU64(value, 16)));
      const forged = encodeCommit({ ...commit, stateRoot: new Uint8Array(32).fill(5) });
      return Buffer.concat([value.subarray(0, 24), forged, value.subarray(24 + forged.length)]);
    });
    expect(await codesOf(home)).toContain('REPLAY');
  });

  test('is found: a bit of the index, of which the log has another copy', async () => {
    const home = copyOf(whole);
    const path = join(homePaths(home).data, 'lmdb', 'data.mdb');
    const disk = await openStoreToRead(homePaths(home).data);
    const [, block] = [...disk.bytes.range(keys.tableStart(keys.BLOCK), keys.tableEnd(keys.BLOCK))].at(-1)!;
    const needle = Buffer.from(block.subarray(200, 260));
    await disk.close();
    const bytes = readFileSync(path);
    expect(bytes.indexOf(needle)).toBeGreaterThan(0);
    for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle)) flip(bytes, at);
    writeFileSync(path, bytes);
    expect(await codesOf(home)).toContain('INDEX_OTHER');
  });

  test('is found: a bit of the log, wherever the index does not have it, and where it has', async () => {
    const home = await newHome();
    const node = await startHome(home);
    onTestFinished(() => node.stop());
    await work(node, 3);
    const crashed = copyOf(home);
    const inside = lastSegment(crashed).frames.at(-3)!;
    flipFile(lastSegment(crashed).path, inside.position + 100);
    const unindexed = copyOf(crashed);
    rmSync(join(homePaths(unindexed).data, 'lmdb'), { recursive: true });
    await expect(check(unindexed)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const indexed = copyOf(whole);
    const last = lastSegment(indexed).frames.at(-1)!;
    flipFile(lastSegment(indexed).path, last.position + 30);
    expect(await codesOf(indexed)).toEqual(['LOG_DAMAGED']);
  });

  test('is found: a snapshot', async () => {
    const home = copyOf(whole);
    const { snapshots } = homePaths(home);
    flipFile(join(snapshots, readdirSync(snapshots).sort()[0]!), -30);
    const report = await check(home);
    expect(report.findings).toEqual([{ code: 'REPLAY', message: expect.stringContaining('SNAPSHOT') }]);
    // A node would start all the same.
    expect(report.replayedFrom).toHaveLength(2);
  });
});

describe('the last-signed record', () => {
  test('that is lost or of another chain is found; one whose other slot was cut off is not wrong', async () => {
    const home = copyOf(whole);
    const { record } = homePaths(home);
    flipFile(
      record,
      readFileSync(record).readBigUInt64LE(8) < readFileSync(record).readBigUInt64LE(4096 + 8) ? 20 : 4096 + 20,
    );
    const cut = await check(home);
    expect(cut.ok).toBe(true);
    expect(cut.lastSigned?.damaged).toBe(true);
    rmSync(record);
    expect(await codesOf(home)).toEqual(['SIGNED_RECORD_MISSING']);
    const other = copyOf(whole);
    const stranger = { ...genesis, chainName: 'another' };
    await expect(checkStore({ home: other, genesis: stranger })).rejects.toMatchObject({ code: 'NODE_OTHER_CHAIN' });
  });

  test('that is newer than the store is found: a restored backup', async () => {
    const home = copyOf(whole);
    const backup = copyOf(whole);
    const node = await startHome(home, HISTORY);
    await work(node, 3, 'later');
    await node.stop();
    expect(await codesOf(home)).toEqual([]);
    cpSync(homePaths(home).record, homePaths(backup).record);
    expect(await codesOf(backup)).toEqual(['SIGNED_BLOCK_MISSING', 'SIGNED_VOTE_MISSING']);
  });
});

test('a store in use is left alone: the check is refused, and the node goes on', async () => {
  const home = copyOf(whole);
  const node = await startHome(home, HISTORY);
  onTestFinished(() => node.stop());
  await expect(check(home)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await certified(node, await submit(node, [settingOf('afterwards', 'it works')]));
  await node.stop();
  expect(await codesOf(home)).toEqual([]);
  expect(existsSync(join(homePaths(home).data, 'LOCK'))).toBe(false);
});

test('a store of another genesis document is refused', async () => {
  await expect(checkStore({ home: whole, genesis: testGenesis(2) })).rejects.toMatchObject({
    code: 'NODE_OTHER_CHAIN',
  });
});
