/** What a transport counts. Refusals are answered with silence, so this is where they can be seen. */
import type { Refusal } from './handshake.ts';

export type RejectReason =
  | Refusal
  | 'flood'
  | 'not-a-frame'
  | 'unknown-session'
  | 'bad-record'
  | 'bad-batch'
  | 'other-committee'
  | 'bad-endpoint'
  | 'too-many-connections';

export interface TransportStats {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly recordsIn: number;
  readonly recordsOut: number;
  /** Completed ones, both roles. */
  readonly handshakes: number;
  /** Frames and messages that were refused, for whatever reason. */
  readonly rejected: number;
  readonly rejectedBy: Readonly<Partial<Record<RejectReason, number>>>;
}

export class Counters {
  bytesIn = 0;
  bytesOut = 0;
  recordsIn = 0;
  recordsOut = 0;
  handshakes = 0;
  readonly #rejectedBy = new Map<RejectReason, number>();

  reject(reason: RejectReason): void {
    this.#rejectedBy.set(reason, (this.#rejectedBy.get(reason) ?? 0) + 1);
  }

  snapshot(): TransportStats {
    const { bytesIn, bytesOut, recordsIn, recordsOut, handshakes } = this;
    let rejected = 0;
    for (const count of this.#rejectedBy.values()) rejected += count;
    const rejectedBy = Object.fromEntries(this.#rejectedBy);
    return { bytesIn, bytesOut, recordsIn, recordsOut, handshakes, rejected, rejectedBy };
  }
}
