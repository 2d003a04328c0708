import type { PeerNumber } from '../core/types.ts';
import { isPqError } from '../errors.ts';
import { MESSAGE_BYTES_MAX } from '../qzmq/constants.ts';
import type { MessageKind, Transport } from '../qzmq/transport.ts';
import { MessageReader } from './client-codec.ts';
import { encodeParts, MAX_ANSWER_BYTES, PartAssembler } from './client-parts.ts';

/** First byte of a pushed block: the one message that only members of the same committee may exchange. */
const BLOCK_KIND = 1;
/** First byte of a part of a message that does not fit one of the transport. The core's kinds are below. */
const PART_KIND = 255;

/**
 * Messages of the core over the transport's sessions: longer ones (answers of commit sync in large committees) travel in
 * parts. What cannot be sent now is dropped: the core asks again for what it misses.
 */
export class PeerLinks {
  readonly #transport: Pick<Transport, 'send' | 'broadcast'>;
  readonly #assemblers = new Map<number, PartAssembler>();
  #parted = 0;

  constructor(transport: Pick<Transport, 'send' | 'broadcast'>) {
    this.#transport = transport;
  }

  send(to: PeerNumber | 'all', bytes: Uint8Array): void {
    const kind: MessageKind = bytes[0] === BLOCK_KIND ? 'consensus' : 'sync';
    if (bytes.length <= MESSAGE_BYTES_MAX) return this.#sendOne(to, bytes, kind);
    // Nothing that honest nodes say is larger; a peer that asked for it goes on to ask another one.
    if (bytes.length > MAX_ANSWER_BYTES) return;
    this.#parted = (this.#parted + 1) >>> 0;
    for (const part of encodeParts(PART_KIND, this.#parted, bytes)) this.#sendOne(to, part, kind);
  }

  /** The message that `bytes` is or completes; null while parts are missing, and for parts that do not fit together. */
  receive(peer: number, bytes: Uint8Array): Uint8Array | null {
    if (bytes[0] !== PART_KIND) return bytes;
    const assembler = this.#assemblers.get(peer) ?? new PartAssembler();
    this.#assemblers.set(peer, assembler);
    try {
      return assembler.add(PART_KIND, new MessageReader(bytes.subarray(1)))?.bytes ?? null;
    } catch (error) {
      if (!isPqError(error)) throw error;
      // A part got lost with a session, or the peer sends nonsense: either way there is no message.
      this.down(peer);
      return null;
    }
  }

  /** Forgets what a peer began to send. */
  down(peer: number): void {
    this.#assemblers.delete(peer);
  }

  #sendOne(to: PeerNumber | 'all', bytes: Uint8Array, kind: MessageKind): void {
    if (to === 'all') this.#transport.broadcast(bytes, kind);
    else this.#transport.send(to, bytes, kind);
  }
}
