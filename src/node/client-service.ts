/** Serves clients over their sessions: reads what they send, answers, pushes; within bounds per client. */
import type { ProposalId } from '../core/types.ts';
import { isPqError, PqError } from '../errors.ts';
import { encodeNodeMessage } from './client-answers.ts';
import {
  type ClientMessage,
  type DecidedProposal,
  type DecisionAnswer,
  decodeClientMessage,
  MAX_ANSWER_EVIDENCE,
  MAX_PUSH_DECISIONS,
  type NodeMessage,
  type NodeStatus,
  requestIdOf,
  type SubmitResult,
  type Topic,
} from './client-protocol.ts';
import type { EventHub } from './event-hub.ts';
import type { NodeStats } from './events.ts';
import type { KeptEvidence } from './evidence-book.ts';
import type { Follower } from './followers.ts';

/** Submits of one client that are checked and logged at once; one more is refused with `CLIENT_BUSY`. */
const MAX_SUBMITS_IN_FLIGHT = 32;
/** Undecided proposals that one client follows; one more is refused with `CLIENT_FOLLOWS_TOO_MANY`. */
const MAX_FOLLOWED_PER_CLIENT = 20_000;

/** One client's session, as the transport gives it. */
export interface ClientSession {
  /** False: it was not taken, because the session is gone or its queue is full. */
  send(bytes: Uint8Array): boolean;
  /** Ends it; the client may come back and ask again. */
  close(): void;
}

/** What the node does for its clients. */
export interface ClientBackend {
  submit(proposals: readonly Uint8Array[]): Promise<SubmitResult[]>;
  answer(id: Uint8Array): DecisionAnswer;
  follow(id: ProposalId, follower: Follower): void;
  followCertificate(index: number, follower: Follower): void;
  followed(follower: Follower): number;
  drop(follower: Follower): void;
  /** Encoded; empty when there is none. */
  certificate(index: number): Uint8Array;
  /** Encoded; empty when there is none. */
  proof(id: Uint8Array): Uint8Array;
  /** Encoded. */
  epochsFrom(epoch: number): Uint8Array;
  /** In the order in which it was seen. */
  evidence(): readonly Pick<KeptEvidence, 'bytes'>[];
  stats(): NodeStats;
  status(): NodeStatus;
}

/** One client: what it waits for and what it listens to. A client that reads too slowly is sent away, not waited for. */
export class ClientService implements Follower {
  readonly #session: ClientSession;
  readonly #backend: ClientBackend;
  readonly #hub: EventHub;
  #submits = 0;
  #events = 0;
  #unsubscribe: (() => void) | undefined;
  #closed = false;

  constructor(session: ClientSession, backend: ClientBackend, hub: EventHub) {
    this.#session = session;
    this.#backend = backend;
    this.#hub = hub;
  }

  /** Takes one message. What is wrong with it is answered with its code. */
  receive(bytes: Uint8Array): void {
    try {
      this.#handle(decodeClientMessage(bytes));
    } catch (error) {
      if (!isPqError(error)) throw error;
      this.#refuse(requestIdOf(bytes), error);
    }
  }

  /** The session is gone. */
  close(): void {
    this.#closed = true;
    this.#unsubscribe?.();
    this.#backend.drop(this);
  }

  decided(index: number, decisions: readonly DecidedProposal[]): void {
    for (let from = 0; from < decisions.length; from += MAX_PUSH_DECISIONS) {
      this.#send({ kind: 'decided', index, decisions: decisions.slice(from, from + MAX_PUSH_DECISIONS) });
    }
  }

  certified(index: number): void {
    this.#send({ kind: 'certified', index });
  }

  #handle(message: ClientMessage): void {
    const { requestId } = message;
    switch (message.kind) {
      case 'submit':
        return this.#submit(requestId, message.proposals);
      case 'queryDecision':
        return this.#queryDecision(requestId, message.id as ProposalId);
      case 'queryCertificate':
        return this.#send({ kind: 'certificate', requestId, certificate: this.#backend.certificate(message.index) });
      case 'queryProof':
        return this.#send({ kind: 'proof', requestId, proof: this.#backend.proof(message.id) });
      case 'queryEpochs':
        return this.#send({ kind: 'epochs', requestId, epochs: this.#backend.epochsFrom(message.epoch) });
      case 'queryEvidence': {
        const kept = this.#backend.evidence().slice(message.from, message.from + MAX_ANSWER_EVIDENCE);
        return this.#send({ kind: 'evidence', requestId, evidence: kept.map(({ bytes }) => bytes) });
      }
      case 'queryStats':
        return this.#send({ kind: 'stats', requestId, stats: this.#backend.stats() });
      case 'queryStatus':
        return this.#send({ kind: 'status', requestId, status: this.#backend.status() });
      case 'subscribe':
        return this.#subscribe(requestId, message.topics);
    }
  }

  #submit(requestId: number, proposals: readonly Uint8Array[]): void {
    if (this.#submits >= MAX_SUBMITS_IN_FLIGHT) {
      throw new PqError('CLIENT_BUSY', `Wait for answers: at most ${MAX_SUBMITS_IN_FLIGHT} submits are taken at once.`);
    }
    this.#requireRoom(proposals.length);
    this.#submits++;
    void this.#backend.submit(proposals).then(
      (results) => {
        this.#submits--;
        // The answer first: a decision of what the client cannot name yet would be lost on it.
        this.#send({ kind: 'submitted', requestId, results });
        if (this.#closed) return;
        for (const result of results) if (result.taken) this.#backend.follow(result.id as ProposalId, this);
      },
      (error: unknown) => {
        this.#submits--;
        this.#refuse(
          requestId,
          isPqError(error) ? error : new PqError('NODE_FAILED', 'The node cannot take proposals.'),
        );
      },
    );
  }

  #queryDecision(requestId: number, id: ProposalId): void {
    const answer = this.#backend.answer(id);
    if (answer.state === 'pending') this.#requireRoom(1);
    this.#send({ kind: 'decision', requestId, answer });
    if (answer.state === 'pending') this.#backend.follow(id, this);
    if (answer.state === 'decided') this.#backend.followCertificate(answer.index, this);
  }

  #requireRoom(more: number): void {
    if (this.#backend.followed(this) + more <= MAX_FOLLOWED_PER_CLIENT) return;
    throw new PqError(
      'CLIENT_FOLLOWS_TOO_MANY',
      `Wait for decisions: at most ${MAX_FOLLOWED_PER_CLIENT} proposals are followed for one client.`,
    );
  }

  #subscribe(requestId: number, topics: readonly Topic[]): void {
    this.#unsubscribe?.();
    this.#send({ kind: 'subscribed', requestId });
    this.#unsubscribe = this.#hub.subscribe(topics, (event) => {
      this.#events = (this.#events + 1) >>> 0;
      this.#send({ kind: 'event', requestId: this.#events, event });
    });
  }

  #refuse(requestId: number, { code, message }: PqError): void {
    this.#send({ kind: 'error', requestId, code, message });
  }

  #send(message: NodeMessage): void {
    if (this.#closed) return;
    for (const bytes of encodeNodeMessage(message)) {
      if (this.#session.send(bytes)) continue;
      this.close();
      return this.#session.close();
    }
  }
}
