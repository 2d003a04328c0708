import { randomBytes } from 'node:crypto';
import type { Agent } from '../agent/agent.ts';
import { encodeCertificate } from '../core/certificate.ts';
import type { Committee } from '../core/committee.ts';
import { type Core, createCore } from '../core/core.ts';
import type { CoreEvent } from '../core/events.ts';
import type { LocalParameters, ReadBlock } from '../core/options.ts';
import { encodeProof } from '../core/proof.ts';
import type { AuthorIndex, ProposalId } from '../core/types.ts';
import type { Identity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import type { CommitteeChange, Transport, TransportHandlers } from '../qzmq/transport.ts';
import type { SignedRecordFile } from '../store/signed-record.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { Admission } from './admission.ts';
import type { NodeApplication } from './application.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { Certificates } from './certificates.ts';
import { Checks } from './checks.ts';
import {
  type DecisionAnswer,
  NEWEST_CERTIFICATE,
  type NodeStatus,
  type SubmitResult,
  type Topic,
} from './client-protocol.ts';
import { type ClientBackend, ClientService } from './client-service.ts';
import type { Clock } from './clock.ts';
import { committeeViewOf } from './committee-view.ts';
import { Decisions } from './decisions.ts';
import { Driver } from './driver.ts';
import { Epochs } from './epochs.ts';
import { EventHub } from './event-hub.ts';
import type { NodeEvent, NodeStats } from './events.ts';
import { EvidenceBook, type KeptEvidence } from './evidence-book.ts';
import type { Follower } from './followers.ts';
import { History, type HistoryOptions } from './history.ts';
import { HistoryServer } from './history-server.ts';
import { Judge } from './judge.ts';
import type { Log } from './log.ts';
import type { Node } from './node.ts';
import { proofOf } from './proofs.ts';
import { type RecoveryParts, recover, recoveredText } from './recovery.ts';
import { Reporter } from './reporter.ts';
import { Sealer } from './sealer.ts';
import { Sessions } from './sessions.ts';
import type { SnapshotStore } from './snapshots.ts';
import { type StatsSources, statsOf, statusOf } from './stats.ts';
import { withUpgrades } from './upgrades.ts';

/**
 * What a running node is made of. It owns all of it and closes it when it stops. The simulator brings its own clock, disk,
 * keys, models and transport; everything between them is the same.
 */
export interface NodeParts {
  readonly kernels: Kernels;
  /** Of genesis. */
  readonly committee: Committee;
  readonly identity: Pick<Identity, 'signing'>;
  readonly clock: Clock;
  readonly store: Store;
  /** One that reads null is lost: the node must not sign. */
  readonly record: SignedRecordFile;
  readonly agent: Pick<Agent, 'opine' | 'modelId' | 'config' | 'stats' | 'close'>;
  readonly application: NodeApplication;
  readonly local: Partial<LocalParameters>;
  readonly snapshots: SnapshotStore;
  readonly history: HistoryOptions;
  readonly log: Log;
  /** Told of every event of the core before the node draws its consequences. */
  readonly observe?: (event: CoreEvent) => void;
  /** As in the options of the core. */
  readonly readBlock?: ReadBlock;
}

/** Wires the parts together. {@link recover}, then {@link attach}, then it runs until {@link stop} or a fatal error. */
export class RunningNode implements Node, ClientBackend {
  readonly #parts: NodeParts;
  readonly #application: NodeApplication;
  readonly #hub: EventHub;
  readonly #reporter: Reporter;
  readonly #core: Core;
  readonly #judge: Judge;
  readonly #sealer: Sealer;
  readonly #driver: Driver;
  readonly #certificates: Certificates;
  readonly #epochs: Epochs;
  readonly #history: History;
  readonly #decisions: Decisions;
  readonly #admission: Admission;
  readonly #sessions: Sessions;
  readonly #bookkeeper: Bookkeeper;
  readonly #checks: Checks;
  readonly #evidence: EvidenceBook;
  readonly #exit = Promise.withResolvers<0 | 1>();
  readonly #startedMs: number;
  readonly #cpuAtStart = process.cpuUsage();
  #stopping: Promise<void> | undefined;
  #fatal: PqError | undefined;

  constructor(parts: NodeParts) {
    const { kernels, committee, identity, store, agent, clock, log } = parts;
    this.#parts = parts;
    const application = withUpgrades(kernels, parts.application);
    this.#application = application;
    this.#startedMs = clock.now();
    this.#hub = new EventHub((error) => this.#warn('LISTENER_FAILED', 'A subscriber of events failed', error));
    this.#core = createCore({
      kernels,
      committee,
      key: identity.signing.publicKey,
      keysOf: application.keysOf,
      readBlock: parts.readBlock,
      modelId: agent.modelId(),
      tableSeed: randomBytes(16),
      local: { ...parts.local, snapshotEvery: parts.history.snapshotEvery },
    });
    const status = () => this.#core.status();
    this.#reporter = new Reporter(this.#hub, clock, (proposal) => application.summary(proposal), status);
    this.#certificates = new Certificates(store, clock);
    this.#epochs = new Epochs(store);
    this.#evidence = new EvidenceBook(kernels, store);
    this.#checks = new Checks(kernels, application, this.#core);
    this.#judge = this.#makeJudge();
    this.#sealer = this.#makeSealer();
    const [files, { retain }] = [parts.snapshots, parts.history];
    const certifiedIndex = () => this.#certificates.newestIndex;
    const onFailed = this.#onStorageFailed;
    this.#history = new History({ store, application, clock, log, files, retain, certifiedIndex, onFailed });
    this.#driver = this.#makeDriver();
    this.#decisions = new Decisions(store, this.#certificates.newestIndex, this.#onStorageFailed);
    this.#admission = this.#makeAdmission();
    this.#bookkeeper = new Bookkeeper({
      store,
      certificates: this.#certificates,
      epochs: this.#epochs,
      evidence: this.#evidence,
      admission: this.#admission,
      decisions: this.#decisions,
      reporter: this.#reporter,
      log,
      onHalt: () => this.#sealer.stop(),
    });
    this.#sessions = new Sessions({
      post: (input) => this.#driver.post(input),
      onPeer: (peer, up) => {
        for (const validator of this.#core.authorsOf([peer])) this.#reporter.peer(validator, up);
      },
      onNotice: ({ code, message, data }) => log({ level: 'warn', code, message, data }),
      serve: (session) => new ClientService(session, this, this.#hub),
    });
  }

  get index(): AuthorIndex | null {
    return this.#core.self;
  }

  get address(): string {
    return this.#sessions.address;
  }

  get exited(): Promise<0 | 1> {
    return this.#exit.promise;
  }

  /** Goes on from where it was, and starts the core. Throws what recovery throws, and what the core failed with. */
  async recover(): Promise<void> {
    const { kernels, store, snapshots, application, record, log } = this.#parts;
    const post = this.#driver.post.bind(this.#driver);
    const state = { kernels, store, snapshots, application, epochs: this.#epochs, record: record.read() };
    const owe: RecoveryParts['owe'] = (proposals) => this.#admission.resume(proposals);
    const recovered = await recover({ ...state, log, post, owe, core: this.#core }).catch((error: unknown) => {
      throw this.#fatal ?? error;
    });
    if (this.#fatal !== undefined) throw this.#fatal;
    this.#history.start();
    log({ level: 'info', code: 'RECOVERED', message: recoveredText(recovered), data: { ...recovered } });
  }

  /** What the transport must be created with. */
  get handlers(): TransportHandlers {
    return this.#sessions;
  }
  get committee(): CommitteeChange {
    return committeeViewOf(this.#core);
  }

  attach(transport: Transport): void {
    this.#sessions.attach(transport);
  }

  submit(proposals: readonly Uint8Array[]): Promise<SubmitResult[]> {
    if (this.#driver.stopped) return Promise.reject(new PqError('NODE_STOPPED', 'This node is stopping: ask another.'));
    if (this.#sealer.maySign && this.index !== null) return this.#admission.submit(proposals);
    // Taken here it would only wait for its expiry.
    const message = 'This validator does not sign, so it cannot propose: submit to another one.';
    return Promise.resolve(proposals.map(() => ({ taken: false, code: 'NODE_NOT_SIGNING', message })));
  }

  answer(id: Uint8Array): DecisionAnswer {
    return this.#decisions.find(id) ?? { state: this.#admission.owes(id) ? 'pending' : 'unknown' };
  }

  follow(id: ProposalId, follower: Follower): void {
    if (this.#admission.owes(id)) this.#decisions.await(id, follower);
    else this.#decisions.follow(id, follower);
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
    const certificate = this.#certificates.of(index === NEWEST_CERTIFICATE ? this.#certificates.newestIndex : index);
    return certificate === undefined ? new Uint8Array(0) : encodeCertificate(certificate);
  }

  proof(id: Uint8Array): Uint8Array {
    const { kernels, store } = this.#parts;
    const proof = proofOf(kernels, store, this.#certificates, id);
    return proof === undefined ? new Uint8Array(0) : encodeProof(proof);
  }

  epochsFrom(epoch: number): Uint8Array {
    return this.#epochs.chainFrom(epoch);
  }

  evidence(): KeptEvidence[] {
    return this.#evidence.all();
  }

  subscribe(topics: readonly Topic[], listener: (event: NodeEvent) => void): () => void {
    return this.#hub.subscribe(topics, listener);
  }

  stats(): NodeStats {
    return statsOf(this.#sources());
  }

  status(): NodeStatus {
    return statusOf(this.#sources(), !this.#driver.stopped);
  }

  stop(): Promise<void> {
    return this.#stop(0);
  }

  /** Never rejects: a part that does not close is reported, makes the exit code 1, and keeps no other from closing. */
  #stop(code: 0 | 1): Promise<void> {
    this.#stopping ??= this.#close().then((clean) => this.#exit.resolve(clean ? code : 1));
    return this.#stopping;
  }

  /** Signs no more, tells what is owed, then closes one part after the other; the store, which others write to, last. */
  async #close(): Promise<boolean> {
    const { store, record, agent } = this.#parts;
    this.#driver.stop();
    const steps = [
      () => this.#sealer.settled(),
      () => this.#certificates.store(),
      () => this.#decisions.flush(),
      () => this.#history.stop(),
      () => this.#sessions.close(),
      () => agent.close(),
      () => record.close(),
      () => store.close(),
    ];
    let clean = true;
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        clean = false;
        this.#warn('STOP_FAILED', 'A part of the node did not stop; what was acknowledged is in the log', error);
      }
    }
    return clean;
  }

  #sources(): StatsSources {
    return {
      committee: this.#core.committee,
      startedMs: this.#startedMs,
      nowMs: this.#parts.clock.now(),
      core: this.#core.status(),
      counters: this.#reporter.counters,
      agent: this.#parts.agent.stats(),
      transport: this.#sessions.stats,
      peers: this.#core.authorsOf(this.#sessions.peers),
      cpuAtStart: this.#cpuAtStart,
    };
  }

  #makeJudge(): Judge {
    const { agent } = this.#parts;
    const application = this.#application;
    return new Judge({
      opine: (items, deadlineMs) => agent.opine(items, deadlineMs),
      describe: (proposal) => application.describe(proposal),
      problemOf: (proposal) => this.#checks.proposal(proposal),
      // Votes that come later than half of the voting window are too late for proposals of others.
      deadlineMs: () => Math.min(agent.config.timeoutPhase, this.#core.committee.parameters.openMs / 2),
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
    const { store, clock } = this.#parts;
    const history = new HistoryServer(store, this.#certificates, this.#epochs, clock, (peer, bytes) =>
      this.#sessions.send(peer, bytes),
    );
    return new Driver({
      core: this.#core,
      clock,
      store,
      verify: this.#checks.verify,
      judge: this.#judge,
      sealer: this.#sealer,
      send: (to, bytes) => this.#sessions.send(to, bytes),
      serve: (peer, request) => history.serve(peer, request),
      execute: (execution) => this.#application.execute(execution),
      onEvent: (event) => {
        this.#parts.observe?.(event);
        this.#bookkeeper.record(event);
        if (event.type === 'epoch' || event.type === 'closing') this.#sessions.setCommittee(this.committee);
      },
      onSnapshot: (snapshot) => this.#history.take(snapshot),
      onOpinion: (block, judgement) => {
        if (judgement !== null) this.#reporter.opinion(block, judgement);
      },
      onFatal: (error) => this.#onFatal(error),
    });
  }

  #makeAdmission(): Admission {
    const { kernels, store, clock, agent } = this.#parts;
    return new Admission({
      kernels,
      clock,
      store,
      judge: this.#judge,
      check: (proposal) => this.#checks.submitted(proposal),
      isDecided: (id) => this.#core.isDecided(id),
      wasDecided: (id) => this.#decisions.find(id) !== undefined,
      feed: (submissions) => this.#driver.post({ type: 'submit', submissions }),
      onFailed: this.#onStorageFailed,
      maxExpiryMs: () => this.#core.committee.parameters.maxExpiryMs,
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
    this.#fatal = error;
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
