/** A disk of its own, with little room left, under a folder: a real one that really is full. Needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a file takes at least, and its name. */
const PAGE_BYTES = 4096;

export class SmallDisk {
  readonly #folder: string;
  readonly #aside: string;

  private constructor(folder: string, aside: string) {
    this.#folder = folder;
    this.#aside = aside;
  }

  /** Puts one under `folder`, with what is in it and room for `roomBytes` more. Null where that is not allowed. */
  static mount(folder: string, roomBytes: number): SmallDisk | null {
    const aside = `${folder}.aside`;
    cpSync(folder, aside, { recursive: true });
    const size = sizeOf(folder) + roomBytes;
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
    const disk = new SmallDisk(folder, aside);
    if (status === 0) disk.#move(aside, folder);
    else rmSync(aside, { recursive: true });
    return status === 0 ? disk : null;
  }

  /** Takes it away again; what is on it now is in the folder, where there is room. */
  unmount(): void {
    this.#move(this.#folder, this.#aside);
    const { status } = spawnSync('umount', ['-l', this.#folder]);
    if (status !== 0) throw new Error(`${this.#folder} cannot be unmounted`);
    rmSync(this.#folder, { recursive: true });
    cpSync(this.#aside, this.#folder, { recursive: true });
    rmSync(this.#aside, { recursive: true });
  }

  #move(from: string, to: string): void {
    for (const name of readdirSync(to)) rmSync(join(to, name), { recursive: true });
    for (const name of readdirSync(from)) cpSync(join(from, name), join(to, name), { recursive: true });
  }
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.reduce((sum, entry) => {
    const bytes = entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0;
    return sum + (Math.ceil(bytes / PAGE_BYTES) + 1) * PAGE_BYTES;
  }, 0);
}
