/** What waits to be sent to one peer: bounded in bytes, sent once per turn of the event loop as few large records. */

import { encodeBatch, type Item, itemBytes } from './batch.ts';
import { BATCH_BYTES_MAX } from './constants.ts';
import type { Session } from './session.ts';

/** Records sent before the event loop gets its turn again. */
const RECORDS_PER_TURN = 4;
/** How soon a full connection is tried again. */
const RETRY_MS = 2;

export interface OutboxOwner {
  /** The session to send by; undefined while there is none. */
  readonly current: Session | undefined;
  /** The session's connection is gone, or its key is used up. */
  onUnusable(session: Session): void;
}

interface Blocked {
  readonly session: Session;
  readonly record: Buffer;
}

export class Outbox {
  readonly #owner: OutboxOwner;
  readonly #limitBytes: number;
  #items: Item[] = [];
  /** Index of the first unsent item; the array is cut when it is worth it. */
  #first = 0;
  #bytes = 0;
  /** Sealed but not taken by the socket: sent first, and unchanged. */
  #blocked: Blocked | undefined;
  #scheduled = false;
  #pumping = false;

  constructor(owner: OutboxOwner, limitBytes: number) {
    this.#owner = owner;
    this.#limitBytes = limitBytes;
  }

  /** Bytes waiting, item headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  push(item: Item): 'ok' | 'full' {
    const bytes = itemBytes(item);
    if (this.#bytes + bytes > this.#limitBytes) return 'full';
    this.#items.push(item);
    this.#bytes += bytes;
    this.flush();
    return 'ok';
  }

  /** Sends at the end of this turn of the event loop. */
  flush(): void {
    if (this.#scheduled || this.#pumping) return;
    this.#scheduled = true;
    setImmediate(() => void this.#pump());
  }

  /** Forgets everything. */
  clear(): void {
    this.#items = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#blocked = undefined;
  }

  async #pump(): Promise<void> {
    this.#scheduled = false;
    this.#pumping = true;
    try {
      await this.#sendSome();
    } finally {
      this.#pumping = false;
    }
    // Looked at here and not in sendSome: a message may have come between its last look and this line.
    const waits = this.#first < this.#items.length && this.#blocked === undefined;
    if (waits && this.#owner.current !== undefined) this.flush();
  }

  async #sendSome(): Promise<void> {
    for (let sent = 0; sent < RECORDS_PER_TURN; sent++) {
      const next = this.#blocked ?? this.#seal();
      if (next === undefined) return;
      const result = await next.session.transmit(next.record);
      if (result === 'full') {
        this.#blocked = next;
        setTimeout(() => this.flush(), RETRY_MS).unref();
        return;
      }
      this.#blocked = undefined;
      if (result === 'gone') this.#owner.onUnusable(next.session);
    }
  }

  /** The next record, or undefined when there is nothing to send or nothing to send it by. */
  #seal(): Blocked | undefined {
    const session = this.#owner.current;
    if (session === undefined || this.#first === this.#items.length) return undefined;
    let end = this.#first;
    let total = 0;
    while (end < this.#items.length) {
      const bytes = itemBytes(this.#items[end] as Item);
      if (total + bytes > BATCH_BYTES_MAX) break;
      total += bytes;
      end++;
    }
    const record = session.seal(encodeBatch(this.#items.slice(this.#first, end), total));
    if (record === undefined) {
      this.#owner.onUnusable(session);
      return undefined;
    }
    this.#bytes -= total;
    this.#first = end;
    if (end === this.#items.length || end > 1024) {
      this.#items = this.#items.slice(end);
      this.#first = 0;
    }
    return { session, record };
  }
}
