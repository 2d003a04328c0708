import type { CoreEvent } from './events.ts';
import type { Output } from './io.ts';
import { encodeMessage, type Message } from './messages.ts';
import type { AuthorIndex } from './types.ts';

/** Collects what one step asks of the driver, in order. */
export class Outbox {
  #outputs: Output[] = [];

  push(output: Output): void {
    this.#outputs.push(output);
  }
  event(event: CoreEvent): void {
    this.#outputs.push({ type: 'event', event });
  }
  send(to: AuthorIndex | 'all', message: Message): void {
    this.#outputs.push({ type: 'send', to, bytes: encodeMessage(message) });
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
