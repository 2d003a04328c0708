/** What must hold in every run, checked while it goes on. Knows nothing of how the core works: only what it said. */
import { bitAt, digestKey, refKey } from '../core/block.ts';
import { toHex } from '../core/bytes.ts';
import { type Committee, StakeSet } from '../core/committee.ts';
import type { CoreEvent } from '../core/events.ts';
import type { AcceptedBlock, Decision, IdentifiedProposal, KeysOf } from '../core/types.ts';
import { PqError } from '../errors.ts';

/** A validator's first word on one proposal, as the committed blocks have it. */
interface Tally {
  readonly approve: StakeSet;
  readonly reject: StakeSet;
  readonly abstain: StakeSet;
}

type Committed = Extract<CoreEvent, { type: 'committed' }>;
type Executed = Extract<CoreEvent, { type: 'executed' }>;

export class Properties {
  readonly #seed: number;
  readonly #committee: Committee;
  readonly #keysOf: KeysOf;
  readonly #digests = new Map<number, string>();
  readonly #decided = new Map<string, string>();
  readonly #signed = new Map<string, string>();
  /** Of the committed sequence, told by whichever node was first. */
  #countedIndex = 0;
  #decisiveIndex = 0;
  readonly #targets = new Map<string, AcceptedBlock>();
  readonly #tallies = new Map<string, Tally>();
  readonly #proposals = new Map<string, IdentifiedProposal>();
  /** Key → until when it is claimed, and by whom. */
  readonly #claims = new Map<string, { readonly untilMs: number; readonly by: string }>();

  constructor(seed: number, committee: Committee, keysOf: KeysOf) {
    this.#seed = seed;
    this.#committee = committee;
    this.#keysOf = keysOf;
  }

  /** The newest commit that decided something. */
  get decisiveIndex(): number {
    return this.#decisiveIndex;
  }
  get commits(): number {
    return this.#digests.size;
  }
  isDecided(idKey: string): boolean {
    return this.#decided.has(idKey);
  }
  /** How often each decision was made. */
  get decisions(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const said of this.#decided.values()) {
      const name = said.split('@')[0] as string;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  fail(code: string, data: Readonly<Record<string, unknown>>): never {
    throw new PqError(code, `seed ${this.#seed}: ${JSON.stringify(data)}`, { seed: this.#seed, ...data });
  }

  /** No validator signs two blocks of one round, whatever it forgot. */
  signing(node: number, round: number, digest: string): void {
    const key = `${node}/${round}`;
    const before = this.#signed.get(key);
    if (before !== undefined && before !== digest) this.fail('SIM_DOUBLE_SIGNATURE', { node, round });
    this.#signed.set(key, digest);
  }

  /** Agreement: one digest per index, one decision per proposal, for ever. */
  executed(node: number, { commit, digest, decisions }: Executed): void {
    const { index } = commit;
    const agreed = this.#digests.get(index) ?? toHex(digest);
    if (agreed !== toHex(digest)) this.fail('SIM_DISAGREEMENT', { node, index });
    this.#digests.set(index, agreed);
    for (const { id, decision } of decisions) {
      const key = digestKey(id);
      const said = `${decision}@${index}`;
      const before = this.#decided.get(key) ?? said;
      if (before !== said) this.fail('SIM_DECIDED_TWICE', { node, index, before, said });
      this.#decided.set(key, said);
    }
  }

  /** Validity: counts the votes again, the plain way, and holds every decision against them. */
  committed(node: number, { index, timestampMs, blocks, decisions }: Committed): void {
    if (index <= this.#countedIndex) return;
    if (index !== this.#countedIndex + 1) this.fail('SIM_COMMIT_GAP', { node, index });
    this.#countedIndex = index;
    if (decisions.length > 0) this.#decisiveIndex = index;
    for (const block of blocks) {
      this.#targets.set(refKey(block.ref), block);
      for (const proposal of block.proposals) this.#proposals.set(digestKey(proposal.id), proposal);
    }
    for (const block of blocks) this.#count(block);
    for (const decision of decisions) this.#check(index, timestampMs, decision);
  }

  #count(block: AcceptedBlock): void {
    for (const { target, rejects, abstains } of block.header.votes) {
      const ids = this.#targets.get(refKey(target))?.proposals ?? [];
      if ([rejects, abstains].some(({ length }) => length !== 0 && length !== ids.length)) continue;
      for (const [i, { id }] of ids.entries()) {
        const { approve, reject, abstain } = this.#tally(digestKey(id));
        if ([approve, reject, abstain].some((set) => set.has(block.ref.author))) continue;
        (bitAt(rejects, i) ? reject : bitAt(abstains, i) ? abstain : approve).add(block.ref.author);
      }
    }
  }

  #tally(key: string): Tally {
    const known = this.#tallies.get(key);
    if (known) return known;
    const fresh = () => new StakeSet(this.#committee);
    const tally = { approve: fresh(), reject: fresh(), abstain: fresh() };
    this.#tallies.set(key, tally);
    return tally;
  }

  #check(index: number, timestampMs: number, { id, decision, reason }: Decision): void {
    const key = digestKey(id);
    const proposal = this.#proposals.get(key)?.proposal;
    if (!proposal) return this.fail('SIM_DECIDED_UNKNOWN', { index });
    const { approve, reject } = this.#tally(key);
    const { requiredVotes, validity } = this.#committee;
    const isBacked =
      reason === 'MALFORMED' ||
      decision === 'EXPIRED' ||
      (decision === 'REJECTED' ? reject.stake >= validity : approve.stake >= requiredVotes);
    if (!isBacked) this.fail('SIM_DECIDED_WITHOUT_VOTES', { index, decision });
    if (decision !== 'APPROVED') return;
    if (timestampMs > proposal.expiryMs) this.fail('SIM_APPROVED_LATE', { index });
    const said = this.#keysOf(proposal);
    for (const bytes of said.wellFormed ? said.keys : []) {
      const claim = this.#claims.get(toHex(bytes));
      if (claim && claim.by !== key && claim.untilMs >= timestampMs) this.fail('SIM_CLAIMED_TWICE', { index });
      this.#claims.set(toHex(bytes), { untilMs: proposal.expiryMs, by: key });
    }
  }
}
