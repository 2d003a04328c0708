/** One outbound connection and the handshakes on it: begins when the wire is up, tries again with back-off. */
import { PqError } from '../errors.ts';
import type { Clock } from './clock.ts';
import { HANDSHAKE_TIMEOUT_MS, RETRY_MAX_MS, RETRY_MIN_MS } from './constants.ts';
import type { Counters } from './counters.ts';
import { type Established, type LocalParty, signerFailed } from './handshake.ts';
import { Initiator, type InitiatorTarget } from './initiator.ts';
import type { Session } from './session.ts';
import type { ConnectionId, Wire } from './wire.ts';

export interface DialEnvironment {
  readonly wire: Wire;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly local: LocalParty;
  /** Registers the connection so that its frames come here. */
  attach(dial: Dial, connection: ConnectionId): void;
  detach(connection: ConnectionId): void;
  /** Makes the session of a finished handshake; undefined when the peer is not wanted here. */
  open(established: Established, dial: Dial): Session | undefined;
  /** An unconfirmed session came to nothing. */
  discard(session: Session): void;
  onFailed(dial: Dial, error: PqError): void;
}

export class Dial {
  readonly endpoint: string;
  readonly target: InitiatorTarget;
  readonly #environment: DialEnvironment;
  #connection: ConnectionId | undefined;
  #connected = false;
  #initiator: Initiator | undefined;
  #startedMs = 0;
  /** The session made last on this connection. */
  #session: Session | undefined;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(environment: DialEnvironment, endpoint: string, target: InitiatorTarget) {
    this.#environment = environment;
    this.endpoint = endpoint;
    this.target = target;
    this.#connect();
  }

  get connection(): ConnectionId | undefined {
    return this.#connection;
  }

  /** True from the first HELLO until READY or time-out. */
  get busy(): boolean {
    return this.#initiator !== undefined || (this.#session !== undefined && !this.#session.confirmed);
  }

  onConnected(): void {
    // Twice without a disconnection between: libzmq reconnected, and what told us so was lost with the old connection.
    if (this.#connected) return this.onDisconnected();
    this.#connected = true;
    this.begin();
  }

  /** Starts over on a new socket: on the old one, late frames of the old connection mix with those of the new. */
  onDisconnected(): void {
    this.#abandon();
    this.#hangUp();
    this.#retryAtMs = this.#environment.clock.monotonicMs() + this.#jittered(RETRY_MIN_MS / 4);
  }

  /** Begins a handshake, unless one is under way. An older session on this connection goes on meanwhile. */
  begin(): void {
    if (!this.#connected || this.busy) return;
    const { local, clock } = this.#environment;
    this.#initiator = new Initiator(local, this.target, clock.wallMs());
    this.#startedMs = clock.monotonicMs();
    for (const hello of this.#initiator.hellos) this.#send(hello);
  }

  /** As {@link begin}, for replacing a session whose key runs out; waits after a failure. */
  renew(): void {
    if (this.#environment.clock.monotonicMs() >= this.#retryAtMs) this.begin();
  }

  /** A handshake frame for us. */
  async onFrame(frame: Uint8Array): Promise<void> {
    const { counters } = this.#environment;
    const initiator = this.#initiator;
    if (initiator === undefined) return counters.reject('unexpected');
    const step = await initiator.receive(frame).catch((cause: unknown) => this.#onSignerFailed(cause));
    if (step === undefined || this.#initiator !== initiator) return;
    if (step.kind === 'refused') return counters.reject(step.reason);
    this.#send(step.frame);
    if (step.kind !== 'authenticated') return;
    this.#initiator = undefined;
    this.#session = this.#environment.open(step.established, this);
  }

  /** Ends what takes too long and tries again. `wanted`: a session is needed here. */
  tick(nowMs: number, wanted: boolean): void {
    if (this.#session?.confirmed === true) this.#failures = 0;
    if (this.busy && nowMs - this.#startedMs > HANDSHAKE_TIMEOUT_MS) return this.#fail(nowMs);
    if (!wanted || this.busy || nowMs < this.#retryAtMs) return;
    if (this.#connection === undefined) this.#connect();
    else this.begin();
  }

  close(): void {
    this.#abandon();
    this.#hangUp();
  }

  #connect(): void {
    const connection = this.#environment.wire.dial(this.endpoint);
    this.#connection = connection;
    this.#connected = false;
    this.#environment.attach(this, connection);
  }

  /**
   * The connection goes with the handshake, so that the next attempt meets a listener that owes it nothing; but not
   * when the handshake was to replace a session that still works.
   */
  #fail(nowMs: number): void {
    if (this.#session?.confirmed === true) this.#initiator = undefined;
    else {
      this.#abandon();
      this.#hangUp();
    }
    const backOffMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.#failures++);
    this.#retryAtMs = nowMs + this.#jittered(backOffMs);
    const message =
      `nobody at ${this.endpoint} answered as a validator of this chain; check the address, ` +
      'that it runs the same genesis, and that the clocks agree within two minutes';
    this.#environment.onFailed(this, new PqError('QZMQ_NO_ANSWER', message, { endpoint: this.endpoint }));
  }

  /** The only thing in a handshake that can fail by itself. The time-out tries again. */
  #onSignerFailed(cause: unknown): undefined {
    this.#environment.onFailed(this, signerFailed(cause));
    return undefined;
  }

  /** Between 0.5 and 1.5 times as long, so that a restarted node is not met by everyone at once. */
  #jittered(ms: number): number {
    return ms * (0.5 + (this.#environment.local.ephemerals.bytes(1)[0] ?? 0) / 256);
  }

  #abandon(): void {
    this.#initiator = undefined;
    if (this.#session !== undefined && !this.#session.confirmed) this.#environment.discard(this.#session);
    this.#session = undefined;
  }

  #hangUp(): void {
    if (this.#connection === undefined) return;
    this.#environment.wire.hangUp(this.#connection);
    this.#environment.detach(this.#connection);
    this.#connection = undefined;
    this.#connected = false;
  }

  #send(frame: Buffer): void {
    if (this.#connection === undefined) return;
    this.#environment.counters.bytesOut += frame.length;
    // A frame that is not taken is like one that is lost: the time-out begins again.
    void this.#environment.wire.send(this.#connection, frame);
  }
}
