/**
 * Records: what a session sends after the handshake, one per ZeroMQ frame, 37 bytes over the plaintext.
 * `0x51 ‖ version ‖ key epoch u16 ‖ receiver's sid 8 ‖ seq u64 ‖ ciphertext(body ‖ inner type) ‖ tag 16`
 */
import { PqError } from '../errors.ts';
import {
  BATCH_BYTES_MAX,
  KEY_BYTES_MAX,
  KEY_RECORDS_MAX,
  RENEW_FRACTION,
  SID_BYTES,
  type Suite,
  TAG_BYTES,
} from './constants.ts';
import { ReplayWindow } from './replay-window.ts';
import { type AeadKey, aeadKey, cipherFor, decipherFor } from './schedule.ts';

const MARK = 0x51;
const VERSION = 1;
export const RECORD_HEADER_BYTES = 20;
export const RECORD_OVERHEAD_BYTES = RECORD_HEADER_BYTES + 1 + TAG_BYTES;
const SID_AT = 4;
const SEQ_AT = 12;

/** What the body of a record is. */
export const INNER = { READY: 1, BATCH: 2, PING: 3, PONG: 4, RENEW: 5, CLOSE: 6, COMMITTEE: 7 } as const;

/** How much one key may seal. */
export interface KeyLimits {
  readonly records: number;
  readonly bytes: number;
}

export const KEY_LIMITS: KeyLimits = { records: KEY_RECORDS_MAX, bytes: KEY_BYTES_MAX };

/** True when the bytes look like a record. */
export function isRecord(frame: Uint8Array): boolean {
  return frame.length >= RECORD_OVERHEAD_BYTES && frame[0] === MARK;
}

/** The sid that a record is for, latin1: the key of the session table. */
export function recordSid(frame: Uint8Array): string {
  return Buffer.from(frame.buffer, frame.byteOffset + SID_AT, SID_BYTES).toString('latin1');
}

function nonceFor({ iv }: AeadKey, record: Uint8Array): Buffer {
  const nonce = Buffer.from(iv);
  for (let i = 0; i < 8; i++) nonce[4 + i] = (nonce[4 + i] ?? 0) ^ (record[SEQ_AT + i] ?? 0);
  return nonce;
}

/** Seals records under one key. The sequence number never repeats and never resets. */
export class RecordSealer {
  readonly #key: AeadKey;
  readonly #peerSid: Uint8Array;
  readonly #limits: KeyLimits;
  #seq = 0;
  #bytes = 0;

  constructor(secret: Uint8Array, suite: Suite, peerSid: Uint8Array, limits: KeyLimits = KEY_LIMITS) {
    this.#key = aeadKey(secret, suite);
    this.#peerSid = peerSid;
    this.#limits = limits;
  }

  /** True when so much was sealed that the session should be replaced. */
  get renewDue(): boolean {
    return this.#seq >= this.#limits.records * RENEW_FRACTION || this.#bytes >= this.#limits.bytes * RENEW_FRACTION;
  }

  /** False when sealing `length` bytes would use the key beyond its limit. */
  admits(length: number): boolean {
    return this.#seq < this.#limits.records && this.#bytes + length < this.#limits.bytes;
  }

  /**
   * A fresh buffer with the record. Throws `QZMQ_KEY_LIMIT` beyond the key's limit and `QZMQ_RECORD_SIZE` for a body
   * above 64 KiB.
   */
  seal(inner: number, body: Uint8Array): Buffer {
    if (body.length > BATCH_BYTES_MAX) {
      throw new PqError('QZMQ_RECORD_SIZE', 'a record holds at most 64 KiB', { length: body.length });
    }
    if (!this.admits(body.length + 1)) {
      throw new PqError('QZMQ_KEY_LIMIT', 'this session may not seal more; open a new one', { seq: this.#seq });
    }
    // Not from Buffer's pool: zeromq keeps the memory until it is sent.
    const record = Buffer.allocUnsafeSlow(RECORD_OVERHEAD_BYTES + body.length);
    record[0] = MARK;
    record[1] = VERSION;
    record.writeUInt16BE(0, 2);
    record.set(this.#peerSid, SID_AT);
    record.writeUInt32BE(0, SEQ_AT);
    record.writeUInt32BE(this.#seq, SEQ_AT + 4);
    this.#seq++;
    this.#bytes += body.length + 1;
    const cipher = cipherFor(this.#key, nonceFor(this.#key, record));
    cipher.setAAD(record.subarray(0, RECORD_HEADER_BYTES), { plaintextLength: body.length + 1 });
    let at = RECORD_HEADER_BYTES;
    if (body.length > 0) at += cipher.update(body).copy(record, at);
    at += cipher.update(Buffer.from([inner])).copy(record, at);
    cipher.final();
    cipher.getAuthTag().copy(record, at);
    return record;
  }
}

export interface OpenedRecord {
  readonly inner: number;
  readonly body: Buffer;
}

/** Opens records under one key, each at most once. Nothing changes before a record is authenticated. */
export class RecordOpener {
  readonly #key: AeadKey;
  readonly #limits: KeyLimits;
  readonly #window = new ReplayWindow();

  constructor(secret: Uint8Array, suite: Suite, limits: KeyLimits = KEY_LIMITS) {
    this.#key = aeadKey(secret, suite);
    this.#limits = limits;
  }

  /** Undefined for anything that is not a new, authentic record of this session. */
  open(record: Uint8Array): OpenedRecord | undefined {
    if (!isRecord(record) || record[1] !== VERSION || record.length > RECORD_OVERHEAD_BYTES + BATCH_BYTES_MAX) {
      return undefined;
    }
    const view = new DataView(record.buffer, record.byteOffset, RECORD_HEADER_BYTES);
    const seq = view.getUint32(SEQ_AT) * 2 ** 32 + view.getUint32(SEQ_AT + 4);
    if (view.getUint16(2) !== 0 || seq >= this.#limits.records || !this.#window.admits(seq)) return undefined;
    const plaintext = this.#decrypt(record);
    if (plaintext === undefined) return undefined;
    this.#window.mark(seq);
    return {
      inner: plaintext[plaintext.length - 1] ?? 0,
      body: plaintext.subarray(0, plaintext.length - 1),
    };
  }

  #decrypt(record: Uint8Array): Buffer | undefined {
    const end = record.length - TAG_BYTES;
    const decipher = decipherFor(this.#key, nonceFor(this.#key, record));
    decipher.setAAD(record.subarray(0, RECORD_HEADER_BYTES), { plaintextLength: end - RECORD_HEADER_BYTES });
    decipher.setAuthTag(record.subarray(end));
    const plaintext = decipher.update(record.subarray(RECORD_HEADER_BYTES, end));
    try {
      decipher.final();
    } catch {
      // A wrong tag is the expected answer to forged bytes; the caller counts it.
      return undefined;
    }
    return plaintext;
  }
}
