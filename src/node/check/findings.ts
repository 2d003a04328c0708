/** What a check of a store found wrong. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isPqError } from '../../errors.ts';

/** Kept in full; of what is above, only the number is. */
const MAX_FINDINGS = 100;
/** Entries looked at before others get a turn of the event loop. */
const ENTRIES_PER_TURN = 256;

export interface Finding {
  readonly code: string;
  /** What is wrong, and where. */
  readonly message: string;
}

export class Findings {
  readonly found: Finding[] = [];
  #count = 0;
  #entries = 0;

  /** Of all findings, kept or not. */
  get count(): number {
    return this.#count;
  }

  add(code: string, message: string): void {
    this.#count += 1;
    if (this.found.length < MAX_FINDINGS) this.found.push({ code, message });
  }

  /** Adds one unless `holds`. */
  require(holds: boolean, code: string, message: () => string): void {
    if (!holds) this.add(code, message());
  }

  /** Runs `look`; what it throws is a finding: bytes that mean nothing. Undefined then. */
  attempt<Value>(code: string, what: () => string, look: () => Value): Value | undefined {
    try {
      return look();
    } catch (error) {
      this.add(code, `${what()}: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** As {@link attempt}, for what waits. */
  async attemptLater<Value>(code: string, what: () => string, look: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await look();
    } catch (error) {
      this.add(code, `${what()}: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** To be awaited for every entry of a long walk. */
  async pause(): Promise<void> {
    this.#entries += 1;
    if (this.#entries % ENTRIES_PER_TURN === 0) await nextTurn();
  }
}

function reasonOf(error: unknown): string {
  if (isPqError(error)) return `${error.code}, ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
