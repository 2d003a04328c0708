/**
 * What must hold after every step of every run, whatever happens. Knows nothing of how the node works: only what honest
 * validators say and sign, and the rules once more (`order-oracle.ts`, `decision-oracle.ts`).
 */
import { readPayment, TRANSFER_KIND } from '../app/payments-format.ts';
import { digestKey, refKey } from '../core/block.ts';
import { equalBytes, toHex } from '../core/bytes.ts';
import type { Committee } from '../core/committee.ts';
import type { CoreEvent } from '../core/events.ts';
import type { AcceptedBlock, Decision, IdentifiedProposal, KeysOf } from '../core/types.ts';
import { keysWithUpgrades } from '../core/upgrade.ts';
import { PqError } from '../errors.ts';
import { DecisionOracle } from './decision-oracle.ts';
import { OrderOracle, quorumOf } from './order-oracle.ts';
import type { SimWorld } from './world.ts';

type EventOf<Type extends CoreEvent['type']> = Extract<CoreEvent, { type: Type }>;

/** The rules as they are in one epoch. */
interface Epoch {
  readonly committee: Committee;
  readonly quorum: number;
  readonly order: OrderOracle;
  readonly decisions: DecisionOracle;
}

/** What the first to order a commit made of it: everybody else must come to the same. */
interface Agreed {
  readonly blocks: readonly string[];
  readonly decisions: string;
}

export class Invariants {
  readonly #world: SimWorld;
  readonly #keysOf: KeysOf;
  readonly #epochs: Epoch[] = [];
  readonly #agreed: Agreed[] = [];
  readonly #digests: string[] = [];
  readonly #decided = new Map<string, { readonly decision: Decision; readonly index: number }>();
  readonly #proposals = new Map<string, IdentifiedProposal>();
  readonly #executedNonces = new Set<string>();
  #decisiveIndex = 0;
  #violation: PqError | null = null;

  constructor(world: SimWorld, keysOf: KeysOf) {
    this.#world = world;
    this.#keysOf = keysOf;
    this.#begin(world.committee);
  }

  /** The committee of the newest epoch that anybody honest is in. */
  get committee(): Committee {
    return this.#epochs.at(-1)!.committee;
  }
  /** Keys of whoever may have sessions with its members, if it is no member: those of the epoch before. */
  get neighbours(): readonly Committee[] {
    return this.#epochs.slice(-2).map(({ committee }) => committee);
  }
  /** The newest commit that decided something. */
  get decisiveIndex(): number {
    return this.#decisiveIndex;
  }
  get commits(): number {
    return this.#digests.length;
  }
  /** Digest of the newest executed commit: two runs that agree here agree in everything. */
  get lastDigest(): string {
    return this.#digests.at(-1) ?? '';
  }
  get decided(): readonly Decision[] {
    return Array.from(this.#decided.values(), ({ decision }) => decision);
  }
  decisionOn(id: Uint8Array): { readonly decision: Decision; readonly index: number } | undefined {
    return this.#decided.get(digestKey(id));
  }

  /** The first violation is kept: what comes after it means nothing. */
  fail(code: string, data: Readonly<Record<string, unknown>>): void {
    this.#violation ??= new PqError(code, JSON.stringify(data), data);
  }

  /** Throws the violation, if there was one. */
  raise(): void {
    if (this.#violation) throw this.#violation;
  }

  observed(validator: number, event: CoreEvent): void {
    switch (event.type) {
      case 'accepted':
        return this.#epochs[event.block.header.epoch]?.order.accepted(event.block);
      case 'committed':
        return this.#committed(validator, event);
      case 'executed':
        return this.#executed(validator, event);
      case 'certified':
        return this.#certified(validator, event);
      case 'epoch':
        return this.#entered(validator, event.committee);
      case 'alarm':
        // Nobody who keeps it may be connected at the moment; that it comes in the end is checked there.
        if (event.code === 'HISTORY_PRUNED' && this.#world.settings.history.retain !== 'all') return;
        return this.fail('SIM_ALARM', { validator, alarm: event.code, message: event.message });
      case 'synced':
      case 'emitted':
      case 'equivocation':
      case 'refused':
      case 'closing':
      case 'lapsed':
        return;
    }
  }

  #begin(committee: Committee): void {
    const { stakes, parameters, genesisTimeMs } = committee;
    const keysOf = keysWithUpgrades(this.#world.kernels, committee, this.#keysOf);
    this.#epochs.push({
      committee,
      quorum: quorumOf(stakes),
      order: new OrderOracle(stakes, genesisTimeMs),
      decisions: new DecisionOracle(stakes, parameters, keysOf, this.#epochs.at(-1)?.decisions.memory),
    });
  }

  /** Everybody is in the same committee in the same epoch. */
  #entered(validator: number, committee: Committee): void {
    const known = this.#epochs[committee.epoch];
    if (!known) return this.#begin(committee);
    if (!equalBytes(known.committee.hash, committee.hash)) {
      this.fail('SIM_DISAGREEMENT', { validator, epoch: committee.epoch, on: 'the committee' });
    }
  }

  /** Agreement on order and decisions; and both must be what the rules say. */
  #committed(validator: number, { index, timestampMs, blocks, decisions }: EventOf<'committed'>): void {
    const said = { blocks: blocks.map(({ ref }) => refKey(ref)), decisions: spelled(decisions) };
    const agreed = this.#agreed[index - 1];
    if (agreed) {
      const isSame =
        agreed.decisions === said.decisions &&
        agreed.blocks.length === said.blocks.length &&
        agreed.blocks.every((key, i) => key === said.blocks[i]);
      if (!isSame) this.fail('SIM_DISAGREEMENT', { validator, index, on: 'order or decisions' });
      return;
    }
    if (index !== this.#agreed.length + 1) return this.fail('SIM_COMMIT_GAP', { validator, index });
    this.#agreed.push(said);
    if (decisions.length > 0) this.#decisiveIndex = index;
    this.#check(validator, index, timestampMs, blocks, decisions);
  }

  #check(
    validator: number,
    index: number,
    timestampMs: number,
    blocks: readonly AcceptedBlock[],
    decisions: readonly Decision[],
  ): void {
    const epoch = this.#epochs[blocks.at(-1)?.header.epoch ?? 0];
    if (!epoch) return this.fail('SIM_COMMIT_OF_NO_EPOCH', { validator, index });
    const complaint = epoch.order.committed(index, timestampMs, blocks);
    if (complaint) return this.fail(complaint.code, { validator, ...complaint.data });
    const meant = spelled(epoch.decisions.decide(timestampMs, blocks));
    if (meant !== spelled(decisions)) this.fail('SIM_DECIDED_OTHERWISE', { index, said: spelled(decisions), meant });
    for (const { proposals } of blocks) for (const each of proposals) this.#proposals.set(digestKey(each.id), each);
    for (const decision of decisions) {
      const key = digestKey(decision.id);
      if (this.#decided.has(key)) this.fail('SIM_DECIDED_TWICE', { index });
      this.#decided.set(key, { decision, index });
    }
  }

  /** Agreement on state: the digest binds it. No nonce of an account is executed twice. */
  #executed(validator: number, { commit, digest, decisions, receipts }: EventOf<'executed'>): void {
    const { index } = commit;
    const agreed = this.#digests[index - 1] ?? toHex(digest);
    if (agreed !== toHex(digest)) return this.fail('SIM_DISAGREEMENT', { validator, index, on: 'state' });
    if (this.#digests.length >= index) return;
    this.#digests[index - 1] = agreed;
    for (const [i, { id, decision }] of decisions.entries()) {
      const proposal = this.#proposals.get(digestKey(id))?.proposal;
      const payment = proposal && readPayment(this.#world.kernels, proposal);
      if (decision !== 'APPROVED' || receipts[i] !== 0 || payment?.kind !== TRANSFER_KIND) continue;
      const nonce = `${toHex(payment.account)}/${payment.transfer.nonce}`;
      if (this.#executedNonces.has(nonce)) this.fail('SIM_NONCE_TWICE', { validator, index });
      this.#executedNonces.add(nonce);
    }
  }

  #certified(validator: number, { index, digest, certificate }: EventOf<'certified'>): void {
    if (this.#digests[index - 1] !== toHex(digest)) this.fail('SIM_CERTIFIED_OTHER', { validator, index });
    const epoch = this.#epochs[certificate.commits.at(-1)?.epoch ?? 0];
    const signers = new Set(certificate.entries.map(({ fields }) => fields.author));
    const stake = [...signers].reduce((sum, author) => sum + (epoch?.committee.stakes[author] ?? 0), 0);
    if (!epoch || stake < epoch.quorum) this.fail('SIM_CERTIFIED_BY_FEW', { validator, index, stake });
  }
}

function spelled(decisions: readonly Decision[]): string {
  return decisions
    .map(({ id, decision, reason, confidence }) => `${toHex(id)}:${decision}/${reason}/${confidence}`)
    .join(' ');
}
