/**
 * The peer side of the core: answers what peers ask from the DAG, passes on what only the store can answer, and follows
 * peers that are ahead by commit sync.
 */
import { refKey } from './block.ts';
import type { Chain } from './chain.ts';
import type { Committee } from './committee.ts';
import type { Intake } from './intake.ts';
import { MAX_FETCH_REFS, SYNC_LAG_COMMITS } from './limits.ts';
import { decodeMessage, type Message } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { PeerTable } from './peers.ts';
import type { CommitSync } from './sync.ts';
import type { AuthorIndex, CommitIndex, Ref, Round, VerifiedBlock } from './types.ts';

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
  /** Peers whose last sync failed are asked last. */
  #failures = new Map<AuthorIndex, number>();
  /** The range that is being executed; the next one begins when it is done. */
  #adoptedIndex = 0;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  get syncing(): boolean {
    return this.#parts.sync.active || this.#parts.chain.horizon.executedIndex < this.#adoptedIndex;
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

  peerDown(peer: AuthorIndex): void {
    this.#parts.peers.disconnected(peer);
    if (this.#parts.sync.peer === peer) this.#fail(peer);
  }

  message(nowMs: number, peer: AuthorIndex, bytes: Uint8Array): void {
    const { intake } = this.#parts;
    intake.guarded(peer, () => this.#dispatch(nowMs, peer, decodeMessage(bytes)));
  }

  #dispatch(nowMs: number, peer: AuthorIndex, message: Message): void {
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
          if (sync.take(peer, message, nowMs + this.#parts.timeoutMs())) intake.certificate(peer, message.certificate);
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
    if (status.highestRound > chain.dag.highestRound) this.askRounds(peer, chain.dag.highestRound);
  }

  /** Asks for blocks of rounds ≥ the highest that a quorum of blocks is held of, or `ownRound` if lower. */
  askRounds(to: AuthorIndex | 'all', ownRound: number): void {
    const { chain, out } = this.#parts;
    const fromRound = Math.max(1, Math.min(ownRound, chain.dag.highestQuorumRound())) as Round;
    out.send(to, { kind: 'fetchRounds', fromRound });
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
    const { chain, out } = this.#parts;
    if (request.fromRound <= chain.dag.gcRound) {
      out.push({ type: 'serve', peer, request });
      return;
    }
    let left = MAX_FETCH_REFS;
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
    if (sync.deliver(block, nowMs + this.#parts.timeoutMs())) this.#proceed();
    return true;
  }

  /** One signature of the certificate of a range was checked. */
  certificateEntry(_nowMs: number, valid: boolean): void {
    const { sync } = this.#parts;
    const peer = sync.peer;
    if (peer === null) return;
    if (!valid) {
      this.#parts.intake.refuse(peer, 'SYNC_SIGNATURE', 'a certificate of a sync reply has a wrong signature');
      this.#fail(peer);
    } else if (sync.signatureChecked()) this.#proceed();
  }

  /** Begins, gives up or goes on; called after every input. */
  follow(nowMs: number): void {
    const { sync, peers, chain, out } = this.#parts;
    if (sync.active && nowMs >= sync.deadlineMs && sync.peer !== null) this.#fail(sync.peer);
    const { executedIndex, lag } = chain.horizon;
    if (this.syncing || lag > 0 || chain.halted) return;
    if (peers.supportedIndex() < executedIndex + SYNC_LAG_COMMITS) return;
    const ahead = peers.up().filter((peer) => peers.indexOf(peer) > executedIndex);
    ahead.sort((a, b) => (this.#failures.get(a) ?? 0) - (this.#failures.get(b) ?? 0) || a - b);
    const peer = ahead[0];
    if (peer === undefined) return;
    out.send(peer, sync.start(peer, executedIndex + 1, nowMs + this.#parts.timeoutMs()));
  }

  #proceed(): void {
    const { sync, chain, out } = this.#parts;
    const { dag } = chain;
    const held = (key: string) => dag.verified(key);
    const missing = sync.missing(held);
    if (missing.length > 0 && sync.peer !== null) {
      out.send(sync.peer, { kind: 'fetchBlocks', refs: missing });
      return;
    }
    const ready = sync.ready(held);
    const certificate = sync.certificate;
    const peer = sync.peer;
    if (!ready || !certificate || peer === null) return;
    sync.stop();
    this.#failures.delete(peer);
    for (const { commit, digest, blocks } of ready) {
      if (commit.index <= chain.prism.index || chain.halted) continue;
      chain.adopt(commit, digest, blocks, false);
      this.#adoptedIndex = commit.index;
    }
    chain.adoptCertificate(certificate);
    this.#parts.synced();
    const index = (certificate.commits[0]?.index ?? 0) as CommitIndex;
    out.event({ type: 'synced', index, peer });
  }

  #fail(peer: AuthorIndex): void {
    this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1);
    this.#parts.sync.stop();
  }
}
