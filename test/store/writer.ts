/**
 * A process that writes to a store until it is killed, telling on stdout what sync() has acknowledged. Its content is a
 * function of the commit index, so that whoever killed it can check what is there.
 * Usage: node writer.ts DIRECTORY SEGMENT_BYTES [LAST_INDEX]
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { isPqError } from '../../src/errors.ts';
import { openStore } from '../../src/store/store.ts';

/** A proposal added with commit i is settled with commit i + SETTLE_AFTER. */
export const SETTLE_AFTER = 3;

export function digest(text: string): Uint8Array {
  return createHash('sha3-256').update(text).digest();
}

export function content(index: number) {
  const size = 200 + ((index * 7919) % 5000);
  return {
    block: { round: index, author: index % 4, digest: digest(`block ${index}`), bytes: Buffer.alloc(size, index) },
    proposal: { id: digest(`proposal ${index}`), bytes: Buffer.from(`proposal ${index}`) },
    commit: {
      index,
      leaderRound: index,
      commit: Buffer.from(`commit ${index}`),
      refs: Buffer.alloc(38, index),
      decisions: [0, 1, 2].map((at) => ({
        id: digest(`decision ${index}/${at}`),
        leaf: Buffer.from([index & 255, at]),
      })),
    },
  };
}

async function main(directory: string, segmentBytes: number, lastIndex: number): Promise<void> {
  const store = await openStore(directory, { segmentBytes });
  writeSync(1, 'open\n');
  for (let index = store.lastCommitIndex + 1; index <= lastIndex; index++) {
    const { block, proposal, commit } = content(index);
    store.addBlock({ ...block, bytes: Buffer.alloc(block.bytes.length), own: true });
    store.addBlock(block);
    store.addProposal(proposal.bytes, proposal.id);
    if (index > SETTLE_AFTER) store.settleProposals([content(index - SETTLE_AFTER).proposal.id]);
    store.addCommit(commit);
    // Most are acknowledged one by one, some together.
    if (index % 5 !== 0) {
      await store.sync();
      writeSync(1, `${index}\n`);
    }
  }
  await store.close();
  writeSync(1, 'closed\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // Over the file-size limit the kernel sends this signal; with a handler the write fails with EFBIG instead.
  process.on('SIGXFSZ', () => undefined);
  try {
    await main(process.argv[2]!, Number(process.argv[3]), Number(process.argv[4] ?? Number.MAX_SAFE_INTEGER));
  } catch (error) {
    if (!isPqError(error)) throw error;
    writeSync(1, `${error.code}\n`);
    process.exit(1);
  }
}
