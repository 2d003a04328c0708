/**
 * A network of whole cores in one test: messages arrive at once unless they are lost, time passes when nobody has anything to
 * say, and every node has a store in memory that a restart reads and that peers are served from.
 */
import { digestKey, refKey } from '../../src/core/block.ts';
import { utf8 } from '../../src/core/bytes.ts';
import type { Committee } from '../../src/core/committee.ts';
import { type Core, createCore } from '../../src/core/core.ts';
import type { EpochLink } from '../../src/core/epoch-chain.ts';
import type { CoreEvent } from '../../src/core/events.ts';
import type { Execution, Input, Output, SignedRecord, Submission } from '../../src/core/io.ts';
import { SIGNATURE_BYTES } from '../../src/core/limits.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/core/messages.ts';
import type { LocalParameters } from '../../src/core/options.ts';
import type { CoreSnapshot } from '../../src/core/snapshot.ts';
import type {
  Block,
  BlockDigest,
  Certificate,
  IdentifiedProposal,
  KeysOf,
  PeerNumber,
  SignedBlock,
} from '../../src/core/types.ts';
import { type Kernels, OPINION } from '../../src/wasm/kernels.ts';

type OutputOf<Type extends Output['type']> = Extract<Output, { type: Type }>;
type EventOf<Type extends CoreEvent['type']> = Extract<CoreEvent, { type: Type }>;

export interface NetOptions {
  readonly keysOf?: KeysOf;
  /** What every node's models say of a proposal, null: never anything. Approve if not given. */
  readonly judge?: (proposal: IdentifiedProposal) => number | null;
  readonly local?: Partial<LocalParameters>;
}

/** What stands for a signature: nobody but the owner of the key makes it here. */
function signatureOf(kernels: Kernels, publicKey: Uint8Array, digest: Uint8Array): Uint8Array {
  const signature = new Uint8Array(SIGNATURE_BYTES);
  signature.set(kernels.sha3_256(utf8('test signature'), publicKey, digest));
  return signature;
}

export class NetNode {
  readonly number: number;
  readonly key: Uint8Array;
  readonly events: CoreEvent[] = [];
  readonly sealed: Block[] = [];
  readonly #net: Net;
  core: Core;
  up = false;
  wakeAtMs = Number.POSITIVE_INFINITY;
  record: SignedRecord | null;
  readonly blocks = new Map<string, SignedBlock>();
  readonly commits: OutputOf<'storeCommit'>[] = [];
  readonly certificates = new Map<number, Certificate>();
  readonly snapshots: CoreSnapshot[] = [];
  readonly pending = new Map<string, Submission>();
  #stateRoot: Uint8Array = new Uint8Array(32);

  constructor(net: Net, number: number, key: Uint8Array) {
    this.#net = net;
    this.number = number;
    this.key = key;
    this.core = this.#newCore();
    const { chainId } = net.genesis;
    const none = { digest: new Uint8Array(32) as BlockDigest, votedDigest: chainId as never };
    this.record = { epoch: 0, round: 0 as never, votedIndex: 0 as never, ...none };
  }

  #newCore(): Core {
    const { kernels, genesis, options } = this.#net;
    const keysOf = options.keysOf ?? (() => ({ wellFormed: true, keys: [] }));
    const local = options.local ?? {};
    return createCore({ kernels, committee: genesis, key: this.key, keysOf, modelId: new Uint8Array(32), local });
  }

  /** Starts, or starts again, from what it has stored. */
  start(): void {
    this.core = this.#newCore();
    this.up = true;
    this.#stateRoot = new Uint8Array(32);
    this.#replay(0);
  }

  /** As {@link start}, with a snapshot in place of what was before it. */
  startFrom(links: readonly EpochLink[], snapshot: CoreSnapshot): void {
    this.core = this.#newCore();
    this.up = true;
    this.#stateRoot = snapshot.commit.stateRoot;
    for (const link of links) this.feed({ type: 'enter', link });
    const { index } = snapshot.commit;
    const commits = this.commits.slice(index - 1, index).map(({ commit }) => commit);
    const blocks = snapshot.committed.map((ref) => this.blocks.get(refKey(ref))!);
    this.feed({ type: 'restore', snapshot, blocks, commits });
    this.#replay(index);
  }

  #replay(after: number): void {
    for (const { commit, refs } of this.commits.slice(after)) {
      this.feed({ type: 'replay', record: { commit, blocks: refs.map((ref) => this.blocks.get(refKey(ref))!) } });
    }
    const certificate = this.certificates.get(this.commits.length);
    if (certificate) this.feed({ type: 'certified', certificate });
    const { epoch } = this.core.status();
    const ordered = new Set(this.commits.flatMap(({ refs }) => refs.map(refKey)));
    const loose = [...this.blocks].filter(([key, { header }]) => header.epoch === epoch && !ordered.has(key));
    this.feed({ type: 'reload', blocks: loose.map(([, block]) => block) });
    this.feed({ type: 'start', record: this.record, unsigned: null, pending: [...this.pending.values()] });
    for (const other of this.#net.nodes) if (other !== this && other.up) this.#net.connect(this, other);
  }

  stop(): void {
    this.up = false;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    for (const other of this.#net.nodes) {
      if (other !== this && other.up) other.feed({ type: 'peerDown', peer: this.number as PeerNumber });
    }
  }

  submit(...proposals: readonly IdentifiedProposal[]): void {
    const submissions = proposals.map((proposal) => ({ proposal }));
    for (const submission of submissions) this.pending.set(digestKey(submission.proposal.id), submission);
    this.feed({ type: 'submit', submissions });
  }

  feed(input: Input): void {
    if (!this.up) return;
    const inputs = [input];
    for (let next = inputs.shift(); next; next = inputs.shift()) {
      for (const output of this.core.step(this.#net.nowMs, next)) {
        const answer = this.#carryOut(output);
        if (answer) inputs.push(answer);
      }
    }
  }

  #carryOut(output: Output): Input | undefined {
    const { kernels, options } = this.#net;
    switch (output.type) {
      case 'verify': {
        const right = signatureOf(kernels, output.publicKey, output.digest);
        return { type: 'verified', token: output.token, valid: digestKey(right) === digestKey(output.signature) };
      }
      case 'score': {
        const judge = options.judge ?? (() => OPINION.APPROVE);
        const { digest } = output.block.ref;
        const verdicts = output.block.proposals.map(judge);
        if (verdicts.includes(null)) return { type: 'opinion', digest, opinion: null };
        const opinion = { confidence: 9_000, verdicts: Uint8Array.from(verdicts as number[]) };
        return { type: 'opinion', digest, opinion };
      }
      case 'store':
        this.blocks.set(refKey(output.block.ref), output.block as Block as SignedBlock);
        return undefined;
      case 'storeCommit':
        this.commits.push(output);
        return undefined;
      case 'seal':
        this.record = output.record;
        this.sealed.push(output.block);
        return this.#net.signs(this)
          ? {
              type: 'sealed',
              digest: output.block.ref.digest,
              signature: signatureOf(kernels, this.key, output.block.ref.digest),
            }
          : undefined;
      case 'send':
        this.#net.send(this, output.to, output.bytes);
        return undefined;
      case 'serve':
        this.#serve(output.peer, output.request);
        return undefined;
      case 'execute':
        return this.#execute(output.execution);
      case 'arm':
        this.wakeAtMs = output.atMs;
        return undefined;
      case 'snapshot':
        this.snapshots.push(output.snapshot);
        return undefined;
      case 'event':
        this.#note(output.event);
        return undefined;
    }
  }

  /** The root is a hash chain over what was approved, so that any difference in order shows. */
  #execute({ index, decisions }: Execution): Input {
    const approved = decisions.filter(({ decision }) => decision === 'APPROVED').map(({ id }) => id);
    this.#stateRoot = this.#net.kernels.sha3_256(this.#stateRoot, ...approved);
    const modelRoot = new Uint8Array(32);
    return { type: 'executed', index, stateRoot: this.#stateRoot, modelRoot, receipts: decisions.map(() => 0) };
  }

  #note(event: CoreEvent): void {
    this.events.push(event);
    if (event.type === 'epoch') this.#net.committees.set(event.committee.epoch, event.committee);
    if (event.type === 'certified') this.certificates.set(event.index, event.certificate);
    if (event.type === 'executed') for (const { id } of event.decisions) this.pending.delete(digestKey(id));
    if (event.type === 'lapsed') this.pending.delete(digestKey(event.id));
  }

  #serve(peer: PeerNumber, request: Message): void {
    const reply = (message: Message) => this.#net.send(this, peer, encodeMessage(message));
    if (request.kind === 'fetchBlocks') {
      for (const ref of request.refs) {
        const block = this.blocks.get(refKey(ref));
        if (block) reply({ kind: 'blockReply', bytes: block.bytes });
      }
    } else if (request.kind === 'fetchRounds') {
      for (const { header, ref, bytes } of this.blocks.values()) {
        if (header.epoch === request.epoch && ref.round >= request.fromRound) reply({ kind: 'blockReply', bytes });
      }
    } else if (request.kind === 'fetchClosing') {
      const closing = this.commits.find(({ commit }) => commit.epoch === request.epoch && isLast(commit));
      const certificate = this.certificates.get(closing?.commit.index ?? 0);
      if (certificate) reply({ kind: 'closing', certificate });
    } else if (request.kind === 'fetchCommits') this.#serveCommits(request.from, request.count, reply);
  }

  #serveCommits(from: number, count: number, reply: (message: Message) => void): void {
    const range: { commit: Certificate['commits'][number]; refs: OutputOf<'storeCommit'>['refs'] }[] = [];
    for (const { commit, refs } of this.commits.slice(from - 1, from - 1 + count)) {
      range.push({ commit, refs });
      if (isLast(commit)) break;
    }
    while (range.length > 0) {
      const certificate = this.certificates.get(range.at(-1)!.commit.index);
      if (certificate) return reply({ kind: 'commitsReply', commits: range, certificate });
      range.pop();
    }
  }

  eventsOf<Type extends CoreEvent['type']>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** What became of a proposal here, `APPROVED` or `EXPIRED EPOCH`, say. */
  decisionOn({ id }: Pick<IdentifiedProposal, 'id'>): string | undefined {
    for (const { decisions } of this.eventsOf('executed')) {
      const found = decisions.find((decision) => digestKey(decision.id) === digestKey(id));
      if (found) return found.reason === 'QUORUM' ? found.decision : `${found.decision} ${found.reason}`;
    }
    return undefined;
  }
}

function isLast({ committeeHash, nextCommitteeHash }: Certificate['commits'][number]): boolean {
  return digestKey(committeeHash) !== digestKey(nextCommitteeHash);
}

export class Net {
  readonly kernels: Kernels;
  readonly genesis: Committee;
  readonly options: NetOptions;
  readonly nodes: NetNode[] = [];
  /** By epoch. */
  readonly committees = new Map<number, Committee>();
  nowMs: number;
  /** True for a message that does not arrive. */
  lost: (from: NetNode, to: NetNode, message: Message) => boolean = () => false;
  /** False: the signer of this node does not answer. */
  signs: (node: NetNode) => boolean = () => true;
  readonly #queue: { readonly from: NetNode; readonly to: NetNode; readonly bytes: Uint8Array }[] = [];

  /** The validators of genesis, none of them started. Numbers are places in `nodes`. */
  constructor(kernels: Kernels, genesis: Committee, options: NetOptions = {}) {
    this.kernels = kernels;
    this.genesis = genesis;
    this.options = options;
    this.nowMs = genesis.genesisTimeMs + 1_000;
    for (const { publicKey } of genesis.validators) this.add(publicKey);
  }

  /** A node that is in no committee yet: it will have the next number. */
  add(key: Uint8Array): NetNode {
    const node = new NetNode(this, this.nodes.length, key);
    this.nodes.push(node);
    return node;
  }

  node(number: number): NetNode {
    return this.nodes[number]!;
  }

  start(...numbers: readonly number[]): void {
    for (const number of numbers) this.node(number).start();
  }

  /** A session of the two, if each knows the other. */
  connect(a: NetNode, b: NetNode): void {
    const knows = (one: NetNode, other: NetNode) => one.core.roster().some(({ number }) => number === other.number);
    if (!knows(a, b) || !knows(b, a)) return;
    a.feed({ type: 'peerUp', peer: b.number as PeerNumber });
    b.feed({ type: 'peerUp', peer: a.number as PeerNumber });
  }

  send(from: NetNode, to: number | 'all', bytes: Uint8Array): void {
    for (const other of to === 'all' ? this.nodes : [this.node(to)]) {
      if (other !== from && other.up) this.#queue.push({ from, to: other, bytes });
    }
  }

  /** Lets messages arrive, and time pass while nobody says anything. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.#queue.shift();
      if (next) {
        this.#deliver(next.from, next.to, next.bytes);
        continue;
      }
      const wakes = this.nodes.filter(({ up }) => up).map(({ wakeAtMs }) => wakeAtMs);
      const atMs = Math.max(this.nowMs + 1, Math.min(...wakes));
      if (atMs > untilMs) break;
      this.nowMs = atMs;
      for (const node of this.nodes) if (node.up && node.wakeAtMs <= atMs) this.#wake(node);
    }
    this.nowMs = untilMs;
  }

  #wake(node: NetNode): void {
    node.wakeAtMs = Number.POSITIVE_INFINITY;
    node.feed({ type: 'timer' });
  }

  #deliver(from: NetNode, to: NetNode, bytes: Uint8Array): void {
    if (this.lost(from, to, decodeMessage(bytes))) return;
    to.feed({ type: 'message', peer: from.number as PeerNumber, bytes });
  }
}
