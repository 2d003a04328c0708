/** Questions of a client that wait for the answer with their number. */
import { PqError } from '../errors.ts';
import type { NodeMessage } from './client-protocol.ts';

/** Questions in flight at once. */
export const MAX_REQUESTS = 4096;
/** How long an answer may take. Milliseconds. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Called while the answer is taken in, before the next message is looked at. */
export interface Asker {
  readonly resolve: (message: NodeMessage) => void;
  readonly reject: (error: PqError) => void;
}

interface Waiting extends Asker {
  readonly timer: NodeJS.Timeout;
}

export class ClientRequests {
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  /** A fresh number, never 0, for the question of `asker`. Throws `CLIENT_REQUESTS`; `CLIENT_TIMEOUT` comes without an answer. */
  open(asker: Asker): number {
    if (this.#waiting.size >= MAX_REQUESTS) {
      throw new PqError('CLIENT_REQUESTS', `At most ${MAX_REQUESTS} questions wait for an answer at once.`);
    }
    const requestId = this.#next;
    this.#next = requestId === 0xffff_ffff ? 1 : requestId + 1;
    const timer = setTimeout(() => this.#timedOut(requestId), REQUEST_TIMEOUT_MS);
    timer.unref();
    this.#waiting.set(requestId, { ...asker, timer });
    return requestId;
  }

  /** Hands a message to whoever asked; false when nobody did. An `error` message rejects with its code. */
  answer(message: NodeMessage): boolean {
    if (!('requestId' in message)) return false;
    const waiting = this.#take(message.requestId);
    if (waiting === null) return false;
    if (message.kind === 'error') waiting.reject(new PqError(message.code, message.message));
    else waiting.resolve(message);
    return true;
  }

  /** The question was not sent after all. */
  abandon(requestId: number): void {
    this.#take(requestId);
  }

  rejectAll(error: PqError): void {
    for (const requestId of [...this.#waiting.keys()]) this.#take(requestId)?.reject(error);
  }

  #timedOut(requestId: number): void {
    const error = new PqError(
      'CLIENT_TIMEOUT',
      `The node did not answer within ${REQUEST_TIMEOUT_MS / 1000} s; is it overloaded?`,
    );
    this.#take(requestId)?.reject(error);
  }

  #take(requestId: number): Waiting | null {
    const waiting = this.#waiting.get(requestId);
    if (waiting === undefined) return null;
    this.#waiting.delete(requestId);
    clearTimeout(waiting.timer);
    return waiting;
  }
}
