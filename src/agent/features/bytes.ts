/** Raw bytes as a model reads them: the first and the last of a body, the gap filled with a padding value. */
import { PqError } from '../../errors.ts';
import type { DataKind } from '../proposals.ts';
import type { Extractor } from './extractor.ts';

/** Bytes of one row. */
const MAX_BYTES = 16_384;

function parse(parameters: unknown): { head: number; tail: number; padding: number } {
  const given = (typeof parameters === 'object' && parameters !== null ? parameters : {}) as Record<string, unknown>;
  const { head = 1024, tail = 1024, padding = 256 } = given;
  const isSize = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_BYTES;
  if (isSize(head) && isSize(tail) && head + tail > 0 && Number.isInteger(padding))
    return { head, tail, padding: Number(padding) };
  throw new PqError(
    'MODEL_INPUT',
    `"bytes/1" takes {"head": bytes, "tail": bytes, "padding": integer}, at most ${MAX_BYTES} each.`,
    { parameters },
  );
}

/**
 * `bytes/1`: int32 `[rows, head + tail]`, one byte an entry: the first `head` bytes, left-aligned, then the last `tail`
 * bytes, right-aligned; what the body is too short for is `padding`. Bytes are taken as they are, without trimming.
 */
export function bytesExtractor(kind: DataKind, parameters: unknown): Extractor {
  if (kind !== 'other')
    throw new PqError('MODEL_INPUT', '"bytes/1" reads the body of data of kind "other": set "kind" to it.', { kind });
  const { head, tail, padding } = parse(parameters);
  const width = head + tail;
  return {
    tensors: [{ name: 'bytes', type: 'int32', width }],
    extract: (item, row, out) => {
      const target = out[0];
      if (item.kind !== 'other' || target === undefined) return false;
      const { body } = item;
      target.fill(padding, row * width, (row + 1) * width);
      target.set(body.subarray(0, head), row * width);
      const last = body.subarray(Math.max(0, body.length - tail));
      target.set(last, (row + 1) * width - last.length);
      return true;
    },
  };
}
