import { digestKey } from './block.ts';
import { concatBytes } from './bytes.ts';
import { DIGEST_BYTES } from './header.ts';
import { refuseAbove, SszReader, SszWriter } from './ssz.ts';
import type { ProposalId } from './types.ts';

/** id, expiryMs u64, number of claimed keys u8; then the keys. */
const RECORD_BYTES = DIGEST_BYTES + 8 + 1;
const FIRST_BYTES = 1024;

/** A decided proposal that has not run out. */
export interface RememberedProposal {
  readonly id: ProposalId;
  readonly expiryMs: number;
  /** What it claims until then, 32 bytes each: none unless it was approved. */
  readonly keys: readonly Uint8Array[];
}

/** Records one after the other; only ever added to, so a view of what is there stays what it is. */
class RecordLog {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  add(record: Uint8Array): void {
    const end = this.#length + record.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.view);
      this.#bytes = larger;
    }
    this.#bytes.set(record, this.#length);
    this.#length = end;
  }
}

/**
 * Decided proposals until they run out: no replay before the expiry, no need to remember after it. By the second of the
 * expiry, so that forgetting costs what is forgotten; as bytes, so that all of it can be handed out at any moment.
 */
export class Remembered {
  readonly #ids = new Set<string>();
  readonly #bySecond = new Map<number, RecordLog>();

  get size(): number {
    return this.#ids.size;
  }

  has(idKey: string): boolean {
    return this.#ids.has(idKey);
  }

  add({ id, expiryMs, keys }: RememberedProposal): void {
    this.#ids.add(digestKey(id));
    const second = (expiryMs - (expiryMs % 1000)) / 1000;
    const log = this.#bySecond.get(second) ?? new RecordLog();
    this.#bySecond.set(second, log);
    const fixed = new SszWriter(RECORD_BYTES).vector(id, DIGEST_BYTES).u64(expiryMs).u8(keys.length).finish();
    log.add(keys.length === 0 ? fixed : concatBytes(fixed, ...keys));
  }

  /** Forgets what ran out in a second that is over at `nowMs`. */
  forget(nowMs: number): void {
    for (const [second, log] of this.#bySecond) {
      if (second * 1000 + 999 >= nowMs) continue;
      for (const { id } of readRemembered(log.view)) this.#ids.delete(digestKey(id));
      this.#bySecond.delete(second);
    }
  }

  /** Everything remembered, by second of expiry and in the order of decisions: views that do not change any more. */
  records(): Uint8Array[] {
    return [...this.#bySecond].sort(([a], [b]) => a - b).map(([, log]) => log.view);
  }
}

/** The records in bytes that {@link Remembered.records} gave, as views of them. Throws the codes of {@link SszReader}. */
export function* readRemembered(bytes: Uint8Array): Generator<RememberedProposal> {
  const reader = new SszReader(bytes);
  for (let at = 0; at < bytes.length; ) {
    const keysAt = at + RECORD_BYTES;
    reader.enter(at, Math.max(at, bytes.length), RECORD_BYTES);
    const id = reader.vector(DIGEST_BYTES) as ProposalId;
    const expiryMs = reader.u64();
    const count = reader.u8();
    at = keysAt + count * DIGEST_BYTES;
    refuseAbove(at, bytes.length);
    const keys = Array.from({ length: count }, (_, i) =>
      bytes.subarray(keysAt + i * DIGEST_BYTES, keysAt + (i + 1) * DIGEST_BYTES),
    );
    yield { id, expiryMs, keys };
  }
}
