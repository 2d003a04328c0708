/** The place of one other member: its link, where it lives, and our dial to it. */
import type { Item } from './batch.ts';
import type { Clock } from './clock.ts';
import { SEND_QUEUE_BYTES_MAX } from './constants.ts';
import { Dial, type DialEnvironment } from './dial.ts';
import { sameCommittee } from './frames.ts';
import type { Member } from './handshake.ts';
import type { Candidate } from './initiator.ts';
import { Link } from './link.ts';
import type { Session } from './session.ts';

export interface SeatOptions {
  readonly candidate: Candidate;
  readonly dialEnvironment: DialEnvironment;
  readonly clock: Clock;
  /** Our nodeId is the smaller one: our dial survives, and theirs waits. */
  readonly dialsFirst: boolean;
  onUp(session: Session): void;
  onDown(): void;
  onItems(items: readonly Item[], session: Session): void;
  onDiscarded(session: Session): void;
}

export class Seat {
  readonly candidate: Candidate;
  readonly dialsFirst: boolean;
  readonly link: Link;
  readonly #dialEnvironment: DialEnvironment;
  #endpoint: string | undefined;
  #dialAtMs = Number.NEGATIVE_INFINITY;
  #dial: Dial | undefined;
  /** An earlier dial whose session may still carry something. */
  #replaced: Dial | undefined;

  constructor(options: SeatOptions) {
    this.candidate = options.candidate;
    this.dialsFirst = options.dialsFirst;
    this.#dialEnvironment = options.dialEnvironment;
    const { clock, dialsFirst } = options;
    this.link = new Link(
      {
        onUp: (session) => options.onUp(session),
        onDown: () => options.onDown(),
        onItems: (items, session) => options.onItems(items, session),
        // It may have changed while the handshake was under way.
        onConfirmed: (session) => {
          const { committee } = this.#dialEnvironment.local;
          if (!sameCommittee(session.established.committee, committee)) session.announce(committee);
        },
        onDiscarded: (session) => options.onDiscarded(session),
        onRenewDue: () => this.#dial?.renew(),
      },
      { clock, survivingRole: dialsFirst ? 'initiator' : 'responder', queueBytesMax: SEND_QUEUE_BYTES_MAX },
    );
  }

  get member(): Member {
    return this.candidate.member;
  }

  /** What the peer of the current session believes in is what we believe in. */
  get sameCommittee(): boolean {
    const { current } = this.link;
    const { committee } = this.#dialEnvironment.local;
    return current !== undefined && sameCommittee(current.peerCommittee, committee);
  }

  /** Where the member lives from now on; not to be dialed before `dialAtMs`. */
  locate(endpoint: string, dialAtMs: number): void {
    if (this.#endpoint === endpoint) return;
    this.#endpoint = endpoint;
    this.#dialAtMs = dialAtMs;
    if (this.#dial !== undefined && !this.#inUse(this.#dial)) this.#closeDial();
  }

  /** A dial that was started without knowing whom it would find, and found this member. */
  adopt(dial: Dial): void {
    this.#replaced?.close();
    this.#replaced = this.#dial;
    this.#dial = dial;
    this.#endpoint ??= dial.endpoint;
  }

  /** Both sides prove anew who they are. Whoever dialed does it. */
  renew(): void {
    if (this.link.current?.established.role === 'initiator') this.#dial?.renew();
  }

  tick(nowMs: number): void {
    this.link.tick(nowMs);
    if (this.#replaced !== undefined && !this.#inUse(this.#replaced)) this.#closeReplaced();
    const dial = this.#dial;
    if (dial !== undefined && this.link.up && !this.#inUse(dial)) this.#closeDial();
    else if (dial !== undefined) dial.tick(nowMs, !this.link.up);
    else if (!this.link.up && this.#endpoint !== undefined && nowMs >= this.#dialAtMs) {
      const target = { mode: 'validator', candidates: [this.candidate] } as const;
      this.#dial = new Dial(this.#dialEnvironment, this.#endpoint, target);
    }
  }

  close(): void {
    this.link.close();
    this.#closeReplaced();
    this.#closeDial();
  }

  /** A handshake is under way on it, or a session lives on it. */
  #inUse(dial: Dial): boolean {
    return dial.busy || (dial.connection !== undefined && this.link.uses(dial.connection));
  }

  #closeReplaced(): void {
    this.#replaced?.close();
    this.#replaced = undefined;
  }

  #closeDial(): void {
    this.#dial?.close();
    this.#dial = undefined;
  }
}
