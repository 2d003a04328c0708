/**
 * Focus: decisions on proposals, as a pure function of the committed prefix. Votes are explicit and tallied by stake;
 * a proposal nobody decides in time expires; of conflicting ones the first in decision order wins.
 */
import { PqError } from '../errors.ts';
import {
  BALLOT_CONFIDENCE_BITS,
  type Kernels,
  OPINION,
  TALLY,
  type TallyKernel,
  type TallyVote,
} from '../wasm/kernels.ts';
import { digestKey, refKey } from './block.ts';
import { concatBytes } from './bytes.ts';
import type { Committee } from './committee.ts';
import { CONFIDENCE_MAX, MAX_KEYS_PER_PROPOSAL, MAX_OPEN_PROPOSALS, OPEN_ROUNDS_MIN } from './limits.ts';
import { Memory } from './memory.ts';
import type { OrderedCommit } from './prism.ts';
import { type RememberedProposal, readRemembered } from './remembered.ts';
import type { FocusState, OpenState, VotableState } from './snapshot.ts';
import type {
  AcceptedBlock,
  Decision,
  DecisionName,
  IdentifiedProposal,
  KeysOf,
  ReasonName,
  Ref,
  Vote,
} from './types.ts';
import { UPGRADE_KIND } from './upgrade.ts';

const NO_BITS = new Uint8Array(0);
const FIRST_BIT = Uint8Array.of(1);

interface OpenProposal {
  readonly proposal: IdentifiedProposal;
  readonly slot: number;
  /** Null when the bytes mean nothing to the application. */
  readonly keys: readonly Uint8Array[] | null;
  readonly openedRound: number;
  /** Commit time of the first commit with leader round ≥ openedRound + 2: from then on votes could have come. */
  votableFromMs: number | null;
}

interface Verdict {
  readonly decision: DecisionName;
  readonly reason: ReasonName;
}

/** What one commit decided, in decision order, with the proposals themselves. */
export interface DecidedCommit {
  readonly decisions: readonly Decision[];
  readonly proposals: readonly IdentifiedProposal[];
  /** The approved one that ends the epoch with this commit. */
  readonly upgrade: IdentifiedProposal | null;
}

export class Focus {
  readonly #committee: Committee;
  readonly #keysOf: KeysOf;
  readonly #tally: TallyKernel;
  /** In opening order. */
  readonly #open = new Map<string, OpenProposal>();
  readonly #memory: Memory;
  /** Committed blocks on whose proposals votes can still count, by ref. */
  readonly #votable = new Map<string, VotableState>();
  /** Leaders' own payloads: opened by the next commit, so that commit time is never older than what it judges. */
  #deferred: AcceptedBlock[] = [];
  #timestampMs = 0;
  /** Keys that the open proposals would claim. */
  #openKeys = 0;

  /** `memory`: of the epoch before; a new one in the first. */
  constructor(
    kernels: Kernels,
    committee: Committee,
    keysOf: KeysOf,
    memory = new Memory(kernels, committee.hash.subarray(0, 16)),
  ) {
    this.#committee = committee;
    this.#keysOf = keysOf;
    this.#memory = memory;
    this.#timestampMs = committee.genesisTimeMs;
    this.#tally = kernels.createTally({
      stakes: committee.stakes,
      requiredVotes: committee.requiredVotes,
      validity: committee.validity,
      maxOpen: MAX_OPEN_PROPOSALS,
    });
  }

  /** Proposals that wait for a decision, those of the last leaders included. */
  get openCount(): number {
    return this.#open.size + this.#deferred.length;
  }
  /** True while a leader's own payload waits for the next commit to open it. */
  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }
  isOpen(idKey: string): boolean {
    return this.#open.has(idKey);
  }
  isDecided(idKey: string): boolean {
    return this.#memory.decided.has(idKey);
  }
  /** True while a proposal of this block could still be decided by votes. */
  isUndecided(block: AcceptedBlock): boolean {
    return block.proposals.some((proposal) => this.isUndecidedProposal(proposal));
  }
  /** True while votes could still decide it. */
  isUndecidedProposal({ id, proposal }: IdentifiedProposal): boolean {
    return !this.#memory.decided.has(digestKey(id)) && proposal.expiryMs >= this.#timestampMs;
  }

  /** Applies one commit: opens its proposals, counts its votes, decides what can be decided. */
  apply(commit: OrderedCommit): DecidedCommit {
    this.#timestampMs = commit.timestampMs;
    this.#memory.forget(commit.timestampMs);
    this.#openAll(commit);
    this.#count(commit.blocks);
    const decided = this.#decideAll(commit);
    this.#dropDecidedTargets();
    return decided;
  }

  /** Everything that the next commits depend on, as it is now. */
  capture(): FocusState {
    const open = [...this.#open.values()];
    return {
      open: open.map(({ proposal, openedRound, votableFromMs }) => ({ proposal, openedRound, votableFromMs })),
      ballots: this.#tally.ballots(Int32Array.from(open, ({ slot }) => slot)),
      votable: [...this.#votable.values()],
      deferred: this.#deferred.map(({ ref }) => ref),
      remembered: this.#memory.decided.records(),
    };
  }

  /**
   * Takes up what {@link capture} gave at commit time `timestampMs`, into an empty one. `blockOf` gives the committed blocks
   * above gcRound. Throws `SNAPSHOT_FOCUS` for a state that no commits lead to.
   */
  restore(state: FocusState, timestampMs: number, blockOf: (ref: Ref) => AcceptedBlock | undefined): void {
    this.#timestampMs = timestampMs;
    this.#restoreOpen(state);
    for (const votable of state.votable) this.#votable.set(refKey(votable.ref), votable);
    for (const ref of state.deferred) this.#deferred.push(blockOf(ref) ?? refuse('a block that is not held'));
    for (const bytes of state.remembered) for (const each of readRemembered(bytes)) this.#restoreRemembered(each);
  }

  #restoreOpen({ open, ballots }: FocusState): void {
    const authors = this.#committee.size;
    if (ballots.length !== open.length * authors) refuse('ballots of another committee');
    for (const [i, each] of open.entries()) {
      const { slot } = this.#hold(each);
      const votes: TallyVote[] = [];
      for (let author = 0; author < authors; author++) {
        const ballot = ballots[i * authors + author]!;
        if (ballot !== 0) votes.push(recast(slot, author, ballot));
      }
      this.#tally.apply(votes);
    }
  }

  #restoreRemembered(remembered: RememberedProposal): void {
    this.#memory.decided.add(remembered);
    const { keys, expiryMs } = remembered;
    // Ids are forgotten by the second, claims to the millisecond.
    if (keys.length === 0 || expiryMs < this.#timestampMs) return;
    const claimed = this.#memory.claims.claim(
      concatBytes(...keys),
      Uint32Array.of(keys.length),
      Float64Array.of(expiryMs),
    );
    if (claimed[0] !== 1) refuse('a key that two proposals claim');
  }

  #openAll(commit: OrderedCommit): void {
    const blocks = [...this.#deferred, ...commit.blocks];
    this.#deferred = [];
    for (const block of blocks) {
      if (block.proposals.length === 0) continue;
      if (block.ref.round >= commit.leader.round) {
        this.#deferred.push(block);
        continue;
      }
      for (const proposal of block.proposals) this.#openOne(proposal, commit);
      this.#votable.set(refKey(block.ref), { ref: block.ref, ids: block.proposals.map(({ id }) => digestKey(id)) });
    }
  }

  #openOne(proposal: IdentifiedProposal, commit: OrderedCommit): void {
    const key = digestKey(proposal.id);
    if (this.#open.has(key) || this.#memory.decided.has(key)) return;
    const { expiryMs } = proposal.proposal;
    const nowMs = commit.timestampMs;
    if (nowMs > expiryMs || expiryMs > nowMs + this.#committee.parameters.maxExpiryMs) return;
    if (this.#isFull()) return;
    this.#hold({ proposal, openedRound: commit.leader.round, votableFromMs: null });
  }

  #hold({ proposal, openedRound, votableFromMs }: OpenState): OpenProposal {
    const said = this.#keysOf(proposal.proposal);
    const keys = said.wellFormed && said.keys.length <= MAX_KEYS_PER_PROPOSAL ? said.keys : null;
    this.#openKeys += keys?.length ?? 0;
    const entry = { proposal, keys, slot: this.#tally.open(), openedRound, votableFromMs };
    this.#open.set(digestKey(proposal.id), entry);
    return entry;
  }

  /** At a bound nothing more is opened, on every node alike; the client sees it lapse. */
  #isFull(): boolean {
    return this.#open.size >= MAX_OPEN_PROPOSALS || this.#memory.isFull(this.#openKeys + MAX_KEYS_PER_PROPOSAL);
  }

  #count(blocks: readonly AcceptedBlock[]): void {
    const votes: TallyVote[] = [];
    for (const block of blocks) {
      for (const vote of block.header.votes) {
        const ids = this.#votable.get(refKey(vote.target))?.ids;
        if (ids && fits(vote, ids.length)) votes.push(this.#tallyVote(block.ref.author, vote, ids));
      }
    }
    if (votes.length > 0) this.#tally.apply(votes);
  }

  #tallyVote(author: number, vote: Vote, ids: readonly string[]): TallyVote {
    return {
      author,
      confidence: vote.confidence,
      slots: Int32Array.from(ids, (id) => this.#open.get(id)?.slot ?? -1),
      rejects: vote.rejects.bytes,
      abstains: vote.abstains.bytes,
    };
  }

  #decideAll(commit: OrderedCommit): DecidedCommit {
    const open = [...this.#open.values()];
    if (open.length === 0) return { decisions: [], proposals: [], upgrade: null };
    const tallied = this.#tally.evaluate(Int32Array.from(open, (entry) => entry.slot));
    const verdicts = open.map((entry, i) => this.#verdict(entry, tallied[i] ?? TALLY.OPEN, commit));
    this.#resolveConflicts(open, verdicts);
    const upgrade = approvedUpgrade(open, verdicts);
    // The epoch ends here: votes on what is still open would be of another committee.
    if (upgrade) for (const i of verdicts.keys()) verdicts[i] ??= { decision: 'EXPIRED', reason: 'EPOCH' };
    const decisions: Decision[] = [];
    const proposals: IdentifiedProposal[] = [];
    for (const [i, entry] of open.entries()) {
      const verdict = verdicts[i];
      if (!verdict) continue;
      decisions.push({ id: entry.proposal.id, ...verdict, confidence: this.#confidence(entry, verdict) });
      proposals.push(entry.proposal);
      const key = digestKey(entry.proposal.id);
      this.#open.delete(key);
      this.#openKeys -= entry.keys?.length ?? 0;
      const claimed = verdict.decision === 'APPROVED' ? (entry.keys ?? []) : [];
      this.#memory.decided.add({ id: entry.proposal.id, expiryMs: entry.proposal.proposal.expiryMs, keys: claimed });
      this.#tally.close(entry.slot);
    }
    return { decisions, proposals, upgrade };
  }

  /** The first rule that holds; approvals are still to be checked for conflicts. */
  #verdict(entry: OpenProposal, tallied: number, commit: OrderedCommit): Verdict | undefined {
    const nowMs = commit.timestampMs;
    const round = commit.leader.round;
    if (entry.votableFromMs === null && round >= entry.openedRound + 2) entry.votableFromMs = nowMs;
    if (entry.keys === null) return { decision: 'REJECTED', reason: 'MALFORMED' };
    if (nowMs > entry.proposal.proposal.expiryMs) return { decision: 'EXPIRED', reason: 'TIMEOUT' };
    if (tallied === TALLY.APPROVED) return { decision: 'APPROVED', reason: 'QUORUM' };
    if (tallied === TALLY.REJECTED) return { decision: 'REJECTED', reason: 'QUORUM' };
    if (tallied === TALLY.SPLIT) return { decision: 'EXPIRED', reason: 'SPLIT' };
    const longOpen = round >= entry.openedRound + OPEN_ROUNDS_MIN;
    const waitedMs = entry.votableFromMs === null ? -1 : nowMs - entry.votableFromMs;
    if (longOpen && waitedMs >= this.#committee.parameters.openMs) return { decision: 'EXPIRED', reason: 'TIMEOUT' };
    return undefined;
  }

  /** Approved proposals claim their keys in decision order; whoever comes second is a conflict. */
  #resolveConflicts(open: readonly OpenProposal[], verdicts: (Verdict | undefined)[]): void {
    const approved: number[] = [];
    const keys: Uint8Array[] = [];
    for (const [i, verdict] of verdicts.entries()) {
      if (verdict?.decision !== 'APPROVED') continue;
      approved.push(i);
      keys.push(...(open[i]?.keys ?? []));
    }
    if (keys.length === 0) return;
    const flat = new Uint8Array(keys.length * 32);
    for (const [i, key] of keys.entries()) flat.set(key, i * 32);
    const counts = Uint32Array.from(approved, (i) => open[i]?.keys?.length ?? 0);
    const expiries = Float64Array.from(approved, (i) => open[i]?.proposal.proposal.expiryMs ?? 0);
    const claimed = this.#memory.claims.claim(flat, counts, expiries);
    for (const [n, i] of approved.entries()) {
      if (claimed[n] === 0) verdicts[i] = { decision: 'CONFLICT', reason: 'CLAIMED' };
    }
  }

  #confidence(entry: OpenProposal, { decision, reason }: Verdict): number {
    if (reason === 'MALFORMED') return CONFIDENCE_MAX;
    if (decision === 'EXPIRED') return 0;
    return this.#tally.confidence(entry.slot, decision === 'REJECTED' ? OPINION.REJECT : OPINION.APPROVE);
  }

  /** A vote on a block whose proposals are all decided can have no effect any more. */
  #dropDecidedTargets(): void {
    for (const [key, { ids }] of this.#votable) if (!ids.some((id) => this.#open.has(id))) this.#votable.delete(key);
  }
}

function refuse(what: string): never {
  throw new PqError('SNAPSHOT_FOCUS', `A snapshot cannot be used: it has ${what}.`, { what });
}

/** The vote that gives this ballot. */
function recast(slot: number, author: number, ballot: number): TallyVote {
  const opinion = ballot >> BALLOT_CONFIDENCE_BITS;
  return {
    author,
    confidence: ballot % 2 ** BALLOT_CONFIDENCE_BITS,
    slots: Int32Array.of(slot),
    rejects: opinion === OPINION.REJECT ? FIRST_BIT : NO_BITS,
    abstains: opinion === OPINION.ABSTAIN ? FIRST_BIT : NO_BITS,
  };
}

/** At most one: all upgrades of an epoch claim one key. */
function approvedUpgrade(
  open: readonly OpenProposal[],
  verdicts: readonly (Verdict | undefined)[],
): IdentifiedProposal | null {
  const approved = open.find(({ proposal }, i) => {
    return proposal.proposal.kind === UPGRADE_KIND && verdicts[i]?.decision === 'APPROVED';
  });
  return approved?.proposal ?? null;
}

/** A list that does not fit the target is the voter's mistake: the vote is ignored, never the block. */
function fits(vote: Vote, proposals: number): boolean {
  const { rejects, abstains } = vote;
  return (
    (rejects.length === 0 || rejects.length === proposals) && (abstains.length === 0 || abstains.length === proposals)
  );
}
