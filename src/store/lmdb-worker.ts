import { parentPort, workerData } from 'node:worker_threads';
import { openLmdb } from './lmdb-open.ts';
import { decodeOperations } from './operation.ts';

/**
 * The thread that writes to LMDB: one synchronous transaction per message, durable when answered. A thread, because a sync
 * takes milliseconds; and not lmdb-js's own asynchronous writes: when the disk is full they split batches, abort the
 * process or never answer, where a synchronous transaction throws.
 */

/** A batch as bytes of operations, or `null` to close and end. */
export type WorkerRequest = Uint8Array | null;
/** `undefined`: written and durable. Otherwise nothing of the batch was written. */
export type WorkerAnswer = undefined | { readonly message: string; readonly code: number | string | undefined };

const port = parentPort!;
const root = openLmdb(workerData as string);

port.on('message', async (request: WorkerRequest) => {
  if (request === null) {
    await root.close();
    port.close();
    return;
  }
  port.postMessage(write(request));
});

function write(batch: Uint8Array): WorkerAnswer {
  try {
    root.transactionSync(() => {
      for (const { key, value } of decodeOperations(batch)) {
        if (value) root.put(key, value);
        else root.remove(key);
      }
    });
    return undefined;
  } catch (error) {
    const { message, code } = error as { message: string; code?: number | string };
    return { message, code };
  }
}
