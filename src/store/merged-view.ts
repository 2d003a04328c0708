import type { Operation } from './operation.ts';

/** Entries read at once by a range. */
const PAGE_ENTRIES = 64;

export type Key = Uint8Array;

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** An ordered map of bytes on disk, as it is read. */
export interface SortedReads {
  get(key: Key): Uint8Array | undefined;
  /** The first entries with from ≤ key < to. */
  first(from: Key, to: Key, limit: number): Entry[];
  /** Entries with key < before, from the highest down to `from`. */
  downwards(before: Key, from: Key): Iterable<Entry>;
}

/** The newest operation by the name of its key, where the map on disk does not have it yet. */
type Latest = ReadonlyMap<string, { readonly operation: Operation }>;

/** A map on disk under what is newer than it: reads see both as one. */
export class MergedView {
  readonly #stored: SortedReads;
  readonly #latest: Latest;

  constructor(stored: SortedReads, latest: Latest) {
    this.#stored = stored;
    this.#latest = latest;
  }

  /** The value of a key. Not to be changed. */
  get(key: Key): Uint8Array | undefined {
    const newer = this.#latest.get(nameOf(key));
    return newer ? newer.operation.value : this.#stored.get(key);
  }

  /**
   * Entries with from ≤ key < to, in byte order. Consistent page by page: a long walk sees writes made meanwhile to keys
   * that it has not reached.
   */
  *range(from: Key, to: Key): Generator<readonly [key: Buffer, value: Uint8Array]> {
    for (let start: Buffer = Buffer.from(from); ; ) {
      const page = this.#page(start, to);
      for (const entry of page.entries) yield entry;
      if (!page.next) return;
      start = page.next;
    }
  }

  /** The entry with the highest key in from ≤ key < to. */
  last(from: Key, to: Key): readonly [key: Buffer, value: Uint8Array] | undefined {
    const [low, high] = [nameOf(from), nameOf(to)];
    let best = '';
    for (const [name, { operation }] of this.#latest) {
      if (operation.value && name >= low && name < high && name > best) best = name;
    }
    for (const { key, value } of this.#stored.downwards(to, from)) {
      const name = nameOf(key);
      if (name <= best) break;
      if (name >= low && name < high && !this.#latest.has(name)) return [Buffer.from(key), value];
    }
    return best === '' ? undefined : [Buffer.from(best, 'latin1'), this.#latest.get(best)!.operation.value!];
  }

  /** Merges one page of what is on disk with what is newer; `next` is where the following page starts. */
  #page(from: Buffer, to: Key): { entries: (readonly [Buffer, Uint8Array])[]; next: Buffer | undefined } {
    const stored = this.#stored.first(from, to, PAGE_ENTRIES);
    const lastKey = stored.length === PAGE_ENTRIES ? Buffer.from(stored.at(-1)!.key) : undefined;
    // A page that is not the last reaches up to and including its last stored key.
    const next = lastKey && Buffer.concat([lastKey, Buffer.from([0])]);
    const [low, high] = [nameOf(from), nameOf(next ?? to)];
    const merged = new Map<string, Uint8Array>();
    for (const { key, value } of stored) merged.set(nameOf(key), value);
    for (const [name, { operation }] of this.#latest) {
      if (name < low || name >= high) continue;
      if (operation.value) merged.set(name, operation.value);
      else merged.delete(name);
    }
    const names = [...merged.keys()].sort();
    return { entries: names.map((name) => [Buffer.from(name, 'latin1'), merged.get(name)!] as const), next };
  }
}

/** A key as a string of the same order: one UTF-16 unit per byte. */
export function nameOf(key: Key): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
