import { equalBytes, utf8 } from '../core/bytes.ts';
import { PqError } from '../errors.ts';
import { refuseSnapshot } from './snapshot-error.ts';

const MAGIC = utf8('pq/app/1');
const NAME_BYTES = 16;
const CHAIN_ID_BYTES = 32;
const INDEX_AT = MAGIC.length + NAME_BYTES + CHAIN_ID_BYTES;
const ELEMENTS_AT = INDEX_AT + 8;
const STATE_AT = ELEMENTS_AT + 8;

/** What the first piece of a snapshot says. */
export interface SnapshotHead {
  readonly index: number;
  readonly elements: number;
  readonly state: Uint8Array;
}

/** How far an application has come: what it executed last, and what of that is committed. */
export class Progress {
  #committed: { readonly lastIndex: number; readonly stateRoot: Uint8Array };
  #executed: { readonly lastIndex: number; readonly stateRoot: Uint8Array };

  constructor(stateRoot: Uint8Array, lastIndex = 0) {
    this.#committed = { lastIndex, stateRoot };
    this.#executed = this.#committed;
  }

  get committed(): { readonly lastIndex: number; readonly stateRoot: Uint8Array } {
    return this.#committed;
  }

  get executedIndex(): number {
    return this.#executed.lastIndex;
  }

  /** Throws `APP_INDEX_ORDER` unless `index` is higher than what was executed before. */
  begin(index: number): void {
    const last = this.#executed.lastIndex;
    if (Number.isSafeInteger(index) && index > last) return;
    const message = `Commit ${index} comes after ${last}: execute commits in order, each once`;
    throw new PqError('APP_INDEX_ORDER', message, { index, last });
  }

  executed(lastIndex: number, stateRoot: Uint8Array): void {
    this.#executed = { lastIndex, stateRoot };
  }

  commit(): void {
    this.#committed = this.#executed;
  }

  /**
   * The first piece of a snapshot: magic ‖ application's name, padded ‖ chain id ‖ index of the last executed commit u64 ‖ number
   * of elements in the other pieces u64 ‖ `state`.
   */
  head(name: string, chainId: Uint8Array, elements: number, state: Uint8Array = new Uint8Array(0)): Uint8Array {
    const bytes = new Uint8Array(STATE_AT + state.length);
    bytes.set(MAGIC);
    bytes.set(utf8(name), MAGIC.length);
    bytes.set(chainId, MAGIC.length + NAME_BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(INDEX_AT, BigInt(this.executedIndex), true);
    view.setBigUint64(ELEMENTS_AT, BigInt(elements), true);
    bytes.set(state, STATE_AT);
    return bytes;
  }

  /** What {@link head} says. Throws `APP_SNAPSHOT_INVALID` for one of another application or chain, or none at all. */
  static open(name: string, chainId: Uint8Array, pieces: Iterator<Uint8Array>): SnapshotHead {
    const first = pieces.next();
    const bytes = first.done ? new Uint8Array(0) : first.value;
    if (bytes.length < STATE_AT) refuseSnapshot('length');
    const expected = new Progress(new Uint8Array(0)).head(name, chainId, 0);
    if (!equalBytes(bytes.subarray(0, INDEX_AT), expected.subarray(0, INDEX_AT)))
      refuseSnapshot('application or chain');
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const index = Number(view.getBigUint64(INDEX_AT, true));
    const elements = Number(view.getBigUint64(ELEMENTS_AT, true));
    if (!Number.isSafeInteger(index)) refuseSnapshot('index');
    return { index, elements, state: bytes.subarray(STATE_AT) };
  }

  /** Throws `APP_SNAPSHOT_INVALID` unless this is where a snapshot was expected to be. */
  require(expected: { readonly lastIndex: number; readonly stateRoot: Uint8Array } | undefined): void {
    if (expected === undefined) return;
    if (this.executedIndex !== expected.lastIndex) refuseSnapshot('commit');
    if (!equalBytes(this.#executed.stateRoot, expected.stateRoot)) refuseSnapshot('root');
  }
}
