/** Equivocations that this node saw, each with what shows it to anybody. One for each validator and epoch: one is enough. */
import { encodeEvidence, evidenceOf } from '../core/evidence.ts';
import type { AcceptedBlock } from '../core/types.ts';
import type { Store } from '../store/store.ts';
import type { Kernels } from '../wasm/kernels.ts';

/** A piece of evidence as it is handed out. */
export interface KeptEvidence {
  readonly epoch: number;
  readonly round: number;
  /** In the committee of that epoch. */
  readonly author: number;
  /** Encoded; `Verifier.verifyEvidence` checks it. */
  readonly bytes: Uint8Array;
}

/** Pieces that are kept: those of a whole committee over some epochs. What comes later shows nothing about the network that these do not. */
export const MAX_KEPT_EVIDENCE = 1024;

type MetaStore = Pick<Store, 'getMeta' | 'setMeta'>;

/** Where the list of what is kept is kept: epoch u32, round u32, author u16 each. */
const LIST = 'evidence';
const LINE_BYTES = 10;

export class EvidenceBook {
  readonly #kernels: Kernels;
  readonly #store: MetaStore;

  constructor(kernels: Kernels, store: MetaStore) {
    this.#kernels = kernels;
    this.#store = store;
  }

  /** Two blocks of one author in one round. */
  add(one: AcceptedBlock, other: AcceptedBlock): void {
    const { epoch, round, author } = one.header;
    const lines = this.#lines();
    if (lines.length >= MAX_KEPT_EVIDENCE) return;
    if (lines.some((line) => line.epoch === epoch && line.author === author)) return;
    const line = Buffer.alloc(LINE_BYTES);
    line.writeUInt32LE(epoch, 0);
    line.writeUInt32LE(round, 4);
    line.writeUInt16LE(author, 8);
    this.#store.setMeta(nameOf(epoch, author), encodeEvidence(evidenceOf(this.#kernels, one, other)));
    this.#store.setMeta(LIST, Buffer.concat([this.#store.getMeta(LIST) ?? Buffer.alloc(0), line]));
  }

  /** In the order in which it was seen. */
  all(): KeptEvidence[] {
    return this.#lines().map((line) => ({ ...line, bytes: this.#store.getMeta(nameOf(line.epoch, line.author))! }));
  }

  #lines(): Omit<KeptEvidence, 'bytes'>[] {
    const list = Buffer.from(this.#store.getMeta(LIST) ?? []);
    return Array.from({ length: list.length / LINE_BYTES }, (_, i) => {
      const at = i * LINE_BYTES;
      return { epoch: list.readUInt32LE(at), round: list.readUInt32LE(at + 4), author: list.readUInt16LE(at + 8) };
    });
  }
}

function nameOf(epoch: number, author: number): string {
  return `evidence/${epoch}/${author}`;
}
