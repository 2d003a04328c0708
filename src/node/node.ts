/** Starting and stopping one validator. */
import type { Agent } from '../agent/agent.ts';
import { equalBytes, toHex } from '../core/bytes.ts';
import { type Committee, committeeOf } from '../core/committee.ts';
import type { Genesis } from '../core/genesis.ts';
import type { LocalParameters } from '../core/options.ts';
import type { AuthorIndex, ProposalId } from '../core/types.ts';
import type { Identity } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import { systemClock } from '../qzmq/clock.ts';
import { createTransport } from '../qzmq/transport.ts';
import { openSignedRecord, type SignedRecordFile } from '../store/signed-record.ts';
import { SnapshotFiles } from '../store/snapshot-files.ts';
import { openStore, type Store } from '../store/store.ts';
import { loadKernels } from '../wasm/load.ts';
import type { NodeApplication } from './application.ts';
import { createApplication } from './applications.ts';
import type { DecisionAnswer, NodeStatus, SubmitResult, Topic } from './client-protocol.ts';
import { wallClock } from './clock.ts';
import type { NodeEvent, NodeStats } from './events.ts';
import type { KeptEvidence } from './evidence-book.ts';
import type { Follower } from './followers.ts';
import { type HistoryOptions, historyOptions } from './history.ts';
import { homePaths } from './home.ts';
import { type Log, stderrLog } from './log.ts';
import { RunningNode } from './running-node.ts';

export interface NodeOptions {
  /** Home directory, made by `initHome`. */
  readonly home: string;
  readonly genesis: Genesis;
  readonly identity: Identity;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What peers are told to dial, HOST:PORT; the listening address if absent. */
  readonly advertise?: string;
  /** Addresses of validators, HOST:PORT; one is enough to find the rest. Those of the genesis document are known anyway. */
  readonly peers?: readonly string[];
  /**
   * The key may belong to no validator of genesis: the node follows, and signs in every epoch whose committee has the key.
   */
  readonly joining?: boolean;
  /** With its models loaded. The node closes it when it stops, or does not start. */
  readonly agent: Agent;
  /** In place of the one that the genesis document names: the same on every validator. */
  readonly application?: NodeApplication;
  readonly local?: Partial<LocalParameters>;
  /** How far the clock of this node is off, in milliseconds; for development networks. Default 0. */
  readonly clockOffsetMs?: number;
  /** How much of the past is kept. Default: {@link DEFAULT_HISTORY}. */
  readonly history?: Partial<HistoryOptions>;
  /** Default: warnings and errors on stderr. */
  readonly log?: Log;
}

/** A running validator. Byte arrays handed out are not to be changed. */
export interface Node {
  /** Its place in the committee of the epoch; null while it is in none. */
  readonly index: AuthorIndex | null;
  /** HOST:PORT it listens at. */
  readonly address: string;
  /** Resolves with the exit code when the node is down: 0 after {@link stop}, 1 after something fatal. */
  readonly exited: Promise<0 | 1>;
  /**
   * Takes proposals (canonical encodings), one answer each, in order. A taken one is in the log: it will be decided or
   * expire, also over restarts. Codes: see `Admission`, and `NODE_NOT_SIGNING`.
   * Rejects with `NODE_STOPPED` or a code of the store.
   */
  submit(proposals: readonly Uint8Array[]): Promise<SubmitResult[]>;
  /** What is known of a proposal, of any node. */
  answer(id: Uint8Array): DecisionAnswer;
  /** Tells `follower` of the decision on `id` and then of its certificate; at once if they are there. */
  follow(id: ProposalId, follower: Follower): void;
  /** Forgets a follower. */
  drop(follower: Follower): void;
  /** The encoded certificate that begins with commit `index` (0: the newest); empty when there is none. */
  certificate(index: number): Uint8Array;
  /** The encoded proof of the decision on a proposal; empty while no certified commit holds one. */
  proof(id: Uint8Array): Uint8Array;
  /** The encoded chain of closing certificates from the committee of `epoch` on; empty links when it is the newest. */
  epochsFrom(epoch: number): Uint8Array;
  /** Equivocations that were seen, each with what shows it to anybody. */
  evidence(): KeptEvidence[];
  /** Calls `listener` with the events of these topics until the returned function is called. */
  subscribe(topics: readonly Topic[], listener: (event: NodeEvent) => void): () => void;
  stats(): NodeStats;
  status(): NodeStatus;
  /** Stops in order: signs no more, tells what is owed, writes everything out, closes. Resolves when done. */
  stop(): Promise<void>;
}

/**
 * Starts a validator: opens its home, brings it back to where it was, joins the network. Throws `NODE_NOT_A_VALIDATOR`,
 * `NODE_OTHER_CHAIN`, `CONFIG_TIMEOUT_PHASE`, `CONFIG_RETENTION`, and the codes of store, record, recovery and transport.
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { genesis, identity, agent, log = stderrLog } = options;
  const kernels = loadKernels();
  const committee = committeeOf(kernels, genesis);
  if (options.joining !== true) requireMember(committee, identity);
  const history = historyOptions(options.history);
  checkTimeoutPhase(agent.config.timeoutPhase, committee.parameters.openMs);
  const application = options.application ?? createApplication(genesis, kernels);
  const paths = homePaths(options.home);
  const store = await openStore(paths.data);
  const closers: (() => Promise<void>)[] = [() => store.close()];
  try {
    const record = await openSignedRecord(paths.record);
    closers.push(() => record.close());
    checkRecord(record, committee.chainId, log);
    await checkChain(store, committee.chainId);
    const clock = wallClock(options.clockOffsetMs);
    const local = options.local ?? {};
    const snapshots = SnapshotFiles.open(paths.snapshots);
    const state = { store, record, snapshots, history };
    const parts = { kernels, committee, identity, clock, agent, application, local, log };
    const node = new RunningNode({ ...parts, ...state });
    closers.splice(0, closers.length, () => node.stop());
    await node.recover();
    await join(node, committee.chainId, options);
    return node;
  } catch (error) {
    for (const close of closers.reverse()) await close();
    await agent.close();
    throw error;
  }
}

async function join(node: RunningNode, chainId: Uint8Array, options: NodeOptions): Promise<void> {
  const { identity, genesis, listen, advertise, peers = [], clockOffsetMs = 0 } = options;
  const transport = await createTransport({
    identity,
    chainId,
    ...node.committee,
    listen,
    ...(advertise === undefined ? {} : { advertise }),
    allowClients: true,
    handlers: node.handlers,
    clock: { ...systemClock, wallMs: () => systemClock.wallMs() + clockOffsetMs },
  });
  node.attach(transport);
  // Numbers of the validators of genesis are their places in it.
  const others = node.committee.members.filter(({ nodeId }) => !equalBytes(nodeId, identity.nodeId));
  for (const { index } of others) {
    const endpoint = genesis.validators[index]?.endpoint;
    if (endpoint !== undefined) transport.connect(index, endpoint);
  }
  for (const peer of peers) transport.connectAddress(peer);
}

function requireMember({ validators }: Committee, identity: Identity): void {
  if (validators.some(({ publicKey }) => equalBytes(publicKey, identity.signing.publicKey))) return;
  const message = 'The key of this home belongs to no validator of the genesis document: check keystore and genesis.';
  throw new PqError('NODE_NOT_A_VALIDATOR', message, { nodeId: toHex(identity.nodeId) });
}

/** Votes that come later than half of the voting window are too late for proposals of others. */
function checkTimeoutPhase(timeoutPhase: number, openMs: number): void {
  if (timeoutPhase <= openMs / 2) return;
  const message = `timeoutPhase is ${timeoutPhase} ms; the genesis document allows at most ${openMs / 2}: lower it.`;
  throw new PqError('CONFIG_TIMEOUT_PHASE', message, { timeoutPhase, limit: openMs / 2 });
}

/** Throws `NODE_OTHER_CHAIN`; says so when the validator must not sign, or should look closer. */
function checkRecord(record: SignedRecordFile, chainId: Uint8Array, log: Log): void {
  const last = record.read();
  if (last === null) {
    const message = 'There is no last-signed record: this validator follows and does not sign. Rotate its key.';
    return log({ level: 'error', code: 'SIGNED_RECORD_MISSING', message });
  }
  if (!equalBytes(last.chainId, chainId)) throw otherChain(last.chainId, chainId);
  if (!record.damaged) return;
  const message = 'Half of the last-signed record cannot be read: mostly a write cut off by a crash; check the disk.';
  log({ level: 'warn', code: 'SIGNED_RECORD_DAMAGED', message });
}

/** A store of another chain must never be continued: its own blocks and commits would be taken for this chain's. */
async function checkChain(store: Store, chainId: Uint8Array): Promise<void> {
  const known = store.getMeta('chainId');
  if (known === undefined) {
    store.setMeta('chainId', chainId);
    return store.sync();
  }
  if (!equalBytes(known, chainId)) throw otherChain(known, chainId);
}

function otherChain(found: Uint8Array, expected: Uint8Array): PqError {
  const message = 'This home belongs to another chain: use its genesis document, or another home directory.';
  return new PqError('NODE_OTHER_CHAIN', message, { found: toHex(found), expected: toHex(expected) });
}
