/**
 * The peer side of the core: answers what peers ask from the DAG, passes on what only the store can answer, and follows
 * peers that are ahead by commit sync.
 */
import { isPqError } from '../errors.ts';
import { epochOfBlock, refKey } from './block.ts';
import type { Chain } from './chain.ts';
import type { Committee } from './committee.ts';
import type { EpochDoor } from './epoch-door.ts';
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
  readonly door: EpochDoor;
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
  /** The oldest commit that a connected peer says it keeps, where it said so. */
  readonly #oldest = new Map<AuthorIndex, number>();
  /** The commit that no connected peer keeps was told. */
  #toldMissing = 0;
  /** How often the blocks of the range at hand were asked for in vain. */
  #late = 0;
  /** How often everybody was told where this node is: whom it asks takes turns with it. */
  #turns = 0;
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

  /** How this node introduces itself. */
  get introduction(): Status {
    const { committee, chain, ownLast } = this.#parts;
    return {
      kind: 'status',
      epoch: committee.epoch,
      index: chain.horizon.executedIndex as CommitIndex,
      digest: chain.horizon.lastDigest,
      highestRound: chain.dag.highestRound as Round,
      last: ownLast(),
    };
  }

  peerUp(peer: AuthorIndex): void {
    this.#parts.peers.connected(peer);
    this.#oldest.delete(peer);
    this.#parts.out.send(peer, this.introduction);
  }

  peerDown(nowMs: number, peer: AuthorIndex): void {
    this.#parts.peers.disconnected(peer);
    if (this.#parts.sync.peer === peer) this.#isLate(nowMs);
  }

  message(nowMs: number, peer: AuthorIndex, bytes: Uint8Array): void {
    this.#parts.intake.guarded(peer, () => this.#dispatch(nowMs, peer, decodeMessage(bytes)));
  }

  #dispatch(nowMs: number, peer: AuthorIndex, message: Message): void {
    const epoch = epochOf(message) ?? this.#parts.committee.epoch;
    if (epoch !== this.#parts.committee.epoch) return this.#otherEpoch(nowMs, peer, epoch, message);
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
      case 'fetchClosing':
        return this.#parts.out.serve(peer, message);
      case 'closing':
        return this.#takeClosing(peer, message.certificate);
      case 'pruned':
        return this.#pruned(nowMs, peer, message.first);
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

  /** What was asked for in an earlier epoch may still come, and needs no answer. */
  #otherEpoch(nowMs: number, peer: AuthorIndex, epoch: number, message: Message): void {
    const { peers, door, out, committee } = this.#parts;
    peers.sawEpoch(peer, epoch);
    if (message.kind === 'status') peers.sawIndex(peer, message.index);
    if (message.kind !== 'blockReply') door.answer(nowMs, peer, epoch);
    if (message.kind === 'status' && epoch < committee.epoch) out.send(peer, this.introduction);
  }

  #takeClosing(peer: AuthorIndex, certificate: Certificate): void {
    const { chain, door, intake } = this.#parts;
    if (!chain.closing?.certificate && door.take(certificate)) intake.certificate(peer, certificate);
  }

  #status(peer: AuthorIndex, status: Status): void {
    const { peers, chain, out } = this.#parts;
    peers.sawRound(peer, status.highestRound);
    peers.sawIndex(peer, status.index);
    const { last } = status;
    if (last.round > chain.dag.gcRound && !chain.dag.holds(refKey(last))) {
      out.send(peer, { kind: 'fetchBlocks', refs: [last] });
    }
    if (status.highestRound > chain.dag.highestRound && this.#isInTurn(peer)) this.#askRounds(peer);
    // Who is behind may have missed, or been too far behind to use, what was said before. Of two only one can be.
    const { executedIndex } = chain.horizon;
    const isLevel = status.index === executedIndex;
    if (status.index < executedIndex || (isLevel && status.highestRound < chain.dag.highestRound)) {
      out.send(peer, this.introduction);
    }
  }

  /**
   * Asks for blocks of the rounds above the highest that a quorum of blocks is held of. What is missing below it is asked
   * for by its refs; and the own round may be so far below that nobody has it at hand.
   */
  #askRounds(to: AuthorIndex): void {
    const { chain, out, committee } = this.#parts;
    const fromRound = (chain.dag.highestQuorumRound() + 1) as Round;
    out.send(to, { kind: 'fetchRounds', epoch: committee.epoch, fromRound });
  }

  /** Of those that say that they are further, a few are asked for rounds at a time: each may answer with many blocks. */
  #isInTurn(peer: AuthorIndex): boolean {
    const up = this.#parts.peers.up();
    const position = up.indexOf(peer);
    const first = (this.#turns * MAX_ROUND_ASKS) % up.length;
    return position >= 0 && (position - first + up.length) % up.length < MAX_ROUND_ASKS;
  }

  /** Messages may have been lost: whoever lacks the own last block asks for it, and whoever is further says so. */
  tellAll(nowMs: number): void {
    const { peers, door, out, committee } = this.#parts;
    this.#turns += 1;
    out.send('all', this.introduction);
    const later = peers.up().filter((peer) => peers.epochOf(peer) > committee.epoch);
    if (later.length > 0) door.ask(nowMs, later[this.#turns % later.length] as AuthorIndex);
  }

  #sendBlocks(peer: AuthorIndex, refs: readonly Ref[]): void {
    const { chain, out } = this.#parts;
    const elsewhere: Ref[] = [];
    for (const ref of refs) {
      const block = chain.dag.verified(refKey(ref));
      if (block) out.send(peer, { kind: 'blockReply', bytes: block.bytes });
      else elsewhere.push(ref);
    }
    if (elsewhere.length > 0) out.serve(peer, { kind: 'fetchBlocks', refs: elsewhere });
  }

  #sendRounds(peer: AuthorIndex, request: Extract<Message, { kind: 'fetchRounds' }>): void {
    const { chain, out, committee } = this.#parts;
    if (request.fromRound <= chain.dag.gcRound) return out.serve(peer, request);
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
  certificateEntry(nowMs: number, from: AuthorIndex, certificate: Certificate, valid: boolean): void {
    const { sync } = this.#parts;
    const closes = this.#parts.door.checked(certificate, valid);
    if (closes) return this.#closingChecked(from, certificate, closes);
    const peer = sync.peer;
    if (peer === null || sync.certificate !== certificate) return;
    if (!valid) {
      this.#parts.intake.refuse(peer, 'SYNC_SIGNATURE', 'a certificate of a sync reply has a wrong signature');
      this.#fail(peer);
    } else if (sync.signatureChecked()) this.#proceed(nowMs);
  }

  /** A proven end of the epoch is followed however near it is; what was executed of it here already is certified now. */
  #closingChecked(from: AuthorIndex, certificate: Certificate, outcome: 'proven' | 'refused'): void {
    const { chain, intake, peers } = this.#parts;
    if (outcome === 'refused') {
      return intake.refuse(
        from,
        'CLOSING_SIGNATURE',
        "the certificate of an epoch's last commit has a wrong signature",
      );
    }
    peers.sawIndex(from, certificate.commits[0]!.index);
    chain.adoptCertificate(certificate);
  }

  /** Begins, gives up or goes on; called after every input. */
  follow(nowMs: number): void {
    const { sync, peers, chain, out, committee, door } = this.#parts;
    if (sync.active && nowMs >= sync.deadlineMs) this.#isLate(nowMs);
    const { executedIndex, lag } = chain.horizon;
    if (this.syncing || lag > 0 || chain.halted) return;
    const lagMax = SYNC_LAG_ROUNDS * committee.parameters.leadersPerRound;
    const closingIndex = door.proven?.commits[0]?.index ?? 0;
    if (peers.supportedIndex() < executedIndex + lagMax && closingIndex <= executedIndex) return;
    const peer = this.#peersAhead(executedIndex)[0];
    if (peer === undefined) return this.#noteMissing(executedIndex + 1);
    this.#late = 0;
    out.send(peer, sync.start(peer, executedIndex + 1, nowMs + this.#parts.timeoutMs()));
  }

  /** Connected peers that say they have more than `index` commits: the most reliable first, the others in turn. */
  #peersAhead(index: number): AuthorIndex[] {
    const { peers, committee } = this.#parts;
    const turn = (peer: AuthorIndex) => (peer + index + this.#late) % committee.size;
    const failures = (peer: AuthorIndex) => this.#failures.get(peer) ?? 0;
    const keeps = (peer: AuthorIndex) => (this.#oldest.get(peer) ?? 0) <= index + 1;
    const ahead = peers.up().filter((peer) => peers.indexOf(peer) > index && keeps(peer));
    return ahead.sort((a, b) => failures(a) - failures(b) || turn(a) - turn(b));
  }

  /** A peer keeps nothing before commit `first`: whoever has it is asked next. */
  #pruned(nowMs: number, peer: AuthorIndex, first: number): void {
    const { sync, intake, chain } = this.#parts;
    this.#oldest.set(peer, first);
    if (sync.peer !== peer || first <= chain.horizon.executedIndex + 1) return;
    intake.refuse(peer, 'HISTORY_PRUNED', `the peer keeps commits from ${first} on`);
    if (sync.hasRange) this.#isLate(nowMs);
    else sync.stop();
  }

  /** Connected peers are ahead and none of them keeps the next commit: somebody must do something about it. */
  #noteMissing(index: number): void {
    const { peers, out } = this.#parts;
    const isPruned = peers.up().some((peer) => (this.#oldest.get(peer) ?? 0) > index);
    if (!isPruned || this.#toldMissing === index) return;
    this.#toldMissing = index;
    const message = 'no connected peer keeps the next commit any more: connect to an archive, which keeps all of them';
    out.event({ type: 'alarm', fatal: false, code: 'HISTORY_PRUNED', message, data: { index } });
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

/** The epoch that a message speaks of; undefined when it speaks of none, or of any. */
function epochOf(message: Message): number | undefined {
  switch (message.kind) {
    case 'block':
    case 'blockReply':
      return epochOfBlock(message.bytes);
    case 'status':
    case 'fetchRounds':
      return message.epoch;
    default:
      return undefined;
  }
}
