/** Where frames go: records to their session, handshake frames to the responder or to the dial of the connection. */
import type { PqError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { CONNECTIONS_MAX, FRAME_BURST_PER_CONNECTION, FRAME_RATE_PER_CONNECTION_HZ } from './constants.ts';
import type { Counters } from './counters.ts';
import type { Dial } from './dial.ts';
import { FRAME, frameType } from './frames.ts';
import { type Established, signerFailed } from './handshake.ts';
import { isRecord, type KeyLimits, recordSid } from './records.ts';
import type { Responder, ResponderStep } from './responder.ts';
import { Session, type SessionOwner } from './session.ts';
import { TokenBucket } from './token-bucket.ts';
import type { ConnectionId, Wire, WireHandlers } from './wire.ts';

export interface SwitchboardOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly keyLimits: KeyLimits;
  /** Absent when nobody may dial us. */
  readonly responder?: Responder;
  /** Who owns the session of a peer that dialed us; undefined when there is no place for it. */
  readonly accept?: (established: Established, connection: ConnectionId) => SessionOwner | undefined;
  /** The responder's signer failed. */
  readonly onFailed?: (error: PqError) => void;
}

/** What is kept of an accepted connection. */
interface Caller {
  /** What it may still send without authentication. */
  readonly budget: TokenBucket;
  /** It has, or had, a session. */
  authenticated: boolean;
}

interface Entry {
  readonly session: Session;
  readonly owner: SessionOwner;
}

export class Switchboard implements WireHandlers {
  readonly #options: SwitchboardOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #dials = new Map<ConnectionId, Dial>();
  /** In order of arrival. */
  readonly #callers = new Map<ConnectionId, Caller>();

  constructor(options: SwitchboardOptions) {
    this.#options = options;
  }

  attach(dial: Dial, connection: ConnectionId): void {
    this.#dials.set(connection, dial);
  }

  detach(connection: ConnectionId): void {
    this.#dials.delete(connection);
    this.#closeSessions(connection);
  }

  /** A session in the table, so that its records find it. */
  open(established: Established, connection: ConnectionId, owner: SessionOwner): Session {
    const session = new Session(established, connection, owner, this.#options);
    this.#entries.set(session.name, { session, owner });
    return session;
  }

  discard(session: Session): void {
    if (this.#entries.get(session.name)?.session === session) this.#entries.delete(session.name);
  }

  onConnected(connection: ConnectionId): void {
    this.#dials.get(connection)?.onConnected();
  }

  onDisconnected(connection: ConnectionId): void {
    this.#callers.delete(connection);
    this.#closeSessions(connection);
    this.#dials.get(connection)?.onDisconnected();
  }

  onFrame(connection: ConnectionId, frame: Buffer): void {
    const { counters } = this.#options;
    counters.bytesIn += frame.length;
    if (isRecord(frame)) {
      const session = this.#entries.get(recordSid(frame))?.session;
      if (session !== undefined && session.connection === connection) return session.receive(frame);
    }
    const dial = this.#dials.get(connection);
    if (dial === undefined && !this.#affords(connection)) return;
    const type = frameType(frame);
    if (type === undefined) counters.reject(isRecord(frame) ? 'unknown-session' : 'not-a-frame');
    else if (dial !== undefined) void dial.onFrame(frame);
    else this.#onStranger(frame, type, connection);
  }

  /** Charges an unauthenticated frame to its connection. */
  #affords(connection: ConnectionId): boolean {
    const caller = this.#callers.get(connection) ?? this.#admit(connection);
    if (caller.budget.take(this.#options.clock.monotonicMs())) return true;
    this.#options.counters.reject('flood');
    return false;
  }

  /** Makes room by forgetting the stranger that has been here longest: honest ones need it for a moment only. */
  #admit(connection: ConnectionId): Caller {
    if (this.#callers.size >= CONNECTIONS_MAX) {
      this.#options.counters.reject('too-many-connections');
      for (const [stranger, { authenticated }] of this.#callers) {
        if (authenticated) continue;
        this.#callers.delete(stranger);
        break;
      }
    }
    const budget = new TokenBucket(FRAME_BURST_PER_CONNECTION, FRAME_RATE_PER_CONNECTION_HZ);
    const caller: Caller = { budget, authenticated: false };
    this.#callers.set(connection, caller);
    return caller;
  }

  #onStranger(frame: Uint8Array, type: number, connection: ConnectionId): void {
    const { responder, clock, counters } = this.#options;
    const nowMs = clock.wallMs();
    if (responder === undefined) counters.reject('unexpected');
    else if (type === FRAME.HELLO) this.#answer(responder.onHello(frame, connection, nowMs), connection);
    else if (type === FRAME.INIT) void this.#answerLater(responder.onInit(frame, connection, nowMs), connection);
    else if (type === FRAME.AUTH) void this.#answerLater(responder.onAuth(frame, connection, nowMs), connection);
    else counters.reject('unexpected');
  }

  async #answerLater(step: Promise<ResponderStep>, connection: ConnectionId): Promise<void> {
    try {
      this.#answer(await step, connection);
    } catch (cause) {
      this.#options.onFailed?.(signerFailed(cause));
    }
  }

  #answer(step: ResponderStep, connection: ConnectionId): void {
    const { wire, counters } = this.#options;
    if (step.kind === 'refused') counters.reject(step.reason);
    else if (step.kind === 'reply') {
      counters.bytesOut += step.frame.length;
      // A reply that is not taken is like one that is lost: the peer's time-out begins again.
      void wire.send(connection, step.frame);
    } else this.#welcome(step.established, connection);
  }

  /** Unless the connection went while its signatures were being checked. */
  #welcome(established: Established, connection: ConnectionId): void {
    const caller = this.#callers.get(connection);
    if (caller === undefined) return;
    const owner = this.#options.accept?.(established, connection);
    if (owner === undefined) return this.#options.counters.reject('too-many');
    caller.authenticated = true;
    this.open(established, connection, owner).confirm();
  }

  #closeSessions(connection: ConnectionId): void {
    for (const { session, owner } of [...this.#entries.values()]) {
      if (session.connection === connection) {
        this.discard(session);
        owner.onClosed(session);
      }
    }
  }
}
