import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { Database } from '../../src/store/database.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryDirectory } from './temporary.ts';
import { content, SETTLE_AFTER } from './writer.ts';

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));
const SEGMENT_BYTES = 64 * 1024;

/** Everything of every commit up to the last is there, and at least up to what was acknowledged. */
function check(store: Store, acknowledged: number): void {
  expect(store.lastCommitIndex).toBeGreaterThanOrEqual(acknowledged);
  for (let index = 1; index <= store.lastCommitIndex; index++) {
    const { block, commit } = content(index);
    expect(Buffer.compare(store.block(block.digest)!, block.bytes)).toBe(0);
    expect(store.commit(index)).toEqual(commit);
    expect(store.decision(commit.decisions[2]!.id)).toMatchObject({ commitIndex: index, position: 2 });
  }
  const pending = store.pendingProposals().map((bytes) => Buffer.from(bytes).toString());
  for (let index = 1; index <= store.lastCommitIndex; index++) {
    const owed = index > store.lastCommitIndex - SETTLE_AFTER;
    expect(pending.includes(`proposal ${index}`), `proposal ${index} of ${store.lastCommitIndex}`).toBe(owed);
  }
}

/** Runs the writer and kills it after a while; resolves with the last index that it acknowledged. */
function writeAndKill(directory: string, delayMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [WRITER, directory, String(SEGMENT_BYTES)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (output === '') setTimeout(() => child.kill('SIGKILL'), delayMs);
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the writer ended by itself: ${output}`));
      const lines = output.slice(0, output.lastIndexOf('\n')).split('\n');
      resolve(Number(lines.at(-1)) || 0);
    });
  });
}

test('kill -9 at any time loses nothing that sync() acknowledged', async () => {
  const directory = temporaryDirectory();
  let acknowledged = 0;
  for (let run = 0; run < 12; run++) {
    acknowledged = Math.max(acknowledged, await writeAndKill(directory, (run * 37) % 130));
    const store = await openStore(directory, { segmentBytes: SEGMENT_BYTES });
    check(store, acknowledged);
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(20);
});

test('a crash before LMDB has anything: all of it comes from the log', async () => {
  const directory = temporaryDirectory();
  const store = await openStore(directory, { segmentBytes: SEGMENT_BYTES });
  onTestFinished(() => store.close());
  for (let index = 1; index <= 30; index++) {
    const { block, proposal, commit } = content(index);
    store.addBlock(block);
    store.addProposal(proposal.bytes, proposal.id);
    if (index > SETTLE_AFTER) store.settleProposals([content(index - SETTLE_AFTER).proposal.id]);
    store.addCommit(commit);
  }
  await store.sync();
  expect(store.stats().flushedSequence).toBe(0);
  // What a crash at this moment would leave; taken without waiting, so that no flush runs in between.
  const copy = temporaryDirectory();
  cpSync(directory, copy, { recursive: true });
  rmSync(join(copy, 'LOCK'));
  rmSync(join(copy, 'lmdb'), { recursive: true });
  const crashed = await openStore(copy, { segmentBytes: SEGMENT_BYTES });
  onTestFinished(() => crashed.close());
  check(crashed, 30);
});

test('LMDB never gets ahead of the log, whenever something is written during a flush', async () => {
  for (let turns = 0; turns < 8; turns++) {
    const directory = temporaryDirectory();
    const database = await Database.open(directory, { segmentBytes: SEGMENT_BYTES });
    onTestFinished(() => database.close());
    const put = (name: string) => database.write([{ key: Buffer.from([9]), value: Buffer.from(name) }]);
    put('before');
    const flush = database.flush();
    // Some turns later its frame is on its way to the disk, and what is written goes into the next one.
    for (let turn = 0; turn < turns; turn++) await undefined;
    put('during');
    await flush;
    put('after');
    await database.sync();
    const copy = temporaryDirectory();
    cpSync(directory, copy, { recursive: true });
    rmSync(join(copy, 'LOCK'));
    const crashed = await Database.open(copy, { segmentBytes: SEGMENT_BYTES });
    onTestFinished(() => crashed.close());
    expect(Buffer.from(crashed.get(Buffer.from([9]))!).toString(), `${turns} turns`).toBe('after');
  }
});

test('a database that is older than the recycled log is refused', async () => {
  const directory = temporaryDirectory();
  const store = await openStore(directory, { segmentBytes: SEGMENT_BYTES });
  for (let index = 1; index <= 30; index++) {
    store.addCommit(content(index).commit);
    await store.sync();
  }
  await store.close();
  const last = await openStore(directory, { segmentBytes: SEGMENT_BYTES });
  last.addCommit(content(31).commit);
  await last.close();
  rmSync(join(directory, 'lmdb'), { recursive: true });
  await expect(openStore(directory, { segmentBytes: SEGMENT_BYTES })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('one process per directory; a dead one is no obstacle', async () => {
  const directory = temporaryDirectory();
  const store = await openStore(directory);
  await expect(openStore(directory)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  const other = spawnSync(process.execPath, [WRITER, directory, String(SEGMENT_BYTES), '1'], { encoding: 'utf8' });
  expect(other.stdout).toBe('STORE_LOCKED\n');
  await store.close();
  await writeAndKill(directory, 30);
  // A pid that now belongs to somebody else, and a lock file that a power loss left empty.
  writeFileSync(join(directory, 'LOCK'), JSON.stringify({ pid: process.pid, started: 'another boot' }));
  await (await openStore(directory)).close();
  writeFileSync(join(directory, 'LOCK'), '');
  await (await openStore(directory)).close();
  expect(readdirSync(directory).sort()).toEqual(['lmdb', 'log']);
});

test('of many processes that find a dead lock, one gets it', async () => {
  const directory = temporaryDirectory();
  await writeAndKill(directory, 10);
  const outputs = await Promise.all(
    Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, [WRITER, directory, String(SEGMENT_BYTES)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return new Promise<{ line: string; stop: () => void }>((resolve) => {
        child.stdout.once('data', (chunk: Buffer) =>
          resolve({ line: chunk.toString().split('\n')[0]!, stop: () => child.kill('SIGKILL') }),
        );
      });
    }),
  );
  const lines = outputs.map((output) => output.line);
  for (const { stop } of outputs) stop();
  expect(lines.filter((line) => line === 'open')).toHaveLength(1);
  expect(lines.filter((line) => line === 'STORE_LOCKED')).toHaveLength(5);
});

test('over the file-size limit: a coded error, and nothing acknowledged is lost', async () => {
  const directory = temporaryDirectory();
  // The segments fit under the limit (512-byte units), the growing database file does not.
  const limited = `ulimit -f 400; exec "$0" "$@"`;
  const run = spawnSync('sh', ['-c', limited, process.execPath, WRITER, directory, String(SEGMENT_BYTES), '200'], {
    encoding: 'utf8',
  });
  const lines = run.stdout.trim().split('\n');
  expect(lines.at(-1)).toBe('STORE_DISK_FULL');
  const acknowledged = Number(lines.findLast((line) => /^\d+$/.test(line)));
  const store = await openStore(directory, { segmentBytes: SEGMENT_BYTES });
  check(store, acknowledged);
  await store.close();
});

test('a full disk stops sync() with a coded error, and freeing space lets the same store go on', async (context) => {
  const directory = temporaryDirectory();
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory]);
  if (mount.status !== 0) return context.skip('mounting a small tmpfs needs root');
  onTestFinished(() => void execFileSync('umount', ['-l', directory]));
  writeFileSync(join(directory, 'ballast'), Buffer.alloc(1024 * 1024));
  const store = await openStore(join(directory, 'data'), { segmentBytes: SEGMENT_BYTES });
  let acknowledged = 0;
  const write = async () => {
    for (let index = store.lastCommitIndex + 1; index <= 2000 && acknowledged < 400; index++) {
      const { block, commit } = content(index);
      store.addBlock({ ...block, bytes: Buffer.alloc(20_000, index) });
      store.addCommit(commit);
      await store.sync();
      acknowledged = index;
    }
  };
  await expect(write()).rejects.toMatchObject({ code: 'STORE_DISK_FULL' });
  const before = acknowledged;
  rmSync(join(directory, 'ballast'));
  await store.sync();
  await expect(write()).rejects.toMatchObject({ code: 'STORE_DISK_FULL' });
  expect(acknowledged).toBeGreaterThan(before);
  await expect(store.close()).rejects.toMatchObject({ code: 'STORE_DISK_FULL' });
  // What is on the full disk, elsewhere.
  const copy = temporaryDirectory();
  cpSync(join(directory, 'data'), copy, { recursive: true });
  const again = await openStore(copy, { segmentBytes: SEGMENT_BYTES });
  onTestFinished(() => again.close());
  expect(again.lastCommitIndex).toBeGreaterThanOrEqual(acknowledged);
  for (let index = 1; index <= acknowledged; index++)
    expect(again.block(content(index).block.digest)).toHaveLength(20_000);
});
