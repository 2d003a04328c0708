/** What others have seen of the node that is killed, over all its lives, and may never be untrue afterwards. */
import { toHex } from '../../src/core/bytes.ts';
import { decodeDecisionLeaf } from '../../src/core/commit.ts';
import { identifyProposals } from '../../src/core/proposal.ts';
import type { DecisionAnswer } from '../../src/node/client-protocol.ts';
import type { Store } from '../../src/store/store.ts';
import { loadKernels } from '../../src/wasm/load.ts';
import type { Entry } from './journal.ts';
import type { ToldDecision } from './life.ts';

type Found = Pick<ToldDecision, 'index' | 'decision'>;

/** A proposal runs out in commit time, which may be a little behind. */
const LAPSE_MS = 2000;

export interface Seen {
  /** Proposals that the node said it took. */
  readonly acknowledged: number;
  /** Decisions that it told. */
  readonly decided: number;
  /** Rounds that it signed a block of. */
  readonly signed: number;
}

export class Observer {
  /** When each of the proposals runs out; by id. */
  readonly #submitted = new Map<string, number>();
  readonly #acknowledged = new Set<string>();
  readonly #decided = new Map<string, Found>();
  readonly #signed = new Map<string, string>();
  readonly #voted = new Map<number, string>();

  get seen(): Seen {
    return { acknowledged: this.#acknowledged.size, decided: this.#decided.size, signed: this.#signed.size };
  }

  /** Ids of what was acknowledged and is not known to be decided. */
  get open(): string[] {
    return [...this.#acknowledged].filter((id) => !this.#decided.has(id));
  }

  /** Of those, the ones that have not run out. */
  get unsettled(): string[] {
    return this.open.filter((id) => Date.now() < this.#submitted.get(id)! + LAPSE_MS);
  }

  submitted(id: string, expiryMs: number): void {
    this.#submitted.set(id, expiryMs);
  }

  acknowledged(ids: readonly string[]): void {
    for (const id of ids) this.#acknowledged.add(id);
  }

  /** Throws when something else was told before. */
  decided({ id, index, decision }: ToldDecision): void {
    const known = this.#decided.get(id);
    if (known !== undefined && (known.index !== index || known.decision !== decision)) {
      throw new Error(`told ${decision} in commit ${index} on ${id}, and before that ${textOf(known)}`);
    }
    this.#decided.set(id, { index, decision });
  }

  /** Throws when another block of a round was signed before, or another digest of a commit voted for. */
  signed(journal: readonly Entry[]): void {
    for (const entry of journal) {
      if (entry.kind !== 'signed') continue;
      const { epoch, round, digest, votedIndex, votedDigest } = entry;
      requireSame(
        this.#signed,
        `${epoch} ${round}`,
        digest,
        `two blocks of epoch ${epoch}, round ${round} were signed`,
      );
      requireSame(this.#voted, votedIndex, votedDigest, `two digests of commit ${votedIndex} were voted for`);
    }
  }

  /** The store of the dead node against all that it told, and against what `elsewhere` says on a proposal. */
  audit(store: Store, elsewhere: (id: string) => DecisionAnswer): void {
    const pending = new Set(identifyProposals(loadKernels(), store.pendingProposals()).map(({ id }) => toHex(id)));
    for (const [id, known] of this.#decided) this.#requireKept(store, id, known);
    for (const id of this.open) {
      if (!pending.has(id)) this.#requireDecided(store, id, elsewhere(id));
    }
  }

  #requireKept(store: Store, id: string, known: Found): void {
    // What ran out in no commit is in no store; what is older than what is kept is with the archives.
    if (known.index === 0 || known.index < store.firstCommitIndex) return;
    const found = decisionIn(store, id);
    if (found?.index === known.index && found.decision === known.decision) return;
    throw new Error(`told ${textOf(known)} on ${id}; its store has ${found === undefined ? 'nothing' : textOf(found)}`);
  }

  /** It is owed no more: it must have been decided, or have run out. */
  #requireDecided(store: Store, id: string, elsewhere: DecisionAnswer): void {
    const found = decisionIn(store, id);
    const other = 'decided' in elsewhere && elsewhere.index > 0 ? elsewhere : undefined;
    if (found !== undefined) {
      if (other !== undefined && (other.index !== found.index || other.decided.decision !== found.decision)) {
        throw new Error(
          `${id} is ${textOf(found)} here, and ${other.decided.decision} in commit ${other.index} elsewhere`,
        );
      }
      this.#decided.set(id, found);
      return;
    }
    if (other !== undefined && other.index < store.firstCommitIndex) {
      this.#decided.set(id, { index: other.index, decision: other.decided.decision });
      return;
    }
    if (Date.now() > this.#submitted.get(id)!) return;
    throw new Error(`${id} was acknowledged, and its store has neither it nor a decision on it`);
  }
}

function decisionIn(store: Store, id: string): Found | undefined {
  const entry = store.decision(Buffer.from(id, 'hex'));
  return entry && { index: entry.commitIndex, decision: decodeDecisionLeaf(entry.leaf).decision };
}

function requireSame<Key>(known: Map<Key, string>, key: Key, value: string, what: string): void {
  const before = known.get(key) ?? value;
  if (before !== value) throw new Error(`${what}: ${before} and ${value}`);
  known.set(key, value);
}

function textOf({ decision, index }: Found): string {
  return `${decision} in commit ${index}`;
}
