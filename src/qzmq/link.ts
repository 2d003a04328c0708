/** Everything between us and one peer: its sessions, the one that is used for sending, and what waits to be sent. */
import type { Item } from './batch.ts';
import type { Clock } from './clock.ts';
import { KEEPALIVE_ANSWER_MS, KEEPALIVE_MS, LINGER_SESSION_MS, SILENT_SESSION_MS } from './constants.ts';
import type { Committee } from './frames.ts';
import type { Established } from './handshake.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { INNER } from './records.ts';
import type { Session, SessionOwner } from './session.ts';

export interface LinkHandlers {
  onUp(session: Session): void;
  onDown(): void;
  onItems(items: readonly Item[], session: Session): void;
  /** A session, first or not, can be used from now on. */
  onConfirmed?(session: Session): void;
  /** The session's key runs out and we are its initiator. */
  onRenewDue(session: Session): void;
  /** The session is of no use any more; drop it from the table. */
  onDiscarded(session: Session): void;
}

export class Link implements SessionOwner, OutboxOwner {
  readonly outbox: Outbox;
  readonly #handlers: LinkHandlers;
  readonly #clock: Clock;
  /** Of two sessions begun by different sides, the one in which we have this role survives. */
  readonly #survivingRole: Established['role'];
  readonly #sessions = new Set<Session>();
  #current: Session | undefined;

  constructor(
    handlers: LinkHandlers,
    options: { readonly clock: Clock; readonly survivingRole: Established['role']; readonly queueBytesMax: number },
  ) {
    this.#handlers = handlers;
    this.#clock = options.clock;
    this.#survivingRole = options.survivingRole;
    this.outbox = new Outbox(this, options.queueBytesMax);
  }

  get current(): Session | undefined {
    return this.#current;
  }

  get up(): boolean {
    return this.#current !== undefined;
  }

  /** True while a session of this link lives on the connection. */
  uses(connection: number): boolean {
    for (const session of this.#sessions) if (session.connection === connection) return true;
    return false;
  }

  onConfirmed(session: Session): void {
    const previous = this.#current;
    this.#sessions.add(session);
    this.#current = session;
    this.#handlers.onConfirmed?.(session);
    if (previous === undefined) this.#handlers.onUp(session);
    else if (this.#contested(previous, session)) previous.ping();
    else this.#retire(previous);
    this.outbox.flush();
  }

  /**
   * True when `previous` should survive. It may be dead without our knowing, so the new session is used until the
   * previous one shows life (see {@link onAlive}).
   */
  #contested(previous: Session, next: Session): boolean {
    const { role } = previous.established;
    return role === this.#survivingRole && next.established.role !== role;
  }

  onAlive(session: Session): void {
    const current = this.#current;
    if (current === undefined || session === current || session.retireAtMs !== undefined) return;
    if (!this.#contested(session, current)) return;
    this.#current = session;
    this.#retire(current);
  }

  onItems(session: Session, items: readonly Item[]): void {
    this.#handlers.onItems(items, session);
  }

  onRenew(session: Session): void {
    if (session === this.#current && session.established.role === 'initiator') this.#handlers.onRenewDue(session);
  }

  onClosed(session: Session): void {
    this.#drop(session);
  }

  onUnusable(session: Session): void {
    session.sendControl(INNER.CLOSE);
    this.#drop(session);
  }

  /** We believe in another committee now: says so on every session, before anything that is of it. */
  announce(committee: Committee): void {
    for (const session of this.#sessions) session.announce(committee);
  }

  /** Keepalives, renewals and the end of what was replaced. */
  tick(nowMs: number): void {
    for (const session of [...this.#sessions]) this.#tend(session, nowMs);
  }

  /** Says goodbye on every session. */
  close(): void {
    for (const session of [...this.#sessions]) this.onUnusable(session);
  }

  #tend(session: Session, nowMs: number): void {
    const silentMs = nowMs - session.lastReceivedMs;
    if (session.retireAtMs !== undefined && nowMs >= session.retireAtMs) return this.onUnusable(session);
    if (session.pingedMs !== undefined) {
      if (nowMs - session.pingedMs > KEEPALIVE_ANSWER_MS) this.onUnusable(session);
    } else if (silentMs > SILENT_SESSION_MS) this.onUnusable(session);
    else if (session.established.role === 'initiator' && silentMs > KEEPALIVE_MS) session.ping();
    if (session === this.#current && session.renewDue) this.#renew(session, nowMs);
  }

  #renew(session: Session, nowMs: number): void {
    if (session.established.role === 'initiator') return this.#handlers.onRenewDue(session);
    if (session.renewAskedMs !== undefined && nowMs - session.renewAskedMs < KEEPALIVE_ANSWER_MS) return;
    session.renewAskedMs = nowMs;
    session.sendControl(INNER.RENEW);
  }

  #retire(session: Session): void {
    session.retireAtMs = this.#clock.monotonicMs() + LINGER_SESSION_MS;
  }

  #drop(session: Session): void {
    this.#handlers.onDiscarded(session);
    if (!this.#sessions.delete(session) || session !== this.#current) return;
    // The newest of what is left, even if it was about to go: the other side may have done the same.
    this.#current = [...this.#sessions].at(-1);
    if (this.#current !== undefined) {
      this.#current.retireAtMs = undefined;
      this.outbox.flush();
      return;
    }
    this.outbox.clear();
    this.#handlers.onDown();
  }
}
