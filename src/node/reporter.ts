import { digestKey } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import type { Committee } from '../core/committee.ts';
import type { CoreEvent } from '../core/events.ts';
import type { CoreStatus } from '../core/options.ts';
import type { AcceptedBlock, Decision, IdentifiedProposal, Ref } from '../core/types.ts';
import { OPINION } from '../wasm/kernels.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from './clock.ts';
import type { EventHub } from './event-hub.ts';
import type { BlockName, DecisionReport, NodeEvent, ProposalOpinion } from './events.ts';
import type { Judgement } from './judge.ts';

/** Payload sizes of recent blocks: votes name their target only. */
const MAX_REMEMBERED_BLOCKS = 8_192;
/** Sizes of commits ordered and not executed. */
const MAX_REMEMBERED_COMMITS = 1_024;
const VERDICT_NAMES = {
  [OPINION.APPROVE]: 'APPROVE',
  [OPINION.REJECT]: 'REJECT',
  [OPINION.ABSTAIN]: 'ABSTAIN',
} as const;

/** What a node counts of its core's events. */
export interface Counters {
  blocksAccepted: number;
  blocksEmitted: number;
  equivocations: number;
  refused: number;
  readonly decided: Record<Decision['decision'], number>;
}

/** Turns what the core says into the five phases as plain JSON, for topics that somebody listens to, and counts. */
export class Reporter {
  readonly counters: Counters = {
    blocksAccepted: 0,
    blocksEmitted: 0,
    equivocations: 0,
    refused: 0,
    decided: { APPROVED: 0, REJECTED: 0, CONFLICT: 0, EXPIRED: 0 },
  };
  readonly #hub: EventHub;
  readonly #clock: Clock;
  readonly #summary: (proposal: IdentifiedProposal) => string;
  readonly #status: () => Pick<CoreStatus, 'dagBlocks' | 'self'>;
  readonly #payloads = new BoundedMap<string, number>(MAX_REMEMBERED_BLOCKS);
  readonly #commitBlocks = new BoundedMap<number, number>(MAX_REMEMBERED_COMMITS);

  /** `summary` describes a proposal to people; `status`: of the core now. Both are called only when somebody listens. */
  constructor(
    hub: EventHub,
    clock: Clock,
    summary: (proposal: IdentifiedProposal) => string,
    status: () => Pick<CoreStatus, 'dagBlocks' | 'self'>,
  ) {
    this.#hub = hub;
    this.#clock = clock;
    this.#summary = summary;
    this.#status = status;
  }

  report(event: CoreEvent): void {
    switch (event.type) {
      case 'emitted':
        this.counters.blocksEmitted++;
        return this.#photon(event.block);
      case 'accepted':
        this.counters.blocksAccepted++;
        return this.#accepted(event.block);
      case 'committed':
        return this.#commitBlocks.set(event.index, event.blocks.length);
      case 'executed':
        return this.#prism(event);
      case 'equivocation':
        this.counters.equivocations++;
        return this.#evidence(event.first.ref, event.second.ref);
      case 'refused':
        this.counters.refused++;
        return;
      case 'alarm':
        return this.alarm(event.fatal, event.code, event.message);
      case 'epoch':
        return this.#epoch(event.committee);
      case 'certified':
      case 'closing':
      case 'lapsed':
      case 'synced':
        return;
    }
  }

  alarm(fatal: boolean, code: string, message: string): void {
    this.#hub.emit({ type: 'alarm', atMs: this.#clock.now(), fatal, code, message });
  }

  peer(validator: number, up: boolean): void {
    this.#hub.emit({ type: 'peer', atMs: this.#clock.now(), validator, up });
  }

  /** `bytes`: size of the encoded certificate; asked only when somebody listens. */
  horizon(event: Extract<CoreEvent, { type: 'certified' }>, bytes: () => number): void {
    if (!this.#hub.wants('horizon')) return;
    const signers = event.certificate.entries.map((entry) => entry.fields.author);
    const { index, digest } = event;
    this.#hub.emit({ type: 'horizon', atMs: this.#clock.now(), index, digest: toHex(digest), signers, bytes: bytes() });
  }

  opinion(block: AcceptedBlock, judgement: Judgement): void {
    if (!this.#hub.wants('opinion')) return;
    const proposals = block.proposals.map(
      (proposal, i): ProposalOpinion => ({
        id: toHex(proposal.id),
        summary: this.#summary(proposal),
        verdict: VERDICT_NAMES[judgement.verdicts[i] as keyof typeof VERDICT_NAMES],
        p: judgement.p[i]!,
      }),
    );
    const { confidence } = judgement;
    this.#hub.emit({ type: 'opinion', atMs: this.#clock.now(), block: nameOf(block.ref), confidence, proposals });
  }

  #photon(block: AcceptedBlock): void {
    if (!this.#hub.wants('photon')) return;
    const { header, proposals } = block;
    this.#hub.emit({
      type: 'photon',
      atMs: this.#clock.now(),
      block: nameOf(block.ref),
      parents: header.parents.length,
      votes: header.votes.length,
      proposals: proposals.map((proposal) => toHex(proposal.id)),
      summaries: proposals.map(this.#summary),
      confidence: header.confidence,
      bytes: block.bytes.length,
    });
  }

  #accepted(block: AcceptedBlock): void {
    if (block.proposals.length > 0) this.#payloads.set(digestKey(block.ref.digest), block.proposals.length);
    if (this.#hub.wants('dag')) this.#dag(block);
    if (this.#hub.wants('wave')) for (const event of this.#waves(block)) this.#hub.emit(event);
  }

  #dag(block: AcceptedBlock): void {
    this.#hub.emit({
      type: 'dag',
      atMs: this.#clock.now(),
      block: nameOf(block.ref),
      parents: block.header.parents.length,
      proposals: block.proposals.length,
      size: this.#status().dagBlocks,
    });
  }

  *#waves(block: AcceptedBlock): Generator<NodeEvent> {
    const atMs = this.#clock.now();
    for (const { target, confidence, rejects, abstains } of block.header.votes) {
      const rejected = countBits(rejects.bytes);
      const abstained = countBits(abstains.bytes);
      // A target that left the memory still shows how many it has in any list that is not empty.
      const proposals = this.#payloads.get(digestKey(target.digest)) ?? Math.max(rejects.length, abstains.length);
      yield {
        type: 'wave',
        atMs,
        voter: block.ref.author,
        target: nameOf(target),
        approves: Math.max(0, proposals - rejected - abstained),
        rejects: rejected,
        abstains: abstained,
        confidence,
      };
    }
  }

  #prism(event: Extract<CoreEvent, { type: 'executed' }>): void {
    for (const { decision } of event.decisions) this.counters.decided[decision]++;
    if (!this.#hub.wants('prism')) return;
    const { index, leader } = event.commit;
    const decisions = event.decisions.map(
      ({ id, decision, reason, confidence }, i): DecisionReport => ({
        id: toHex(id),
        decision,
        reason,
        confidence,
        receipt: event.receipts[i]!,
      }),
    );
    const blocks = this.#commitBlocks.get(index) ?? 0;
    this.#hub.emit({ type: 'prism', atMs: this.#clock.now(), index, leader: nameOf(leader), blocks, decisions });
  }

  #epoch({ epoch, origin, validators }: Committee): void {
    if (!this.#hub.wants('epoch')) return;
    const names = validators.map(({ name, stake }) => ({ name, stake }));
    const atMs = this.#clock.now();
    this.#hub.emit({ type: 'epoch', atMs, epoch, index: origin.index, validators: names, self: this.#status().self });
  }

  #evidence(first: Ref, second: Ref): void {
    const digests = [toHex(first.digest), toHex(second.digest)] as const;
    this.#hub.emit({ type: 'evidence', atMs: this.#clock.now(), author: first.author, round: first.round, digests });
  }
}

function nameOf(ref: Ref): BlockName {
  return { round: ref.round, author: ref.author, digest: toHex(ref.digest) };
}

function countBits(bytes: Uint8Array): number {
  let count = 0;
  for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}
