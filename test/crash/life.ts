/** One life of the node that is killed: from its start to its death, with all that it told meanwhile. */
import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DecisionName } from '../../src/core/types.ts';
import type { LogLine } from '../../src/node/log.ts';
import type { Plan } from './points.ts';

const VICTIM = fileURLToPath(new URL('victim.ts', import.meta.url));
/** For a machine that has other things to do. */
const DEADLINE_MS = 60_000;
const POLL_MS = 5;

export interface Order {
  readonly index: number;
  readonly validators: number;
  readonly home: string;
  readonly peers: readonly string[];
  readonly plan: Plan | null;
  /** Ends in `.journal`. */
  readonly journal: string;
}

export interface ToldDecision {
  readonly id: string;
  /** 0: it ran out in no commit. */
  readonly index: number;
  readonly decision: DecisionName;
}

/** What the node is asked for. */
export type Asked =
  | { readonly submit: readonly string[] }
  | { readonly follow: readonly string[] }
  | { readonly stop: true };

/** What the node says. */
export type Told =
  /** Its code is there, and it begins to come back. */
  | { readonly loaded: true }
  | { readonly address: string }
  | { readonly taken: readonly string[] }
  | { readonly decided: ToldDecision }
  /** Something that was submitted in this life is decided and certified. */
  | { readonly works: true }
  | { readonly log: LogLine }
  | { readonly exited: number };

export class Life {
  readonly #child: ChildProcess;
  readonly #onTold: (told: Told) => void;
  readonly logs: LogLine[] = [];
  readonly #end: Promise<void>;
  #address: string | null = null;
  #loaded = false;
  #works = false;
  #alive = true;

  constructor(order: Order, onTold: (told: Told) => void) {
    this.#onTold = onTold;
    this.#child = fork(VICTIM, [JSON.stringify(order)], {
      execArgv: [],
      env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(order.journal), 'compile-cache') },
    });
    this.#child.on('message', (told: Told) => this.#hear(told));
    const { promise, resolve } = Promise.withResolvers<void>();
    // With `close` everything that it told has been read.
    this.#child.once('close', () => {
      this.#alive = false;
      resolve();
    });
    this.#end = promise;
  }

  get alive(): boolean {
    return this.#alive;
  }
  /** Where it listens, once it has started. */
  get address(): string | null {
    return this.#address;
  }
  get loaded(): boolean {
    return this.#loaded;
  }
  get works(): boolean {
    return this.#works;
  }
  /** Null after a signal. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  submit(proposals: readonly Uint8Array[]): void {
    this.#ask({ submit: proposals.map((bytes) => Buffer.from(bytes).toString('hex')) });
  }

  /** Asks to be told of the decisions on these, taken in earlier lives. */
  follow(ids: readonly string[]): void {
    this.#ask({ follow: ids });
  }

  /** Asks it to stop in order. */
  stop(): void {
    this.#ask({ stop: true });
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#end;
  }

  /** Waits until `condition` holds; false when the node is dead before, or after a long time. */
  async until(condition: () => boolean, deadlineMs = DEADLINE_MS): Promise<boolean> {
    // Counted in turns: a machine that stands still for a minute is no fault of the node.
    for (let waitedMs = 0; !condition() && this.#alive && waitedMs < deadlineMs; waitedMs += POLL_MS) {
      await delay(POLL_MS);
    }
    return condition();
  }

  #ask(asked: Asked): void {
    // It may be gone, or go while it is asked.
    if (this.#child.connected) this.#child.send(asked, () => undefined);
  }

  #hear(told: Told): void {
    if ('address' in told) this.#address = told.address;
    if ('loaded' in told) this.#loaded = true;
    if ('works' in told) this.#works = true;
    if ('log' in told) this.logs.push(told.log);
    this.#onTold(told);
  }
}
