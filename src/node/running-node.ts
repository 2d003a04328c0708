import type { Agent } from '../agent/agent.ts';
import { HEADER_CONTEXT } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import { encodeCertificate } from '../core/certificate.ts';
import type { Committee } from '../core/committee.ts';
import { type Core, createCore } from '../core/core.ts';
import type { LocalParameters } from '../core/options.ts';
import type { AuthorIndex, ProposalId } from '../core/types.ts';
import type { Identity } from '../crypto/identity.ts';
import { verify } from '../crypto/verify.ts';
import { PqError } from '../errors.ts';
import type { Transport, TransportHandlers } from '../qzmq/transport.ts';
import type { SignedRecordFile } from '../store/signed-record.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { Admission } from './admission.ts';
import type { NodeApplication } from './application.ts';
import { Bookkeeper } from './bookkeeper.ts';
import {
  type DecisionAnswer,
  NEWEST_CERTIFICATE,
  type NodeStatus,
  type SubmitResult,
  type Topic,
} from './client-protocol.ts';
import { type ClientBackend, ClientService } from './client-service.ts';
import type { Clock } from './clock.ts';
import { Decisions } from './decisions.ts';
import { Driver } from './driver.ts';
import { EventHub } from './event-hub.ts';
import type { NodeEvent, NodeStats } from './events.ts';
import type { Follower } from './followers.ts';
import { certificateOf, HistoryServer, newestCertifiedIndex } from './history-server.ts';
import { Judge } from './judge.ts';
import type { Log } from './log.ts';
import type { Node } from './node.ts';
import { PeerLinks } from './peer-links.ts';
import { recover } from './recovery.ts';
import { Reporter } from './reporter.ts';
import { Sealer } from './sealer.ts';
import { statsOf } from './stats.ts';
import { VerifyQueue } from './verify-queue.ts';
import { packageVersion } from './version.ts';

/** What a running node is made of. It owns all of it and closes it when it stops. */
export interface NodeParts {
  readonly kernels: Kernels;
  readonly committee: Committee;
  readonly self: AuthorIndex;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly store: Store;
  /** One that reads null is lost: the node must not sign. */
  readonly record: SignedRecordFile;
  readonly agent: Agent;
  readonly application: NodeApplication;
  readonly local: Partial<LocalParameters>;
  readonly log: Log;
}

/** Wires the parts together. {@link recover}, then {@link connect}, then it runs until {@link stop} or a fatal error. */
export class RunningNode implements Node, ClientBackend {
  readonly index: AuthorIndex;
  readonly #parts: NodeParts;
  readonly #hub: EventHub;
  readonly #reporter: Reporter;
  readonly #core: Core;
  readonly #judge: Judge;
  readonly #sealer: Sealer;
  readonly #driver: Driver;
  readonly #decisions: Decisions;
  readonly #admission: Admission;
  readonly #clients = new Map<number, ClientService>();
  readonly #exit = Promise.withResolvers<0 | 1>();
  readonly #startedMs: number;
  readonly #cpuAtStart = process.cpuUsage();
  /** Peers that were up before the transport was handed over. */
  readonly #early: number[] = [];
  #transport: Transport | undefined;
  #links: PeerLinks | undefined;
  #stopping: Promise<void> | undefined;

  constructor(parts: NodeParts) {
    const { kernels, committee, self, store, agent, application, clock, log } = parts;
    this.#parts = parts;
    this.index = self;
    this.#startedMs = clock.now();
    this.#hub = new EventHub((error) => this.#warn('LISTENER_FAILED', 'A subscriber of events failed', error));
    this.#core = createCore({
      kernels,
      committee,
      self,
      keysOf: application.keysOf,
      modelId: agent.modelId(),
      local: parts.local,
    });
    const dagSize = () => this.#core.status().dagBlocks;
    this.#reporter = new Reporter(this.#hub, clock, (proposal) => application.summary(proposal), dagSize);
    this.#judge = this.#makeJudge();
    this.#sealer = this.#makeSealer();
    this.#driver = this.#makeDriver();
    this.#decisions = new Decisions(store, newestCertifiedIndex(store), this.#onStorageFailed);
    this.#admission = this.#makeAdmission();
    this.#bookkeeper = new Bookkeeper({
      store,
      admission: this.#admission,
      decisions: this.#decisions,
      reporter: this.#reporter,
      log,
      onHalt: () => this.#sealer.stop(),
    });
  }
  readonly #bookkeeper: Bookkeeper;

  get address(): string {
    return this.#transport?.address ?? '';
  }

  get exited(): Promise<0 | 1> {
    return this.#exit.promise;
  }

  /** Replays what the store holds and starts the core. Throws what recovery throws, and what the core failed with. */
  async recover(): Promise<void> {
    const { kernels, store, record, log } = this.#parts;
    const post = this.#driver.post.bind(this.#driver);
    const { commits, blocks, pending } = await recover({
      kernels,
      store,
      core: this.#core,
      post,
      record: record.read(),
    });
    this.#admission.resume(pending);
    const message = `Recovered ${commits} commits, ${blocks} blocks after them and ${pending.length} proposals.`;
    log({ level: 'info', code: 'RECOVERED', message });
  }

  /** Where the transport hands over what it hears. */
  handlers(): TransportHandlers {
    return {
      onMessage: (peer, bytes) => {
        const message = this.#links?.receive(peer, bytes);
        if (message != null) this.#driver.post({ type: 'message', peer: peer as AuthorIndex, bytes: message });
      },
      onPeerUp: (peer) => {
        // The transport may have a session before it is handed to us.
        if (this.#links === undefined) return void this.#early.push(peer);
        this.#driver.post({ type: 'peerUp', peer: peer as AuthorIndex });
        this.#reporter.peer(peer, true);
      },
      onPeerDown: (peer) => {
        this.#links?.down(peer);
        this.#driver.post({ type: 'peerDown', peer: peer as AuthorIndex });
        this.#reporter.peer(peer, false);
      },
      onClientUp: (client) => void this.#clients.set(client, this.#serve(client)),
      onClientMessage: (client, bytes) => this.#clients.get(client)?.receive(bytes),
      onClientDown: (client) => {
        this.#clients.get(client)?.close();
        this.#clients.delete(client);
      },
      onNotice: ({ code, message, data }) => this.#parts.log({ level: 'warn', code, message, data }),
    };
  }

  connect(transport: Transport): void {
    this.#transport = transport;
    this.#links = new PeerLinks(transport);
    const { onPeerUp } = this.handlers();
    for (const peer of this.#early.splice(0)) if (transport.peers.includes(peer)) onPeerUp(peer, true);
  }

  submit(proposals: readonly Uint8Array[]): Promise<SubmitResult[]> {
    if (this.#driver.stopped) return Promise.reject(new PqError('NODE_STOPPED', 'This node is stopping: ask another.'));
    return this.#admission.submit(proposals);
  }

  answer(id: Uint8Array): DecisionAnswer {
    return this.#decisions.find(id) ?? { state: this.#admission.owes(id) ? 'pending' : 'unknown' };
  }

  follow(id: ProposalId, follower: Follower): void {
    this.#decisions.follow(id, follower);
  }

  followCertificate(index: number, follower: Follower): void {
    this.#decisions.followCertificate(index, follower);
  }

  followed(follower: Follower): number {
    return this.#decisions.followed(follower);
  }

  drop(follower: Follower): void {
    this.#decisions.drop(follower);
  }

  certificate(index: number): Uint8Array {
    const { certifiedIndex } = this.#decisions;
    const certificate = certificateOf(this.#parts.store, index === NEWEST_CERTIFICATE ? certifiedIndex : index);
    return certificate === undefined ? new Uint8Array(0) : encodeCertificate(certificate);
  }

  subscribe(topics: readonly Topic[], listener: (event: NodeEvent) => void): () => void {
    return this.#hub.subscribe(topics, listener);
  }

  stats(): NodeStats {
    return statsOf({
      validator: this.index,
      validators: this.#parts.committee.size,
      startedMs: this.#startedMs,
      nowMs: this.#parts.clock.now(),
      core: this.#core.status(),
      counters: this.#reporter.counters,
      agent: this.#parts.agent.stats(),
      transport: this.#transport?.stats() ?? { bytesIn: 0, bytesOut: 0 },
      peers: this.#transport?.peers ?? [],
      cpuAtStart: this.#cpuAtStart,
    });
  }

  status(): NodeStatus {
    const { committee } = this.#parts;
    const { round, commitIndex, certifiedIndex, halted } = this.#core.status();
    const peers = this.#transport?.peers ?? [];
    const connected = [this.index, ...peers].reduce((sum, peer) => sum + committee.stakes[peer]!, 0);
    return {
      chainId: toHex(committee.chainId),
      version: packageVersion(),
      validator: this.index,
      validators: committee.size,
      round,
      commitIndex,
      certifiedIndex,
      peers,
      ready: connected >= committee.quorum && !halted && !this.#driver.stopped,
    };
  }

  stop(): Promise<void> {
    return this.#stop(0);
  }

  /** Signs no more, tells what is owed, syncs, closes. Never rejects; a part that does not close makes the exit code 1. */
  #stop(code: 0 | 1): Promise<void> {
    this.#stopping ??= this.#close().then(
      () => this.#exit.resolve(code),
      (error: unknown) => {
        this.#warn('STOP_FAILED', 'The node did not stop cleanly; what was acknowledged is in the log', error);
        this.#exit.resolve(1);
      },
    );
    return this.#stopping;
  }

  async #close(): Promise<void> {
    const { store, record, agent } = this.#parts;
    this.#driver.stop();
    await this.#sealer.settled();
    await this.#decisions.flush();
    await this.#transport?.close();
    await agent.close();
    await record.close();
    await store.close();
  }

  #serve(client: number): ClientService {
    const session = {
      send: (bytes: Uint8Array) => this.#transport?.sendClient(client, bytes) === 'ok',
      close: () => this.#transport?.closeClient(client),
    };
    return new ClientService(session, this, this.#hub);
  }

  #makeJudge(): Judge {
    const { agent, application } = this.#parts;
    return new Judge({
      opine: (items, deadlineMs) => agent.opine(items, deadlineMs),
      describe: (proposal) => application.describe(proposal),
      isSound: async (proposal) => (await application.check(proposal)) === null,
      deadlineMs: agent.config.timeoutPhase,
      onFailure: (error) => this.#warn('MODELS_FAILED', 'The models failed; no vote is cast', error),
    });
  }

  #makeSealer(): Sealer {
    const { store, record, identity } = this.#parts;
    return new Sealer({
      store,
      record: record.read() === null ? null : record,
      signer: identity.signing,
      onSealed: (digest, signature) => this.#driver.post({ type: 'sealed', digest, signature }),
      onFailed: (error) => this.#onSealFailed(error),
    });
  }

  #makeDriver(): Driver {
    const { committee, store, clock, application } = this.#parts;
    const verifier = new VerifyQueue(
      ({ author, digest, signature }) =>
        verify(committee.validators[author]!.publicKey, digest, HEADER_CONTEXT, signature),
      (token, valid) => this.#driver.post({ type: 'verified', token, valid }),
    );
    const history = new HistoryServer(store, clock, committee.size, (peer, bytes) => this.#links?.send(peer, bytes));
    return new Driver({
      core: this.#core,
      clock,
      store,
      verifier,
      judge: this.#judge,
      sealer: this.#sealer,
      send: (to, bytes) => this.#links?.send(to, bytes),
      serve: (peer, request) => history.serve(peer, request),
      execute: (execution) => application.execute(execution),
      onEvent: (event) => this.#bookkeeper.record(event),
      onOpinion: (block, judgement) => {
        if (judgement !== null) this.#reporter.opinion(block, judgement);
      },
      onFatal: (error) => this.#onFatal(error),
    });
  }

  #makeAdmission(): Admission {
    const { kernels, committee, store, clock, agent, application } = this.#parts;
    return new Admission({
      kernels,
      clock,
      store,
      judge: this.#judge,
      check: (proposal) => application.check(proposal),
      feed: (submissions) => this.#driver.post({ type: 'submit', submissions }),
      onFailed: this.#onStorageFailed,
      maxExpiryMs: committee.parameters.maxExpiryMs,
      maxProposalsPerSec: agent.config.maxProposalsPerSec,
    });
  }

  /** A record that refuses stops signing only: the node goes on serving. A store that cannot be written stops the node. */
  #onSealFailed(error: unknown): void {
    const code = error instanceof PqError ? error.code : 'SEAL_FAILED';
    if (code.startsWith('STORE_')) return this.#onStorageFailed(error);
    this.#reporter.alarm(true, code, 'This validator signs no more.');
    const message = `This validator signs no more: ${error instanceof Error ? error.message : String(error)}`;
    this.#parts.log({ level: 'error', code, message });
  }

  readonly #onStorageFailed = (cause: unknown): void => {
    if (cause instanceof PqError) return this.#onFatal(cause);
    this.#onFatal(new PqError('STORE_FAILED', 'The store failed: check the disk, then restart.', {}, cause));
  };

  #onFatal(error: PqError): void {
    if (this.#stopping !== undefined) return;
    const { code, message, data } = error;
    this.#parts.log({ level: 'error', code, message, data });
    this.#reporter.alarm(true, code, message);
    void this.#stop(1);
  }

  #warn(code: string, message: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.log({ level: 'warn', code, message: `${message}: ${reason}` });
  }
}
