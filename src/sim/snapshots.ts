import type { SnapshotStore } from '../node/snapshots.ts';

/** Snapshots of one simulated validator: each is there at once and whole, and survives every crash, as a renamed file does. */
export class SimSnapshots implements SnapshotStore {
  readonly #held = new Map<number, readonly Uint8Array[]>();

  get indexes(): readonly number[] {
    return [...this.#held.keys()].sort((a, b) => b - a);
  }

  async write(index: number, pieces: Iterable<Uint8Array>): Promise<void> {
    this.#held.set(index, [...pieces]);
    for (const old of this.indexes.slice(2)) this.#held.delete(old);
  }

  *read(index: number): Generator<Uint8Array> {
    yield* this.#held.get(index) ?? [];
  }

  distrust(index: number): void {
    this.#held.delete(index);
  }
}
