import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * What a node that is to be killed has done, told by itself line by line as it does it: outside of its home, so that nothing that
 * happens to the home happens to it. A line is in the page cache when the call returns, and a kill does not take it away.
 */
export type Entry =
  /** A write begins; it is durable with the `done` of the same number. */
  | {
      readonly kind: 'write';
      readonly id: number;
      readonly path: string;
      readonly position: number;
      readonly bytes: number;
    }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  /** Renames in this folder are durable. */
  | { readonly kind: 'synced'; readonly folder: string }
  /** A batch goes to the index, of which `copy` is what it was before; it is durable with the next `indexed`. */
  | { readonly kind: 'index'; readonly path: string; readonly copy: string }
  | { readonly kind: 'indexed' }
  | {
      readonly kind: 'signed';
      readonly epoch: number;
      readonly round: number;
      readonly digest: string;
      readonly votedIndex: number;
      readonly votedDigest: string;
    }
  /** The point of the plan was reached. */
  | { readonly kind: 'struck' };

export class Journal {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, 'a');
  }

  write(entry: Entry): void {
    writeSync(this.#fd, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export function readJournal(path: string): Entry[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  // What comes after the last line break, if anything, was cut off.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Entry);
}
