import { equalBytes, utf8 } from '../core/bytes.ts';
import { PqError } from '../errors.ts';
import { refuseSnapshot } from './snapshot-error.ts';

const MAGIC = utf8('pq/app/1');
const NAME_BYTES = 16;
const CHAIN_ID_BYTES = 32;
const INDEX_AT = MAGIC.length + NAME_BYTES + CHAIN_ID_BYTES;
const STATE_AT = INDEX_AT + 8;

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

  /** A snapshot: magic ‖ application's name, padded ‖ chain id ‖ index of the last executed commit u64 ‖ state. */
  wrap(name: string, chainId: Uint8Array, state: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(STATE_AT + state.length);
    bytes.set(MAGIC);
    bytes.set(utf8(name), MAGIC.length);
    bytes.set(chainId, MAGIC.length + NAME_BYTES);
    new DataView(bytes.buffer).setBigUint64(INDEX_AT, BigInt(this.executedIndex), true);
    bytes.set(state, STATE_AT);
    return bytes;
  }

  /** Throws `APP_SNAPSHOT_INVALID` for a snapshot of another application or chain. */
  static unwrap(name: string, chainId: Uint8Array, snapshot: Uint8Array): { index: number; state: Uint8Array } {
    if (snapshot.length < STATE_AT) refuseSnapshot('length');
    const expected = new Progress(new Uint8Array(0)).wrap(name, chainId, new Uint8Array(0));
    if (!equalBytes(snapshot.subarray(0, INDEX_AT), expected.subarray(0, INDEX_AT)))
      refuseSnapshot('application or chain');
    const index = Number(new DataView(snapshot.buffer, snapshot.byteOffset).getBigUint64(INDEX_AT, true));
    if (!Number.isSafeInteger(index)) refuseSnapshot('index');
    return { index, state: snapshot.subarray(STATE_AT) };
  }
}
