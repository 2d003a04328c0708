/**
 * The edge between a node and its disk, as the process that is to be killed has it: Node's own functions, each with a word before
 * and after it. The node's code is what it always is; this file must be loaded before it, and imports nothing of it.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { seeded } from '../support/random.ts';
import { Journal } from './journal.ts';
import type { Plan } from './points.ts';

/** As it is written at the head of a segment; everything else in one is longer. */
const SEGMENT_HEADER_BYTES = 64;

type Write = (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;

export class Edge {
  readonly journal: Journal;
  readonly #plan: Plan | null;
  readonly #random;
  readonly #paths = new Map<number, string>();
  readonly #original = { write: promisify(fs.write) as unknown as Write, writeSync: fs.writeSync };
  #phase = 'start/';
  #times = 0;
  #writes = 0;
  #isFull = false;

  constructor(plan: Plan | null, journal: string) {
    this.#plan = plan;
    this.#random = seeded(plan?.seed ?? 0);
    this.journal = new Journal(journal);
  }

  /** The node has come back, and something was decided since: from now on it may die. */
  arm(): void {
    this.#phase = '';
  }

  /** The node has started and has yet to show that it works. */
  disarm(): void {
    this.#phase = 'between/';
  }

  /** Dies here if it is the time. */
  reach(name: string): void {
    if (this.#isTime(name)) this.#die();
  }

  /** Dies within the next milliseconds if it is the time, whatever other threads do meanwhile. */
  reachSoon(name: string): void {
    if (!this.#isTime(name)) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.#random.below(40) / 10);
    this.#die();
  }

  /** Puts itself between the node and Node's files. */
  install(): void {
    const { open, close, fsync, renameSync, rmSync, linkSync, write } = fs;
    Object.assign(fs, {
      open: (path: string, ...rest: unknown[]) => {
        const done = rest.pop() as (error: unknown, fd?: number) => void;
        const track = (error: unknown, fd?: number) => {
          if (fd !== undefined) this.#paths.set(fd, path);
          done(error, fd);
        };
        (open as (...args: unknown[]) => void)(path, ...rest, track);
      },
      close: (fd: number, done: fs.NoParamCallback) => {
        this.#paths.delete(fd);
        close(fd, done);
      },
      fsync: (fd: number, done: fs.NoParamCallback) => {
        const folder = this.#paths.get(fd);
        fsync(fd, (error) => {
          if (folder !== undefined) this.journal.write({ kind: 'synced', folder });
          done(error);
        });
      },
      renameSync: (from: string, to: string) =>
        this.#around(renamePoint(from, to), () => {
          this.journal.write({ kind: 'rename', from, to });
          renameSync(from, to);
        }),
      linkSync: (from: string, to: string) =>
        this.#around(basename(to).startsWith('LOCK') ? 'lock' : undefined, () => linkSync(from, to)),
      rmSync: (path: string, options?: fs.RmOptions) =>
        this.#around(path.endsWith('.snapshot') ? 'snapshot remove' : undefined, () => rmSync(path, options)),
      // What the store calls; whoever else writes calls the other one.
      write: Object.assign((...args: Parameters<typeof fs.write>) => write(...args), {
        [promisify.custom]: (...args: Parameters<Write>) => this.#write(...args),
      }),
    });
    syncBuiltinESMExports();
  }

  async #write(
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }> {
    const path = this.#paths.get(fd) ?? '';
    const name = writePoint(path, length);
    if (this.#isFull) throw full();
    this.reach(`${name} before`);
    if (this.#isTime(`${name} during`)) return this.#fail(fd, bytes.subarray(offset, offset + length), position, path);
    const id = this.#begin(path, position, length);
    const written = await this.#original.write(fd, bytes, offset, length, position);
    this.reach(`${name} after`);
    this.journal.write({ kind: 'done', id });
    return written;
  }

  #begin(path: string, position: number, bytes: number): number {
    const id = this.#writes++;
    this.journal.write({ kind: 'write', id, path, position, bytes });
    return id;
  }

  /** A part of the write is made, and no more. With `power` all of it, which the power takes a part of. */
  #fail(fd: number, bytes: Uint8Array, position: number, path: string): never {
    const { fault } = this.#plan!;
    const part = fault === 'power' ? bytes.length : this.#random.below(bytes.length);
    this.#begin(path, position, bytes.length);
    if (part > 0) this.#original.writeSync(fd, bytes, 0, part, position);
    if (fault !== 'full') this.#die();
    this.#isFull = true;
    this.journal.write({ kind: 'struck' });
    throw full();
  }

  #around(name: string | undefined, act: () => void): void {
    if (name !== undefined) this.reach(`${name} before`);
    act();
    if (name !== undefined) this.reach(`${name} after`);
  }

  #isTime(name: string): boolean {
    if (this.#plan === null || `${this.#phase}${name}` !== this.#plan.point) return false;
    this.#times += 1;
    return this.#times === this.#plan.time;
  }

  #die(): never {
    this.journal.write({ kind: 'struck' });
    process.kill(process.pid, 'SIGKILL');
    // The signal is on its way; nothing happens after it.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}

function full(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
}

function writePoint(path: string, length: number): string {
  if (path.endsWith('.wal')) return 'log append';
  if (path.endsWith('.spare')) return length === SEGMENT_HEADER_BYTES ? 'segment header' : 'segment create';
  if (path.endsWith('.unfinished')) return 'snapshot write';
  if (basename(path) === 'last-signed') return 'record write';
  throw new Error(`a write that nobody has thought of: ${path}`);
}

function renamePoint(from: string, to: string): string {
  if (to.endsWith('.wal')) return 'segment name';
  if (to.endsWith('.spare')) return 'segment retire';
  if (to.endsWith('.snapshot')) return 'snapshot name';
  if (basename(to) === 'LOCK') return 'lock take';
  throw new Error(`a rename that nobody has thought of: ${from} to ${to}`);
}
