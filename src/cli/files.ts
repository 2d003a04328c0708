/** Reading what people name on the command line, under bounds. */
import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { UsageError } from './exit.ts';

/** The whole of a file, or of standard input for `-`. Throws `FILE_BIG`, and the system's errors. */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  if (path === '-') return collect(process.stdin, 'standard input', maxBytes);
  // A folder opens and fails to read with a worse message.
  if (statSync(path).isDirectory()) throw new UsageError('FILE_FOLDER', `${path} is a folder; name a file.`, { path });
  return collect(createReadStream(path), path, maxBytes);
}

/** As {@link readBounded}, for UTF-8. Throws `FILE_TEXT` for bytes that are no text. */
export async function readText(path: string, maxBytes: number): Promise<string> {
  const bytes = await readBounded(path, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError('FILE_TEXT', `${path} is not UTF-8 text.`, { path }, cause);
  }
}

async function collect(stream: Readable, name: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > maxBytes)
      throw new UsageError('FILE_BIG', `${name} has more than ${maxBytes} bytes.`, { limit: maxBytes });
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
