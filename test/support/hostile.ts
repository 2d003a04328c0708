/** What decoders must stand: bytes that are almost an encoding. */
import { expect } from 'vitest';
import { equalBytes } from '../../src/core/bytes.ts';
import { isPqError } from '../../src/errors.ts';

/** The code with which `run` throws; fails when it does not throw a coded error. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isPqError(error)) return error.code;
    throw error;
  }
  throw new Error('Expected a coded error; nothing was thrown.');
}

/** As {@link codeOf}, for what answers later. */
export async function codeOfAsync(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isPqError(error)) return error.code;
    throw error;
  }
  throw new Error('Expected a coded error; nothing was thrown.');
}

/**
 * Canonicity of one input: it is refused with a coded error, or the object that it decodes to has it as its encoding.
 * Returns the code, or undefined when it was accepted.
 */
export function refusedOrCanonical<Value>(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => Value,
  encode: (value: Value) => Uint8Array,
): string | undefined {
  let value: Value;
  try {
    value = decode(bytes);
  } catch (error) {
    if (isPqError(error)) return error.code;
    throw error;
  }
  if (!equalBytes(encode(value), bytes)) expect.fail('An input was accepted that is not the encoding of its object.');
  return undefined;
}

/** Every truncation, one byte more at either end, and every byte changed in several ways. */
export function* mutations(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (const extra of [0, 1, 255]) yield Uint8Array.of(...bytes, extra);
  yield Uint8Array.of(0, ...bytes);
  for (let i = 0; i < bytes.length; i++) {
    for (const flip of [1, 0x80, 0xff]) {
      const changed = bytes.slice();
      changed[i]! ^= flip;
      yield changed;
    }
  }
}
