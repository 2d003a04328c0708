/**
 * A client of a node: hands in proposals and follows each to its certified decision, asks for certificates and figures,
 * listens to events; with `reconnect` it survives the node going away and asks again for all it waits for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PqError } from '../errors.ts';
import { NodeMessageReader } from './client-answers.ts';
import { Followed, type FollowedEntry, type FollowedProposal } from './client-followed.ts';
import {
  type ClientMessage,
  type DecisionAnswer,
  encodeClientMessage,
  MAX_CLIENT_MESSAGE_BYTES,
  MAX_SUBMIT_PROPOSALS,
  type NodeMessage,
  type NodeStatus,
  type SubmitResult,
  type Topic,
} from './client-protocol.ts';
import { type Asker, ClientRequests } from './client-requests.ts';
import type { NodeEvent, NodeStats } from './events.ts';
import { MAX_KEPT_EVIDENCE } from './evidence-book.ts';

/** What a client needs of a session: QZMQ gives one (`client-link.ts`), a test any other. */
export interface ClientLink {
  /** False: it was not taken, because the session is gone or its queue is full. */
  send(message: Uint8Array): boolean;
  /** Ends the session; `onClose` is not called for it. */
  close(): Promise<void>;
}

export interface LinkHandlers {
  onMessage(message: Uint8Array): void;
  /** The session ended, not by {@link ClientLink.close}. */
  onClose(): void;
}

export interface ClientOptions {
  /** Opens a session; called again after a loss when `reconnect` is on. */
  readonly connect: (handlers: LinkHandlers) => Promise<ClientLink>;
  /** Default false: a lost session rejects everything that waits with `CLIENT_DISCONNECTED`. */
  readonly reconnect?: boolean;
  /** Called with every problem that is not the answer to a call: lost sessions, unreadable messages. */
  readonly onProblem?: (error: PqError) => void;
}

/** Between two attempts to reconnect; doubles up to the second. Milliseconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 3000;
/** Submits that wait for an answer at once; a node takes 32. More would be refused, so they wait here. */
const MAX_SUBMITS_IN_FLIGHT = 16;
/** Questions about single proposals in flight after a reconnect. */
const MAX_QUESTIONS_AT_ONCE = 64;
/** Kind, request id and count in front of the proposals of one submit. */
const SUBMIT_HEAD_BYTES = 7;
const LENGTH_BYTES = 2;

export class Client {
  readonly #options: ClientOptions;
  readonly #requests = new ClientRequests();
  readonly #followed = new Followed();
  #link: ClientLink | null = null;
  /** Entries that are in no submit on this session yet, oldest first. */
  #unsent: FollowedEntry[] = [];
  #submitsInFlight = 0;
  #topics: readonly Topic[] = [];
  #onEvent: (event: NodeEvent) => void = () => {};
  #closed = false;

  private constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Connects once; the first failure is thrown, also with `reconnect`. */
  static async connect(options: ClientOptions): Promise<Client> {
    const client = new Client(options);
    await client.#open();
    return client;
  }

  /** Proposals that have no final answer yet. */
  get pending(): number {
    return this.#followed.pending;
  }

  /**
   * Hands in proposals (canonical encodings) in as many messages as it takes, and follows each; a refused one rejects
   * with the node's code. Throws `CLIENT_CLOSED`, `CLIENT_PENDING`.
   */
  submit(proposals: readonly Uint8Array[]): FollowedProposal[] {
    if (this.#closed) throw closedError();
    const entries = this.#followed.add(proposals);
    if (this.#link !== null) this.#unsent.push(...entries);
    // With `reconnect` they go out on the next session. Without, there will be none, and nobody may wait for it.
    else if (this.#options.reconnect !== true) this.#followed.reject(entries, disconnectedError());
    this.#pump();
    return entries.map((entry) => entry.handle);
  }

  async status(): Promise<NodeStatus> {
    return (await this.#ask('status', (requestId) => ({ kind: 'queryStatus', requestId }))).status;
  }

  async stats(): Promise<NodeStats> {
    return (await this.#ask('stats', (requestId) => ({ kind: 'queryStats', requestId }))).stats;
  }

  /** The encoded certificate of commit `index` (0: the newest), or null when the node has none. */
  async certificate(index: number): Promise<Uint8Array | null> {
    const answer = await this.#ask('certificate', (requestId) => ({ kind: 'queryCertificate', requestId, index }));
    return answer.certificate.length === 0 ? null : answer.certificate;
  }

  /** The encoded proof of what was decided on a proposal, own or not; null while no certified commit holds a decision. */
  async proof(id: Uint8Array): Promise<Uint8Array | null> {
    const answer = await this.#ask('proof', (requestId) => ({ kind: 'queryProof', requestId, id }));
    return answer.proof.length === 0 ? null : answer.proof;
  }

  /** The encoded chain of closing certificates from the committee of `epoch` on, as far as one answer holds. */
  async epochs(epoch: number): Promise<Uint8Array> {
    return (await this.#ask('epochs', (requestId) => ({ kind: 'queryEpochs', requestId, epoch }))).epochs;
  }

  /** Encoded evidence of the equivocations that the node saw, whoever committed them; whether it shows any is to be checked. */
  async evidence(): Promise<Uint8Array[]> {
    const all: Uint8Array[] = [];
    while (all.length < MAX_KEPT_EVIDENCE) {
      const from = all.length;
      const answer = await this.#ask('evidence', (requestId) => ({ kind: 'queryEvidence', requestId, from }));
      if (answer.evidence.length === 0) break;
      all.push(...answer.evidence);
    }
    return all;
  }

  /** What the node knows of any proposal, own or not. */
  async decision(id: Uint8Array): Promise<DecisionAnswer> {
    return (await this.#ask('decision', (requestId) => ({ kind: 'queryDecision', requestId, id }))).answer;
  }

  /** Listens to events of these topics from now on, in place of those before; over reconnects too. */
  async subscribe(topics: readonly Topic[], onEvent: (event: NodeEvent) => void): Promise<void> {
    this.#topics = topics;
    this.#onEvent = onEvent;
    await this.#ask('subscribed', (requestId) => ({ kind: 'subscribe', requestId, topics }));
  }

  /** Ends the session. What still waits rejects with `CLIENT_CLOSED`. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#requests.rejectAll(closedError());
    this.#followed.rejectAll(closedError());
    const link = this.#link;
    this.#link = null;
    await link?.close();
  }

  /** Opens a session and makes it the one that is used. */
  async #open(): Promise<void> {
    const reader = new NodeMessageReader();
    let link: ClientLink | null = null;
    let isLost = false;
    link = await this.#options.connect({
      onMessage: (bytes) => this.#receive(reader, bytes),
      onClose: () => {
        isLost = true;
        if (link !== null) this.#lost(link);
      },
    });
    if (isLost) throw disconnectedError();
    this.#link = link;
  }

  #receive(reader: NodeMessageReader, bytes: Uint8Array): void {
    let message: NodeMessage | null;
    try {
      message = reader.read(bytes);
    } catch (error) {
      this.#problem(error);
      return;
    }
    if (message !== null) this.#handle(message);
  }

  #handle(message: NodeMessage): void {
    if (message.kind === 'event') this.#onEvent(message.event);
    else if (message.kind === 'certified') this.#followed.certified(message.index);
    else if (message.kind === 'decided') {
      for (const decision of message.decisions) this.#followed.decided(message.index, decision);
    } else if (!this.#requests.answer(message) && message.kind === 'error') {
      this.#problem(new PqError(message.code, message.message));
    }
  }

  #lost(link: ClientLink): void {
    if (this.#link !== link) return;
    this.#link = null;
    this.#unsent = [];
    this.#submitsInFlight = 0;
    const error = disconnectedError();
    this.#requests.rejectAll(error);
    this.#problem(error);
    if (this.#options.reconnect === true) void this.#reconnect();
    else this.#followed.rejectAll(error);
  }

  async #reconnect(): Promise<void> {
    for (let waitMs = RETRY_MIN_MS; !this.#closed; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
      await delay(waitMs);
      try {
        await this.#open();
        if (this.#closed) await this.#link?.close();
        else this.#resume();
        return;
      } catch (error) {
        this.#problem(error);
      }
    }
  }

  /** Takes up on a new session what the lost one left: events, unanswered submits, missing decisions. */
  #resume(): void {
    const report = (error: unknown): void => this.#problem(error);
    if (this.#topics.length > 0) this.subscribe(this.#topics, this.#onEvent).catch(report);
    this.#askAllAgain(this.#followed.unfinished()).catch(report);
    // The same bytes have the same id: a node that took them before says so again.
    this.#unsent = this.#followed.unacknowledged();
    this.#pump();
  }

  /** A few at a time: there may be more than questions that may wait at once. */
  async #askAllAgain(entries: readonly FollowedEntry[]): Promise<void> {
    for (let from = 0; from < entries.length && this.#link !== null; from += MAX_QUESTIONS_AT_ONCE) {
      await Promise.all(entries.slice(from, from + MAX_QUESTIONS_AT_ONCE).map((entry) => this.#askAgain(entry)));
    }
  }

  async #askAgain(entry: FollowedEntry): Promise<void> {
    if (entry.acknowledged === null) return;
    const answer = await this.decision(entry.acknowledged.id);
    if (answer.state === 'decided' || answer.state === 'certified') {
      this.#followed.decided(answer.index, answer.decided);
      if (answer.state === 'certified') this.#followed.certified(answer.index);
    } else if (answer.state === 'unknown') {
      const what = 'The node does not know this proposal: it lost its data. Submit it again.';
      this.#followed.reject([entry], new PqError('PROPOSAL_UNKNOWN', what));
    }
  }

  /** Sends what waits, in messages that fit, as far as the node takes them at once. */
  #pump(): void {
    while (this.#link !== null && this.#unsent.length > 0 && this.#submitsInFlight < MAX_SUBMITS_IN_FLIGHT) {
      const batch = this.#unsent.splice(0, batchLength(this.#unsent));
      this.#submitBatch(batch);
    }
  }

  #submitBatch(batch: readonly FollowedEntry[]): void {
    const link = this.#link;
    const proposals = batch.map((entry) => entry.bytes);
    const done = (): void => {
      // On a new session the count began anew.
      if (this.#link === link) this.#submitsInFlight -= 1;
      // Not from in here: a submit that fails at once would nest the next one.
      queueMicrotask(() => this.#pump());
    };
    this.#submitsInFlight += 1;
    this.#question((requestId) => ({ kind: 'submit', requestId, proposals }), {
      // At once: the node may send the decision right behind the answer that says which id is meant.
      resolve: (message) => {
        if (message.kind === 'submitted') this.#acknowledged(batch, message.results);
        else this.#submitFailed(batch, unexpected(message.kind, 'submitted'));
        done();
      },
      reject: (error) => {
        this.#submitFailed(batch, error);
        done();
      },
    });
  }

  #acknowledged(batch: readonly FollowedEntry[], results: readonly SubmitResult[]): void {
    this.#followed.acknowledge(batch, results);
    const again = batch.filter((entry) => entry.again);
    if (again.length > 0) this.#askAllAgain(again).catch((error: unknown) => this.#problem(error));
  }

  #submitFailed(batch: readonly FollowedEntry[], error: PqError): void {
    // A lost session says nothing about the proposals: with `reconnect` they are submitted again on the next one.
    if (error.code === 'CLIENT_DISCONNECTED' && this.#options.reconnect === true) return;
    this.#followed.reject(batch, error);
  }

  async #ask<Kind extends AnswerKind>(
    kind: Kind,
    build: (requestId: number) => ClientMessage,
  ): Promise<Extract<NodeMessage, { kind: Kind }>> {
    const { promise, resolve, reject } = Promise.withResolvers<NodeMessage>();
    this.#question(build, { resolve, reject });
    const message = await promise;
    if (message.kind !== kind) throw unexpected(message.kind, kind);
    return message as Extract<NodeMessage, { kind: Kind }>;
  }

  /** Sends a question; whatever comes of it reaches `asker`, failures to send too. */
  #question(build: (requestId: number) => ClientMessage, asker: Asker): void {
    if (this.#closed) return asker.reject(closedError());
    if (this.#link === null) return asker.reject(disconnectedError());
    let requestId = 0;
    try {
      requestId = this.#requests.open(asker);
      if (this.#link.send(encodeClientMessage(build(requestId)))) return;
      throw new PqError('CLIENT_FULL', 'The session takes nothing more at the moment; wait for answers.');
    } catch (error) {
      this.#requests.abandon(requestId);
      asker.reject(asPqError(error));
    }
  }

  #problem(error: unknown): void {
    this.#options.onProblem?.(asPqError(error));
  }
}

type AnswerKind = 'decision' | 'certificate' | 'proof' | 'epochs' | 'evidence' | 'stats' | 'status' | 'subscribed';

/** How many of the first entries fit one message: at least 1. */
function batchLength(entries: readonly FollowedEntry[]): number {
  let bytes = SUBMIT_HEAD_BYTES;
  let count = 0;
  for (const entry of entries.slice(0, MAX_SUBMIT_PROPOSALS)) {
    bytes += LENGTH_BYTES + entry.bytes.length;
    if (count > 0 && bytes > MAX_CLIENT_MESSAGE_BYTES) break;
    count += 1;
  }
  return count;
}

function asPqError(error: unknown): PqError {
  return error instanceof PqError ? error : new PqError('CLIENT_FAILED', String(error), {}, error);
}

function unexpected(given: string, due: string): PqError {
  return new PqError('CLIENT_ANSWER', `The node answered with ${given} where ${due} was due.`);
}

function closedError(): PqError {
  return new PqError('CLIENT_CLOSED', 'The client was closed.');
}

function disconnectedError(): PqError {
  return new PqError('CLIENT_DISCONNECTED', 'The session with the node is lost: is it still running?');
}
