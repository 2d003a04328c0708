/** Answers longer than one message: cut into parts, sent in order, put together again under a bound. */
import { PqError } from '../errors.ts';
import { decodeText, type MessageReader, MessageWriter } from './client-codec.ts';

/** The longest answer: a certificate of 128 signers that each list 100 commit votes, over 100 chained commits. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Bytes of an answer in one part: leaves room for the 13 bytes in front of them. */
export const PART_BYTES = 56 * 1024;

/** Each part: kind u8, request id u32, total u32, offset u32, bytes. Throws `CLIENT_ANSWER_BIG`. */
export function encodeParts(kind: number, requestId: number, answer: Uint8Array): Uint8Array[] {
  requireAnswerFits(answer.length);
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset === 0 || offset < answer.length; offset += PART_BYTES) {
    const bytes = answer.subarray(offset, offset + PART_BYTES);
    parts.push(new MessageWriter().u8(kind).u32(requestId).u32(answer.length).u32(offset).raw(bytes).finish());
  }
  return parts;
}

interface Unfinished {
  readonly key: string;
  readonly answer: Uint8Array;
  held: number;
}

/** Holds at most one unfinished answer: parts of two answers are never mixed. Throws `CLIENT_PARTS`, `CLIENT_ANSWER_BIG`. */
export class PartAssembler {
  #unfinished: Unfinished | null = null;

  /** Takes one part, its kind already read; returns the answer once it is whole. */
  add(kind: number, reader: MessageReader): { requestId: number; bytes: Uint8Array } | null {
    const requestId = reader.u32();
    const total = reader.u32();
    const offset = reader.u32();
    const bytes = reader.rest();
    const unfinished = this.#slot(`${kind} ${requestId} ${total}`, total, offset);
    if (offset !== unfinished.held || offset + bytes.length > total || (bytes.length === 0 && total > 0)) {
      this.#unfinished = null;
      throw new PqError('CLIENT_PARTS', 'A part of an answer is missing or out of order; ask again.', {
        offset,
        total,
      });
    }
    unfinished.answer.set(bytes, offset);
    unfinished.held += bytes.length;
    if (unfinished.held < total) return null;
    this.#unfinished = null;
    return { requestId, bytes: unfinished.answer };
  }

  #slot(key: string, total: number, offset: number): Unfinished {
    if (offset !== 0 && this.#unfinished?.key === key) return this.#unfinished;
    requireAnswerFits(total);
    this.#unfinished = { key, answer: new Uint8Array(total), held: 0 };
    return this.#unfinished;
  }
}

/** A JSON object. Throws `CLIENT_JSON`. */
export function decodeJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(bytes));
  } catch (cause) {
    throw new PqError('CLIENT_JSON', 'An answer is not JSON.', {}, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PqError('CLIENT_JSON', 'An answer is not a JSON object.');
  }
  return value as Readonly<Record<string, unknown>>;
}

function requireAnswerFits(length: number): void {
  if (length > MAX_ANSWER_BYTES) {
    throw new PqError('CLIENT_ANSWER_BIG', `An answer has ${length} bytes; at most ${MAX_ANSWER_BYTES} are sent.`, {
      length,
      limit: MAX_ANSWER_BYTES,
    });
  }
}
