/**
 * The node: everything around the core. The driver feeds one core with inputs and carries out what it asks for. This
 * folder may use clocks, timers, files and sockets; `src/core` may not.
 */
import { encodeRef } from '../core/block.ts';
import { concatBytes } from '../core/bytes.ts';
import { decisionLeaf, encodeCommit } from '../core/commit.ts';
import type { Core } from '../core/core.ts';
import type { CoreEvent } from '../core/events.ts';
import type { Execution, Input, Output } from '../core/io.ts';
import type { Message } from '../core/messages.ts';
import type { CoreSnapshot } from '../core/snapshot.ts';
import type { AcceptedBlock, Block, PeerNumber } from '../core/types.ts';
import { PqError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { AlarmClock } from './alarm-clock.ts';
import type { Clock } from './clock.ts';
import type { Judge } from './judge.ts';
import type { Sealer } from './sealer.ts';

/** What an application answers to the execution of a commit. */
export interface ExecutionAnswer {
  readonly stateRoot: Uint8Array;
  /** One per decision: 0 success, and for all that is not APPROVED. */
  readonly receipts: readonly number[];
}

/** Everything that a driver carries outputs out with. The simulator brings its own of each. */
export interface DriverParts {
  readonly core: Core;
  readonly clock: Clock;
  readonly store: Pick<Store, 'addBlock' | 'addCommit'>;
  /** Checks a signature with the header context, at once or later; never rejects. */
  readonly verify: (check: Extract<Output, { type: 'verify' }>) => boolean | Promise<boolean>;
  readonly judge: Pick<Judge, 'judge'>;
  readonly sealer: Pick<Sealer, 'seal' | 'stop'>;
  readonly send: (to: PeerNumber | 'all', bytes: Uint8Array) => void;
  readonly serve: (peer: PeerNumber, request: Message) => void;
  readonly execute: (execution: Execution) => ExecutionAnswer;
  readonly onEvent: (event: CoreEvent) => void;
  /** The core's state; the application's is that of the same commit until this returns. */
  readonly onSnapshot: (snapshot: CoreSnapshot) => void;
  readonly onOpinion: (block: AcceptedBlock, judgement: Awaited<ReturnType<Judge['judge']>>) => void;
  /** The core, the store or the application failed: nothing is stepped or signed any more. Called once. */
  readonly onFatal: (error: PqError) => void;
}

/** The root of the learned models' state until there are any. */
const NO_MODELS = new Uint8Array(32);

export class Driver {
  readonly #parts: DriverParts;
  readonly #alarm: AlarmClock;
  readonly #inputs: Input[] = [];
  #stepping = false;
  #stopped = false;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#alarm = new AlarmClock(parts.clock, () => this.post({ type: 'timer' }));
  }

  /** Nothing is taken any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Feeds the core with `input` and carries out all that follows from it. Steps never nest: an input posted while
   * another one is worked on waits for it.
   */
  post(input: Input): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    if (!this.#stepping) this.#drain();
  }

  /** Steps no more, signs no more. What was handed to the store can still be synced. */
  stop(): void {
    this.#stopped = true;
    this.#alarm.stop();
    this.#parts.sealer.stop();
  }

  #drain(): void {
    this.#stepping = true;
    try {
      // The queue grows only by what outputs answer at once, which the core bounds.
      for (let next = 0; next < this.#inputs.length && !this.#stopped; next++) {
        const now = this.#parts.clock.now();
        for (const output of this.#parts.core.step(now, this.#inputs[next]!)) this.#carryOut(output);
      }
    } catch (error) {
      this.#die(error);
    } finally {
      this.#inputs.length = 0;
      this.#stepping = false;
    }
  }

  #carryOut(output: Output): void {
    const parts = this.#parts;
    switch (output.type) {
      case 'send':
        return parts.send(output.to, output.bytes);
      case 'verify':
        return this.#verify(output);
      case 'score':
        return this.#score(output.block);
      case 'store':
        return parts.store.addBlock(blockEntry(output.block));
      case 'storeCommit':
        return this.#storeCommit(output);
      case 'snapshot':
        return parts.onSnapshot(output.snapshot);
      case 'seal':
        return parts.sealer.seal(output.block, output.record);
      case 'serve':
        return parts.serve(output.peer, output.request);
      case 'execute':
        return this.#execute(output.execution);
      case 'arm':
        return this.#alarm.arm(output.atMs);
      case 'event':
        return parts.onEvent(output.event);
    }
  }

  #verify(check: Extract<Output, { type: 'verify' }>): void {
    const answer = (valid: boolean): void => this.post({ type: 'verified', token: check.token, valid });
    const verdict = this.#parts.verify(check);
    if (typeof verdict === 'boolean') answer(verdict);
    else void verdict.then(answer);
  }

  #score(block: AcceptedBlock): void {
    void this.#parts.judge.judge(block.proposals).then((judgement) => {
      if (this.#stopped) return;
      this.post({ type: 'opinion', digest: block.ref.digest, opinion: judgement });
      this.#parts.onOpinion(block, judgement);
    });
  }

  #execute(execution: Execution): void {
    const { stateRoot, receipts } = this.#parts.execute(execution);
    this.post({ type: 'executed', index: execution.index, stateRoot, modelRoot: NO_MODELS, receipts });
  }

  #storeCommit({ commit, refs, decisions, receipts }: Extract<Output, { type: 'storeCommit' }>): void {
    this.#parts.store.addCommit({
      index: commit.index,
      leaderRound: commit.leader.round,
      commit: encodeCommit(commit),
      refs: concatBytes(...refs.map(encodeRef)),
      decisions: decisions.map((decision, i) => ({ id: decision.id, leaf: decisionLeaf(decision, receipts[i]!) })),
    });
  }

  #die(cause: unknown): void {
    this.stop();
    if (cause instanceof PqError) return this.#parts.onFatal(cause);
    const message = `The node cannot go on: ${cause instanceof Error ? cause.message : String(cause)}. Report this, then restart.`;
    this.#parts.onFatal(new PqError('NODE_FATAL', message, {}, cause));
  }
}

function blockEntry(block: Block) {
  const { round, author, digest } = block.ref;
  return { epoch: block.header.epoch, round, author, digest, bytes: block.bytes };
}
