/** Submitting records at a pace and following each to its certified decision. */
import { setTimeout as delay } from 'node:timers/promises';
import { isPqError } from '../errors.ts';
import type { Client } from '../node/client.ts';
import type { Certified } from '../node/client-followed.ts';
import type { PaymentRecord } from './records.ts';

/** Proposals under way at once when no rate is asked for. */
export const MAX_UNDER_WAY = 2000;
/** The node is full for now: the same bytes are submitted again after this. Milliseconds. */
const RETRY_MS = 200;
const RETRY_CODES = new Set([
  ...['RATE_LIMITED', 'MEMPOOL_FULL', 'NODE_BUSY'],
  ...['CLIENT_BUSY', 'CLIENT_FULL', 'CLIENT_FOLLOWS_TOO_MANY'],
]);

/** What became of one record. Times are milliseconds of the client's monotonic clock. */
export interface Outcome {
  readonly record: PaymentRecord;
  /** First submission; a retry does not reset it. */
  readonly submittedMs: number;
  readonly certified: Certified | null;
  /** Why there is no certified decision. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface ReplayOptions {
  /** Records a second; 0: as fast as the node takes them. */
  readonly rate: number;
  /** The signed proposal of a record, in its canonical encoding. */
  readonly build: (record: PaymentRecord) => Promise<Uint8Array>;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Ends the replay early: nothing more is submitted. */
  readonly signal: AbortSignal;
}

/** Submits all records in order, to the clients in turn; resolves with one outcome each, in order, once every one is known. */
export async function replay(
  clients: readonly Client[],
  records: readonly PaymentRecord[],
  options: ReplayOptions,
): Promise<Outcome[]> {
  const outcomes: Promise<Outcome>[] = [];
  const beginMs = performance.now();
  let underWay = 0;
  for (const [i, record] of records.entries()) {
    if (options.rate > 0) await waitUntil(beginMs + (1000 * i) / options.rate);
    while (underWay >= MAX_UNDER_WAY && !options.signal.aborted) await delay(5);
    if (options.signal.aborted) break;
    const bytes = await options.build(record);
    underWay += 1;
    const outcome = follow(clients[i % clients.length]!, record, bytes, options.signal).then((result) => {
      underWay -= 1;
      options.onOutcome(result);
      return result;
    });
    outcomes.push(outcome);
  }
  return Promise.all(outcomes);
}

async function waitUntil(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 1) await delay(leftMs);
}

async function follow(client: Client, record: PaymentRecord, bytes: Uint8Array, signal: AbortSignal): Promise<Outcome> {
  const submittedMs = performance.now();
  for (;;) {
    try {
      const [followed] = client.submit([bytes]);
      return { record, submittedMs, certified: await followed!.certified, error: null };
    } catch (error) {
      if (!isPqError(error)) throw error;
      if (!RETRY_CODES.has(error.code) || signal.aborted) {
        return { record, submittedMs, certified: null, error: { code: error.code, message: error.message } };
      }
      await delay(RETRY_MS);
    }
  }
}
