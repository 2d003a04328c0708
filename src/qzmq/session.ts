/** One session: the keys of one handshake on one connection. Which session of a peer is used is the link's business. */
import { equalBytes } from '../crypto/bytes.ts';
import { decodeBatch, type Item } from './batch.ts';
import type { Clock } from './clock.ts';
import type { Counters } from './counters.ts';
import { type Committee, decodeCommittee, encodeCommittee } from './frames.ts';
import type { Established } from './handshake.ts';
import { INNER, type KeyLimits, type OpenedRecord, RecordOpener, RecordSealer } from './records.ts';
import type { ConnectionId, SendResult, Wire } from './wire.ts';

/** What happens in a session, told to whoever owns it. */
export interface SessionOwner {
  /** READY was exchanged: both sides know that the other has the keys. */
  onConfirmed(session: Session): void;
  /** Any authentic record came. */
  onAlive(session: Session): void;
  onItems(session: Session, items: readonly Item[]): void;
  /** The peer's key runs out: the initiator should begin a new handshake. */
  onRenew(session: Session): void;
  onClosed(session: Session): void;
}

/** Records kept back from the key's limit for RENEW, PING and CLOSE. */
const RESERVED_BYTES = 4_096;

export class Session {
  readonly established: Established;
  readonly connection: ConnectionId;
  readonly #owner: SessionOwner;
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #sealer: RecordSealer;
  readonly #opener: RecordOpener;
  #confirmed = false;
  /** What the peer believes in: first as the handshake had it, then as it says. */
  #peerCommittee: Committee;
  lastReceivedMs: number;
  /** When an unanswered PING was sent. */
  pingedMs: number | undefined;
  renewAskedMs: number | undefined;
  /** Replaced by a better one: only receives, until then. */
  retireAtMs: number | undefined;

  constructor(
    established: Established,
    connection: ConnectionId,
    owner: SessionOwner,
    environment: {
      readonly wire: Wire;
      readonly clock: Clock;
      readonly counters: Counters;
      readonly keyLimits: KeyLimits;
    },
  ) {
    const { keys, suite, role, peerSid } = established;
    const { keyLimits } = environment;
    const [sendSecret, receiveSecret] =
      role === 'initiator' ? [keys.initiator, keys.responder] : [keys.responder, keys.initiator];
    this.established = established;
    this.#peerCommittee = established.peerCommittee;
    this.connection = connection;
    this.#owner = owner;
    this.#wire = environment.wire;
    this.#clock = environment.clock;
    this.#counters = environment.counters;
    this.#sealer = new RecordSealer(sendSecret, suite, peerSid, keyLimits);
    this.#opener = new RecordOpener(receiveSecret, suite, keyLimits);
    // The ciphers hold keys derived from them; nothing needs the secrets again.
    sendSecret.fill(0);
    receiveSecret.fill(0);
    this.lastReceivedMs = this.#clock.monotonicMs();
  }

  /** Key of the session table. */
  get name(): string {
    return Buffer.from(this.established.ownSid).toString('latin1');
  }

  get confirmed(): boolean {
    return this.#confirmed;
  }

  get peerCommittee(): Committee {
    return this.#peerCommittee;
  }

  get renewDue(): boolean {
    return this.#sealer.renewDue;
  }

  /** R's first record: tells I that R has accepted. Data may follow at once. */
  confirm(): void {
    this.sendControl(INNER.READY, this.established.transcript);
    this.#onConfirmed();
  }

  /** The record of a batch, or undefined when the key is used up. */
  seal(batch: Uint8Array): Buffer | undefined {
    if (!this.#sealer.admits(batch.length + RESERVED_BYTES)) return undefined;
    return this.#sealer.seal(INNER.BATCH, batch);
  }

  async transmit(record: Buffer): Promise<SendResult> {
    const { length } = record;
    const result = await this.#wire.send(this.connection, record);
    if (result === 'ok') {
      this.#counters.recordsOut++;
      this.#counters.bytesOut += length;
    }
    return result;
  }

  /** Sends a small record if the connection takes it now; the peer's or our timers repeat what matters. */
  sendControl(inner: number, body: Uint8Array = new Uint8Array(0)): void {
    if (!this.#sealer.admits(body.length + 1)) return;
    void this.transmit(this.#sealer.seal(inner, body));
  }

  /** Says which committee we believe in from now on. */
  announce(committee: Committee): void {
    this.sendControl(INNER.COMMITTEE, encodeCommittee(committee));
  }

  ping(): void {
    this.pingedMs = this.#clock.monotonicMs();
    this.sendControl(INNER.PING);
  }

  receive(frame: Buffer): void {
    const record = this.#opener.open(frame);
    if (record === undefined) return this.#counters.reject('bad-record');
    this.#counters.recordsIn++;
    this.lastReceivedMs = this.#clock.monotonicMs();
    this.pingedMs = undefined;
    if (!this.#confirmed) return this.#awaitReady(record);
    this.#owner.onAlive(this);
    this.#dispatch(record);
  }

  #awaitReady({ inner, body }: OpenedRecord): void {
    if (inner !== INNER.READY || !equalBytes(body, this.established.transcript)) {
      this.#counters.reject('unexpected');
      return this.#owner.onClosed(this);
    }
    this.#onConfirmed();
  }

  #onConfirmed(): void {
    this.#confirmed = true;
    this.#counters.handshakes++;
    this.#owner.onConfirmed(this);
  }

  #onCommittee(body: Uint8Array): void {
    const committee = decodeCommittee(body);
    if (committee === undefined) return this.#counters.reject('unexpected');
    this.#peerCommittee = committee;
  }

  #dispatch({ inner, body }: OpenedRecord): void {
    if (inner === INNER.BATCH) {
      const items = decodeBatch(body);
      if (items === undefined) this.#counters.reject('bad-batch');
      else this.#owner.onItems(this, items);
    } else if (inner === INNER.PING) this.sendControl(INNER.PONG);
    else if (inner === INNER.RENEW) this.#owner.onRenew(this);
    else if (inner === INNER.CLOSE) this.#owner.onClosed(this);
    else if (inner === INNER.COMMITTEE) this.#onCommittee(body);
    else if (inner !== INNER.PONG) this.#counters.reject('unexpected');
  }
}
