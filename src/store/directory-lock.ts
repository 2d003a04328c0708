import * as fs from 'node:fs';
import { join } from 'node:path';
import { PqError } from '../errors.ts';

/** Attempts to follow a chain of dead holders before giving up; each one is a crash during a takeover. */
const MAX_TAKEOVERS = 16;

/** Who holds a lock: a pid alone may have been given to another process since. */
interface Holder {
  readonly pid: number;
  /** Boot and start time of the process where the platform tells (Linux), '' elsewhere. */
  readonly started: string;
}

/**
 * One process per data directory. The lock is a file that names its holder; Node has no file locks, so a lock whose
 * holder is dead (`kill -9`, power loss) is taken over. Whoever takes over from holder H must first create the one file
 * `LOCK.after-H`, and then see that `LOCK` still names a holder it found dead: of two that try at once only one can.
 * Processes that share the directory must share a process namespace too; a volume mounted twice is for the orchestrator to prevent.
 */
export class DirectoryLock {
  readonly #path: string;
  readonly #self: Holder;

  private constructor(path: string, self: Holder) {
    this.#path = path;
    this.#self = self;
  }

  /** Takes the lock, or throws `STORE_LOCKED`. */
  static acquire(directory: string): DirectoryLock {
    const path = join(directory, 'LOCK');
    const self: Holder = { pid: process.pid, started: startOf(process.pid) ?? '' };
    const mine = `${path}.${nameOf(self)}`;
    fs.writeFileSync(mine, JSON.stringify(self), { mode: 0o600 });
    try {
      if (!claim(mine, path)) takeOver(mine, path);
    } finally {
      fs.rmSync(mine, { force: true });
    }
    return new DirectoryLock(path, self);
  }

  release(): void {
    const holder = read(this.#path);
    if (holder && nameOf(holder) === nameOf(this.#self)) fs.rmSync(this.#path, { force: true });
  }
}

/** Replaces a dead holder's lock by `mine`, or throws `STORE_LOCKED`. */
function takeOver(mine: string, path: string): void {
  const dead = new Set<string>();
  for (let current = path, attempt = 0; attempt < MAX_TAKEOVERS; attempt++) {
    const holder = read(current);
    if (!holder && current === path && claim(mine, path)) return; // It has just been released.
    if (!holder || isAlive(holder)) break;
    dead.add(nameOf(holder));
    const after = `${path}.after-${nameOf(holder)}`;
    if (!claim(mine, after)) {
      current = after; // Somebody is taking over, or died doing so.
      continue;
    }
    const now = read(path);
    if (now && dead.has(nameOf(now))) {
      fs.renameSync(mine, path);
      for (const name of dead) fs.rmSync(`${path}.after-${name}`, { force: true });
      return;
    }
    fs.rmSync(after, { force: true });
    break;
  }
  const pid = read(path)?.pid ?? 'unknown';
  const message = `Another process (pid ${pid}) uses this data directory: stop it first; if it is surely gone, delete ${path}`;
  throw new PqError('STORE_LOCKED', message, { path, pid });
}

/** Creates `to` with the content of `from`, in one step, unless it exists. */
function claim(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path, 'utf8'));
    const { pid, started } = value as Partial<Holder>;
    // A file that names nobody (cut off by a power loss) is held by nobody: pid 0 is never alive.
    return { pid: Number.isSafeInteger(pid) ? pid! : 0, started: typeof started === 'string' ? started : '' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return { pid: 0, started: '' };
    throw error;
  }
}

function nameOf(holder: Holder): string {
  return `${holder.pid}-${holder.started.replace(/[^0-9a-z]/g, '').slice(0, 64)}`;
}

function isAlive(holder: Holder): boolean {
  if (holder.pid <= 0) return false;
  if (process.platform === 'linux') return startOf(holder.pid) === holder.started;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Linux: boot id and start tick of a process; undefined when it does not run (a zombie does not). Elsewhere ''. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc(5): the fields after the parenthesised name are state (3) … starttime (22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${boot}-${fields[19]}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
