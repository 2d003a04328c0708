import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SnapshotFiles } from '../../src/store/snapshot-files.ts';
import { temporaryDirectory } from './temporary.ts';

const pieces = (fill: number) => [1, 300_000, 7].map((length) => new Uint8Array(length).fill(fill));
const same = (files: SnapshotFiles, index: number, expected: readonly Uint8Array[]) =>
  expect(Buffer.concat([...files.read(index)]).equals(Buffer.concat(expected))).toBe(true);
const pathOf = (directory: string, index: number) => join(directory, `${String(index).padStart(16, '0')}.snapshot`);

test('the newest two are kept, over restarts too', async () => {
  const directory = temporaryDirectory();
  const files = SnapshotFiles.open(directory);
  expect(files.indexes).toEqual([]);
  for (const index of [10, 200, 3000]) await files.write(index, pieces(index % 256));
  for (const each of [files, SnapshotFiles.open(directory)]) {
    expect(each.indexes).toEqual([3000, 200]);
    same(each, 3000, pieces(3000 % 256));
    expect(Array.from(each.read(200), (piece) => piece.length)).toEqual([1, 300_000, 7]);
  }
  expect(readdirSync(directory)).toHaveLength(2);
});

test('one that cannot be finished leaves nothing behind', async () => {
  const directory = temporaryDirectory();
  const files = SnapshotFiles.open(directory);
  await files.write(1, pieces(1));
  function* failing() {
    yield new Uint8Array(9);
    expect(existsSync(join(directory, '0000000000000002.unfinished'))).toBe(true);
    throw new Error('stop');
  }
  await expect(files.write(2, failing())).rejects.toThrow('stop');
  await expect(files.write(2, [new Uint8Array(17 * 1024 * 1024)])).rejects.toMatchObject({
    code: 'STORE_RECORD_TOO_LARGE',
  });
  expect([files.indexes, readdirSync(directory).length]).toEqual([[1], 1]);
  // As a crash would leave it.
  writeFileSync(join(directory, '0000000000000002.unfinished'), 'PQSNAP1');
  expect(SnapshotFiles.open(directory).indexes).toEqual([1]);
  expect(readdirSync(directory)).toHaveLength(1);
});

test('every damage is seen', async () => {
  const directory = temporaryDirectory();
  const files = SnapshotFiles.open(directory);
  await files.write(5, pieces(5));
  const path = pathOf(directory, 5);
  const good = readFileSync(path);
  const damaged = expect.objectContaining({ code: 'SNAPSHOT_DAMAGED' });
  const refused = () => expect(() => [...files.read(5)]).toThrow(damaged);
  for (const at of [0, 8, 17, 20, 21, 24, 28, 29, 33, 37, 150_000, good.length - 9, good.length - 5, good.length - 1]) {
    const bad = Buffer.from(good);
    bad[at]! ^= 1;
    writeFileSync(path, bad);
    refused();
  }
  for (const length of [0, 19, 20, 27, 29, 1000, good.length - 8, good.length - 1]) {
    writeFileSync(path, good);
    truncateSync(path, length);
    refused();
  }
  writeFileSync(path, good);
  appendFileSync(path, 'x');
  refused();
  // A piece that is missing, and the pieces of another snapshot.
  writeFileSync(path, Buffer.concat([good.subarray(0, 20), good.subarray(29)]));
  refused();
  await files.write(6, pieces(5));
  renameSync(pathOf(directory, 6), path);
  refused();
  writeFileSync(path, good);
  same(files, 5, pieces(5));
});

test('one of no use is removed once another is there', async () => {
  const directory = temporaryDirectory();
  const files = SnapshotFiles.open(directory);
  for (const index of [10, 20]) await files.write(index, pieces(index));
  files.distrust(20);
  expect([files.indexes, existsSync(pathOf(directory, 20))]).toEqual([[10], true]);
  await files.write(30, pieces(30));
  expect([files.indexes, existsSync(pathOf(directory, 20))]).toEqual([[30, 10], false]);
  // The same again, and one that lies before those that are held: the store was set back.
  files.distrust(30);
  await files.write(30, pieces(31));
  same(files, 30, pieces(31));
  await files.write(20, pieces(20));
  expect(files.indexes).toEqual([20, 10]);
  expect(readdirSync(directory)).toHaveLength(2);
});
