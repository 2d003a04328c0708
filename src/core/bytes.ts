/** Byte strings: comparison, concatenation, hex at the edges. */
import { PqError } from '../errors.ts';

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const encoder = new TextEncoder();

/** The engine's own, where it has one (Node 25 and later): three times as fast. */
interface NativeHex {
  toHex?(): string;
}

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  const native = (bytes as NativeHex).toHex;
  if (native) return native.call(bytes);
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!];
  return text;
}

/**
 * Bytes of lower-case hex without a prefix. Upper case is refused: one value has one spelling, because hex is part of
 * documents that are hashed. Throws `HEX_LENGTH`, `HEX_DIGIT`.
 */
export function fromHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0) {
    throw new PqError('HEX_LENGTH', 'Hex needs two digits for every byte.', { length: hex.length });
  }
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = nibble(hex, 2 * i) * 16 + nibble(hex, 2 * i + 1);
  }
  return bytes;
}

function nibble(hex: string, position: number): number {
  const code = hex.charCodeAt(position);
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  throw new PqError('HEX_DIGIT', 'Hex is written with the digits 0-9 and a-f, in lower case.', { position });
}

/** Lexicographic order: negative, zero or positive. A prefix comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = a.length < b.length ? a.length : b.length;
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** True when both hold the same bytes. Not constant time: for public data only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** One fresh array with the parts one after another. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** UTF-8 bytes of a text. Lone surrogates become U+FFFD: refuse them before where it matters. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
