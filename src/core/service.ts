/**
 * The peer side of the core: answers what peers ask from the DAG, passes on what only the store can answer, and follows
 * peers that are ahead by commit sync.
 */
import { isPqError } from '../errors.ts';
import { refKey } from './block.ts';
import type { Chain } from './chain.ts';
import type { Committee } from './committee.ts';
import type { Intake } from './intake.ts';
import { MAX_FETCH_REFS, MAX_ROUND_ASKS, SYNC_LAG_ROUNDS } from './limits.ts';
import { decodeMessage, type Message } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { PeerTable } from './peers.ts';
import type { CommitSync, ReadyCommit } from './sync.ts';
import type { AuthorIndex, Certificate, CommitIndex, Ref, Round, VerifiedBlock } from './types.ts';

export interface ServiceParts {
  readonly committee: Committee;
  readonly chain: Chain;
  readonly peers: PeerTable;
  readonly sync: CommitSync;
  readonly intake: Intake;
  readonly out: Outbox;
  /** How long a peer may take for one answer of commit sync. Milliseconds. */
  readonly timeoutMs: () => number;
  readonly ownLast: () => Ref;
  /** A certified range was adopted. */
  readonly synced: () => void;
}

type Status = Extract<Message, { kind: 'status' }>;

export class PeerService {
  readonly #parts: ServiceParts;
  /** Peers that failed in commit sync are asked last. */
  readonly #failures = new Map<AuthorIndex, number>();
  /** How often the blocks of the range at hand were asked for in vain. */
  #late = 0;
  /** Peers asked for rounds so far: they take turns. */
  #asks = 0;
  /** The range that is being executed; the next one begins when it is done. */
  #adoptedIndex = 0;
  #adopting = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** True while anything of commit sync is under way. */
  get syncing(): boolean {
    return this.#parts.sync.active || this.takesRange;
  }
  /**
   * True from the arrival of a range until it is executed: own rounds and missing parents wait for it. They never wait for a
   * mere answer: where the commits ahead are not certified, nobody can give one before everybody goes on.
   */
  get takesRange(): boolean {
    return this.#parts.sync.hasRange || this.#parts.chain.horizon.executedIndex < this.#adoptedIndex;
  }
  /** True while commits of a certified range enter the DAG: most of what they carry is decided a moment later. */
  get adopting(): boolean {
    return this.#adopting;
  }
  get deadlineMs(): number {
    return this.#parts.sync.deadlineMs;
  }

  peerUp(peer: AuthorIndex): void {
    const { peers, out, committee, chain, ownLast } = this.#parts;
    peers.connected(peer);
    out.send(peer, {
      kind: 'status',
      epoch: committee.epoch,
      index: chain.horizon.executedIndex as CommitIndex,
      digest: chain.horizon.lastDigest,
      highestRound: chain.dag.highestRound as Round,
      last: ownLast(),
    });
  }

  peerDown(nowMs: number, peer: AuthorIndex): void {
    this.#parts.peers.disconnected(peer);
    if (this.#parts.sync.peer === peer) this.#isLate(nowMs);
  }

  message(peer: AuthorIndex, bytes: Uint8Array): void {
    this.#parts.intake.guarded(peer, () => this.#dispatch(peer, decodeMessage(bytes)));
  }

  #dispatch(peer: AuthorIndex, message: Message): void {
    switch (message.kind) {
      case 'block':
      case 'blockReply':
        return this.#parts.intake.block(peer, message.bytes);
      case 'status':
        return this.#status(peer, message);
      case 'fetchBlocks':
        return this.#sendBlocks(peer, message.refs);
      case 'fetchRounds':
        return this.#sendRounds(peer, message);
      case 'fetchCommits':
        this.#parts.out.push({ type: 'serve', peer, request: message });
        return;
      case 'commitsReply': {
        const { sync, intake } = this.#parts;
        try {
          if (sync.take(peer, message)) intake.certificate(peer, message.certificate);
        } catch (error) {
          this.#fail(peer);
          throw error;
        }
      }
    }
  }

  #status(peer: AuthorIndex, status: Status): void {
    const { peers, chain, out } = this.#parts;
    peers.sawRound(peer, status.highestRound);
    peers.sawIndex(peer, status.index);
    const { last } = status;
    if (last.round > chain.dag.gcRound && !chain.dag.holds(refKey(last))) {
      out.send(peer, { kind: 'fetchBlocks', refs: [last] });
    }
    if (status.highestRound > chain.dag.highestRound) this.askRounds(peer);
  }

  /**
   * Asks for blocks of the rounds above the highest that a quorum of blocks is held of. What is missing below it is asked
   * for by its refs; and the own round may be so far below that nobody has it at hand.
   */
  askRounds(to: AuthorIndex): void {
    const { chain, out } = this.#parts;
    out.send(to, { kind: 'fetchRounds', fromRound: (chain.dag.highestQuorumRound() + 1) as Round });
  }

  /** The same of the next few connected peers: each may answer with many blocks, and the next time others are asked. */
  askAround(): void {
    const up = this.#parts.peers.up();
    for (let i = 0; i < Math.min(MAX_ROUND_ASKS, up.length); i++) {
      this.askRounds(up[this.#asks++ % up.length] as AuthorIndex);
    }
  }

  #sendBlocks(peer: AuthorIndex, refs: readonly Ref[]): void {
    const { chain, out } = this.#parts;
    const elsewhere: Ref[] = [];
    for (const ref of refs) {
      const block = chain.dag.verified(refKey(ref));
      if (block) out.send(peer, { kind: 'blockReply', bytes: block.bytes });
      else elsewhere.push(ref);
    }
    if (elsewhere.length > 0) out.push({ type: 'serve', peer, request: { kind: 'fetchBlocks', refs: elsewhere } });
  }

  #sendRounds(peer: AuthorIndex, request: Extract<Message, { kind: 'fetchRounds' }>): void {
    const { chain, out, committee } = this.#parts;
    if (request.fromRound <= chain.dag.gcRound) {
      out.push({ type: 'serve', peer, request });
      return;
    }
    // A whole round at least, and some of the next: else nobody would get beyond it.
    let left = Math.max(MAX_FETCH_REFS, 2 * committee.size);
    for (let round: number = request.fromRound; round <= chain.dag.highestRound && left > 0; round++) {
      for (const { block } of chain.dag.blocksOfRound(round)) {
        if (left-- <= 0) return;
        out.send(peer, { kind: 'blockReply', bytes: block.bytes });
      }
    }
  }

  // Commit sync ----------------------------------------------------------------------------------------------------

  /** A block that commit sync asked for. True when it was one. */
  deliver(nowMs: number, block: VerifiedBlock): boolean {
    const { sync } = this.#parts;
    if (!sync.wants(refKey(block.ref))) return false;
    if (sync.deliver(block)) this.#proceed(nowMs);
    return true;
  }

  /** One signature of `certificate` was checked. That of a range that was given up says nothing of the one at hand. */
  certificateEntry(nowMs: number, certificate: Certificate, valid: boolean): void {
    const { sync } = this.#parts;
    const peer = sync.peer;
    if (peer === null || sync.certificate !== certificate) return;
    if (!valid) {
      this.#parts.intake.refuse(peer, 'SYNC_SIGNATURE', 'a certificate of a sync reply has a wrong signature');
      this.#fail(peer);
    } else if (sync.signatureChecked()) this.#proceed(nowMs);
  }

  /** Begins, gives up or goes on; called after every input. */
  follow(nowMs: number): void {
    const { sync, peers, chain, out, committee } = this.#parts;
    if (sync.active && nowMs >= sync.deadlineMs) this.#isLate(nowMs);
    const { executedIndex, lag } = chain.horizon;
    if (this.syncing || lag > 0 || chain.halted) return;
    const lagMax = SYNC_LAG_ROUNDS * committee.parameters.leadersPerRound;
    if (peers.supportedIndex() < executedIndex + lagMax) return;
    const peer = this.#peersAhead(executedIndex)[0];
    if (peer === undefined) return;
    this.#late = 0;
    out.send(peer, sync.start(peer, executedIndex + 1, nowMs + this.#parts.timeoutMs()));
  }

  /** Connected peers that say they have more than `index` commits: the most reliable first, the others in turn. */
  #peersAhead(index: number): AuthorIndex[] {
    const { peers, committee } = this.#parts;
    const turn = (peer: AuthorIndex) => (peer + index + this.#late) % committee.size;
    const failures = (peer: AuthorIndex) => this.#failures.get(peer) ?? 0;
    const ahead = peers.up().filter((peer) => peers.indexOf(peer) > index);
    return ahead.sort((a, b) => failures(a) - failures(b) || turn(a) - turn(b));
  }

  /** The peer asked last gave no answer in time. The blocks of a proven range may come from anybody else. */
  #isLate(nowMs: number): void {
    const { sync, chain } = this.#parts;
    const peer = sync.peer as AuthorIndex;
    this.#late += 1;
    if (!sync.isProven || this.#late > 2 * this.#parts.committee.size) return this.#fail(peer);
    this.#blame(peer);
    const next = this.#peersAhead(chain.horizon.executedIndex)[0];
    if (next === undefined) sync.stop();
    else this.#askBlocks(next, nowMs);
  }

  #askBlocks(peer: AuthorIndex, nowMs: number): void {
    const { sync, chain, out } = this.#parts;
    sync.askedOf(peer, nowMs + this.#parts.timeoutMs());
    out.send(peer, { kind: 'fetchBlocks', refs: sync.missing((key) => chain.dag.verified(key)) });
  }

  #proceed(nowMs: number): void {
    const { sync, chain, out } = this.#parts;
    const peer = sync.peer as AuthorIndex;
    if (sync.missing((key) => chain.dag.verified(key)).length > 0) return this.#askBlocks(peer, nowMs);
    const ready = sync.ready();
    const certificate = sync.certificate;
    if (!ready || !certificate) return;
    sync.stop();
    this.#failures.delete(peer);
    this.#adopt(ready);
    chain.adoptCertificate(certificate);
    this.#parts.synced();
    const index = (certificate.commits[0]?.index ?? 0) as CommitIndex;
    out.event({ type: 'synced', index, peer });
  }

  /** A certified range does not fit what is here only if what is here is wrong: then nothing is done on top of it. */
  #adopt(ready: readonly ReadyCommit[]): void {
    const { chain } = this.#parts;
    this.#adopting = true;
    try {
      for (const { commit, digest, blocks } of ready) {
        if (commit.index <= chain.prism.index || chain.halted) continue;
        chain.adopt(commit, digest, blocks, false);
        this.#adoptedIndex = commit.index;
      }
    } catch (error) {
      if (!isPqError(error)) throw error;
      chain.halt(error.code, error.message, error.data);
    } finally {
      this.#adopting = false;
    }
  }

  #blame(peer: AuthorIndex): void {
    this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1);
  }

  #fail(peer: AuthorIndex): void {
    this.#blame(peer);
    this.#parts.sync.stop();
  }
}
