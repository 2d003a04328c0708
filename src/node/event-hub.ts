import type { Topic } from './client-protocol.ts';
import type { NodeEvent } from './events.ts';

type Listener = (event: NodeEvent) => void;

/** Subscribers by topic. Events are built only for topics that somebody listens to. */
export class EventHub {
  readonly #listeners = new Map<Topic, Set<Listener>>();
  readonly #onListenerFailed: (error: unknown) => void;

  /** `onListenerFailed`: a listener threw. It hears no more of that topic; the node goes on. */
  constructor(onListenerFailed: (error: unknown) => void) {
    this.#onListenerFailed = onListenerFailed;
  }

  /** Calls `listener` with every event of these topics, until the returned function is called. */
  subscribe(topics: readonly Topic[], listener: Listener): () => void {
    for (const topic of topics) {
      const listeners = this.#listeners.get(topic) ?? new Set();
      this.#listeners.set(topic, listeners.add(listener));
    }
    return () => {
      for (const topic of topics) this.#remove(topic, listener);
    };
  }

  /** True when somebody listens: ask before building an event. */
  wants(topic: Topic): boolean {
    return this.#listeners.has(topic);
  }

  emit(event: NodeEvent): void {
    const listeners = this.#listeners.get(event.type);
    if (listeners === undefined) return;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#remove(event.type, listener);
        this.#onListenerFailed(error);
      }
    }
  }

  #remove(topic: Topic, listener: Listener): void {
    const listeners = this.#listeners.get(topic);
    if (listeners?.delete(listener) && listeners.size === 0) this.#listeners.delete(topic);
  }
}
