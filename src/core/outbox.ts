import type { CoreEvent } from './events.ts';
import type { Output } from './io.ts';
import { encodeMessage, type Message } from './messages.ts';
import type { AuthorIndex, PeerNumber } from './types.ts';

/** Collects what one step asks of the driver, in order. Inside, peers are authors; outside, they have numbers. */
export class Outbox {
  readonly #numbers: readonly PeerNumber[];
  #outputs: Output[] = [];

  /** `numbers`: of the members of the committee, by author. */
  constructor(numbers: readonly PeerNumber[]) {
    this.#numbers = numbers;
  }

  push(output: Output): void {
    this.#outputs.push(output);
  }
  event(event: CoreEvent): void {
    this.#outputs.push({ type: 'event', event });
  }
  send(to: AuthorIndex | 'all', message: Message): void {
    const number = to === 'all' ? to : this.#numbers[to]!;
    this.#outputs.push({ type: 'send', to: number, bytes: encodeMessage(message) });
  }
  /** Lets the driver answer a peer from the store. */
  serve(peer: AuthorIndex, request: Message): void {
    this.#outputs.push({ type: 'serve', peer: this.#numbers[peer]!, request });
  }
  alarm(code: string, message: string, data: Readonly<Record<string, unknown>> = {}): void {
    this.event({ type: 'alarm', fatal: true, code, message, data });
  }
  drain(): Output[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}
