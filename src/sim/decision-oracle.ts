/**
 * The rules of decisions once more, in the plainest way: maps and loops over the committed blocks, with thresholds of its
 * own. A pure function of the same prefix, so it must come to the same decisions, in the same order, with the same confidence.
 */
import { bitAt, digestKey, refKey } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import type { Parameters } from '../core/genesis.ts';
import type { AcceptedBlock, Bitlist, Decision, IdentifiedProposal, KeysOf } from '../core/types.ts';
import { UPGRADE_KIND } from '../core/upgrade.ts';
import { lowerMedian } from './order-oracle.ts';

/** The rule's own numbers, not the core's. */
const OPEN_ROUNDS = 8;
const SURE = 10_000;
const MAX_KEYS = 16;

type Side = 'approve' | 'reject' | 'abstain';

interface Open {
  readonly proposal: IdentifiedProposal;
  readonly keys: readonly string[] | null;
  readonly openedRound: number;
  votableMs: number | null;
  /** By author: the first word counts, and no other. */
  readonly opinions: Map<number, { readonly side: Side; readonly confidence: number }>;
}

/** What outlives an epoch: decided ids, and claimed keys, each with the expiry until which it is remembered. */
export interface OracleMemory {
  readonly decided: Map<string, number>;
  readonly claims: Map<string, number>;
}

/** The decisions of one epoch. */
export class DecisionOracle {
  readonly memory: OracleMemory;
  readonly #stakes: readonly number[];
  readonly #parameters: Parameters;
  readonly #keysOf: KeysOf;
  readonly #total: number;
  readonly #required: number;
  readonly #validity: number;
  readonly #open = new Map<string, Open>();
  /** Ids of what committed blocks carry, by ref: what a vote on them means. */
  readonly #targets = new Map<string, readonly string[]>();
  #leaders: AcceptedBlock[] = [];

  /** `memory`: of the epoch before. */
  constructor(
    stakes: readonly number[],
    parameters: Parameters,
    keysOf: KeysOf,
    memory: OracleMemory = { decided: new Map(), claims: new Map() },
  ) {
    this.memory = memory;
    const total = stakes.reduce((sum, stake) => sum + stake, 0);
    const faulty = Math.floor((total - 1) / 3);
    this.#stakes = stakes;
    this.#parameters = parameters;
    this.#keysOf = keysOf;
    this.#total = total;
    this.#validity = faulty + 1;
    this.#required = Math.max(total - faulty, Math.ceil((parameters.requiredVotesPerMille * total) / 1000));
  }

  /** What the next commit decides. */
  decide(timestampMs: number, blocks: readonly AcceptedBlock[]): Decision[] {
    const leaderRound = blocks.at(-1)?.ref.round ?? 0;
    forget(this.memory.decided, timestampMs);
    forget(this.memory.claims, timestampMs);
    const committed = [...this.#leaders, ...blocks];
    this.#leaders = committed.filter(({ ref }) => ref.round >= leaderRound);
    for (const block of committed) if (block.ref.round < leaderRound) this.#openAll(block, leaderRound, timestampMs);
    for (const block of blocks) this.#count(block);
    const open = [...this.#open.values()];
    const verdicts = open.map((each) => this.#decideOne(each, leaderRound, timestampMs));
    // An approved upgrade ends the epoch: what it leaves open can never be voted on again.
    const isLast = verdicts.some((verdict, i) => {
      return verdict?.decision === 'APPROVED' && open[i]!.proposal.proposal.kind === UPGRADE_KIND;
    });
    return open.flatMap(({ proposal }, i): Decision[] => {
      const left: Decision = { id: proposal.id, decision: 'EXPIRED', reason: 'EPOCH', confidence: 0 };
      const decision = verdicts[i] ?? (isLast ? left : undefined);
      if (!decision) return [];
      this.#open.delete(digestKey(proposal.id));
      this.memory.decided.set(digestKey(proposal.id), proposal.proposal.expiryMs);
      return [decision];
    });
  }

  #openAll(block: AcceptedBlock, leaderRound: number, nowMs: number): void {
    if (block.proposals.length === 0) return;
    this.#targets.set(
      refKey(block.ref),
      block.proposals.map(({ id }) => digestKey(id)),
    );
    for (const proposal of block.proposals) {
      const key = digestKey(proposal.id);
      const { expiryMs } = proposal.proposal;
      const isKnown = this.#open.has(key) || this.memory.decided.has(key);
      if (isKnown || nowMs > expiryMs || expiryMs > nowMs + this.#parameters.maxExpiryMs) continue;
      const said = this.#keysOf(proposal.proposal);
      const keys = said.wellFormed && said.keys.length <= MAX_KEYS ? said.keys.map(toHex) : null;
      this.#open.set(key, { proposal, keys, openedRound: leaderRound, votableMs: null, opinions: new Map() });
    }
  }

  #count(block: AcceptedBlock): void {
    const author = block.ref.author;
    for (const { target, confidence, rejects, abstains } of block.header.votes) {
      const ids = this.#targets.get(refKey(target));
      if (!ids || !fits(rejects, ids.length) || !fits(abstains, ids.length)) continue;
      for (const [i, id] of ids.entries()) {
        const opinions = this.#open.get(id)?.opinions;
        if (!opinions || opinions.has(author)) continue;
        const side: Side = bitAt(rejects, i) ? 'reject' : bitAt(abstains, i) ? 'abstain' : 'approve';
        opinions.set(author, { side, confidence });
      }
    }
  }

  /** The first line of the rules that holds. */
  #decideOne(open: Open, leaderRound: number, nowMs: number): Decision | undefined {
    if (open.votableMs === null && leaderRound >= open.openedRound + 2) open.votableMs = nowMs;
    const { id, proposal } = open.proposal;
    const stakeOf = (side: Side) => this.#votersOn(open, side).reduce((sum, { stake }) => sum + stake, 0);
    const [approve, reject] = [stakeOf('approve'), stakeOf('reject')];
    const silent = this.#total - approve - reject - stakeOf('abstain');
    const say = (decision: Decision['decision'], reason: Decision['reason'], confidence: number): Decision => {
      return { id, decision, reason, confidence };
    };
    if (!open.keys) return say('REJECTED', 'MALFORMED', SURE);
    if (nowMs > proposal.expiryMs) return say('EXPIRED', 'TIMEOUT', 0);
    if (approve >= this.#required) {
      const confidence = lowerMedian(this.#votersOn(open, 'approve'));
      if (open.keys.some((key) => this.memory.claims.has(key))) return say('CONFLICT', 'CLAIMED', confidence);
      for (const key of open.keys) this.memory.claims.set(key, proposal.expiryMs);
      return say('APPROVED', 'QUORUM', confidence);
    }
    if (reject >= this.#validity) return say('REJECTED', 'QUORUM', lowerMedian(this.#votersOn(open, 'reject')));
    if (approve + silent < this.#required && reject + silent < this.#validity) return say('EXPIRED', 'SPLIT', 0);
    const isLongOpen = leaderRound >= open.openedRound + OPEN_ROUNDS;
    const isWaitedFor = open.votableMs !== null && nowMs >= open.votableMs + this.#parameters.openMs;
    return isLongOpen && isWaitedFor ? say('EXPIRED', 'TIMEOUT', 0) : undefined;
  }

  #votersOn(open: Open, side: Side): { readonly value: number; readonly stake: number }[] {
    const voters = [...open.opinions].filter(([, opinion]) => opinion.side === side);
    return voters.map(([author, { confidence }]) => ({ value: confidence, stake: this.#stakes[author] ?? 0 }));
  }
}

/** A list that is neither empty nor as long as its target is the voter's mistake: the vote does not count. */
function fits(list: Bitlist, proposals: number): boolean {
  return list.length === 0 || list.length === proposals;
}

/** What ran out is remembered no more. */
function forget(expiries: Map<string, number>, nowMs: number): void {
  for (const [key, expiryMs] of expiries) if (expiryMs < nowMs) expiries.delete(key);
}
