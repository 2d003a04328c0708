/** Snapshots of a node: what the core and the application hold after one commit, in one file, so that a start is short. */
import type { StateSnapshot } from '../app/state-view.ts';
import { concatBytes } from '../core/bytes.ts';
import { type CoreSnapshot, decodeSnapshot, encodeSnapshot } from '../core/snapshot.ts';
import { PqError } from '../errors.ts';
import type { SnapshotFiles } from '../store/snapshot-files.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import type { NodeApplication } from './application.ts';
import type { Log } from './log.ts';

/** Which part a piece belongs to: its first byte. */
const CORE_PIECE = 1;
const APPLICATION_PIECE = 2;

/** Where snapshots are kept. */
export type SnapshotStore = Pick<SnapshotFiles, 'indexes' | 'write' | 'read' | 'distrust'>;

export interface SnapshotsParts {
  readonly files: SnapshotStore;
  readonly store: Pick<Store, 'sync'>;
  readonly application: Pick<NodeApplication, 'snapshot'>;
  readonly log: Log;
  /** A snapshot is durable. */
  readonly onWritten: () => void;
}

/** Writes the snapshots that the core hands out, one at a time, without holding anybody up. */
export class Snapshots {
  readonly #parts: SnapshotsParts;
  #writing: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
  }

  /** The core's state right after the commit that the application executed last. Passed over while another one is written. */
  take(core: CoreSnapshot): void {
    if (this.#writing !== undefined || this.#stopped) return;
    const state = this.#parts.application.snapshot();
    this.#writing = this.#write(core, state).finally(() => {
      state.close();
      this.#writing = undefined;
    });
  }

  /** Gives up what is being written; resolves when nothing is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }

  /** Never rejects: without a snapshot the next start is longer, and nothing else. */
  async #write(core: CoreSnapshot, state: StateSnapshot): Promise<void> {
    const { store, files, log, onWritten } = this.#parts;
    const { index } = core.commit;
    try {
      // The commits up to it first: a snapshot that the store does not reach would be of no use.
      await store.sync();
      await files.write(index, this.#pieces(core, state));
      onWritten();
    } catch (error) {
      if (this.#stopped) return;
      const message = `No snapshot of commit ${index}: ${error instanceof Error ? error.message : String(error)}`;
      log({ level: 'warn', code: error instanceof PqError ? error.code : 'SNAPSHOT_FAILED', message, data: { index } });
    }
  }

  *#pieces(core: CoreSnapshot, state: StateSnapshot): Generator<Uint8Array> {
    for (const piece of snapshotPieces(core, state.pieces)) {
      if (this.#stopped) throw new PqError('NODE_STOPPED', 'The node stops: the snapshot is given up.');
      yield piece;
    }
  }
}

/** The pieces of a file: those of the core, then those of the application. */
export function* snapshotPieces(core: CoreSnapshot, state: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const piece of encodeSnapshot(core)) yield concatBytes(Uint8Array.of(CORE_PIECE), piece);
  for (const piece of state) yield concatBytes(Uint8Array.of(APPLICATION_PIECE), piece);
}

/**
 * Reads what {@link snapshotPieces} gave: the core's part at once, the application's as it is walked. Throws what
 * {@link decodeSnapshot} throws and what `pieces` does, `SNAPSHOT_PIECE`.
 */
export function readSnapshot(
  kernels: Kernels,
  pieces: Iterable<Uint8Array>,
): { readonly core: CoreSnapshot; readonly state: Iterable<Uint8Array> } {
  const all = pieces[Symbol.iterator]();
  let next = all.next();
  function* partOf(kind: number): Generator<Uint8Array> {
    for (; !next.done && next.value[0] === kind; next = all.next()) yield next.value.subarray(1);
  }
  function* rest(): Generator<Uint8Array> {
    yield* partOf(APPLICATION_PIECE);
    if (!next.done) throw new PqError('SNAPSHOT_PIECE', 'A snapshot has a piece of an unknown part.');
  }
  return { core: decodeSnapshot(kernels, [...partOf(CORE_PIECE)]), state: rest() };
}
