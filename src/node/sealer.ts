import { HEADER_CONTEXT } from '../core/block.ts';
import type { SignedRecord } from '../core/io.ts';
import type { Block, BlockDigest } from '../core/types.ts';
import type { Signer } from '../crypto/identity.ts';
import { PqError } from '../errors.ts';
import type { Store } from '../store/store.ts';

/** The last-signed record, wherever it lives. `write` resolves when it is durable and rejects rather than go back. */
export interface RecordKeeper {
  write(record: SignedRecord): Promise<void>;
}

export interface SealerParts {
  readonly store: Pick<Store, 'addBlock' | 'sync'>;
  /** Null: this node has no record (it follows, or its record is lost) and never signs. */
  readonly record: RecordKeeper | null;
  readonly signer: Pick<Signer, 'sign'>;
  readonly onSealed: (digest: BlockDigest, signature: Uint8Array) => void;
  /** Called once; nothing is signed afterwards. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * The only place where a block is signed. The order is what makes two blocks of one round impossible, whatever
 * instruction the process dies at: the unsigned block and its history are durable, then the record that names it, then
 * the signature is made. Dead before the record: a restart knows nothing of the block and nobody else does. Dead after it: a restart
 * finds record and block and signs exactly that block again.
 */
export class Sealer {
  readonly #parts: SealerParts;
  #busy = false;
  #stopped = false;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: SealerParts) {
    this.#parts = parts;
  }

  /** False for a node that follows and never signs, and once something went wrong: what it takes goes into no block. */
  get maySign(): boolean {
    return this.#parts.record !== null && !this.#stopped;
  }

  /** Signs `block`; the answer comes through `onSealed` or `onFailed`. A second call before the answer is refused. */
  seal(block: Block, record: SignedRecord): void {
    if (this.#stopped) return;
    if (this.#busy) {
      return this.#fail(
        new PqError('SEAL_BUSY', 'Two own blocks are sealed at once: report this, the core must wait for `sealed`.', {
          round: block.ref.round,
        }),
      );
    }
    this.#busy = true;
    this.#work = this.#seal(block, record).then(
      (signature) => {
        this.#busy = false;
        if (!this.#stopped) this.#parts.onSealed(block.ref.digest, signature);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Nothing is signed any more; what is under way is not handed out. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is written or signed any more. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #seal(block: Block, record: SignedRecord): Promise<Uint8Array> {
    const { store, signer } = this.#parts;
    if (this.#parts.record === null) {
      throw new PqError('SEAL_NO_RECORD', 'This node has no last-signed record and must not sign.', {
        round: block.ref.round,
      });
    }
    const { round, author, digest } = block.ref;
    store.addBlock({ epoch: block.header.epoch, round, author, digest, bytes: block.bytes, own: true });
    await store.sync();
    this.#requireRunning();
    await this.#parts.record.write(record);
    this.#requireRunning();
    return signer.sign(digest, HEADER_CONTEXT);
  }

  #requireRunning(): void {
    if (this.#stopped) throw new PqError('SEAL_STOPPED', 'The node is stopping.');
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#parts.onFailed(error);
  }
}
