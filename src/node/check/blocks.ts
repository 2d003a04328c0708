import { decodeBlock } from '../../core/block.ts';
import { equalBytes } from '../../core/bytes.ts';
import type { SignedBlock } from '../../core/types.ts';
import * as keys from '../../store/keys.ts';
import { isUnsigned } from '../history-server.ts';
import { type CheckedStore, entriesOf } from './checked-store.ts';

export interface BlockCounts {
  /** Signed ones. */
  readonly signed: number;
  /** Own ones that were logged and not signed. */
  readonly unsigned: number;
  /** Of their encodings. */
  readonly bytes: number;
  /** In the newest epoch that has blocks. */
  readonly lastRound: number;
}

/** Every block under its key: digest, place, payload, signature; and every digest leads to its block. */
export async function checkBlocks(checked: CheckedStore): Promise<BlockCounts> {
  const { kernels, disk, findings } = checked;
  const counts = { signed: 0, unsigned: 0, bytes: 0, lastRound: 0 };
  for (const [key, value] of entriesOf(disk, keys.BLOCK)) {
    await findings.pause();
    const where = () => `The block at key ${key.toString('hex')}`;
    const block = findings.attempt('BLOCK_DAMAGED', where, () => decodeBlock(kernels, value.subarray(1)));
    if (block === undefined) continue;
    const unsigned = isUnsigned(block.bytes);
    counts[unsigned ? 'unsigned' : 'signed'] += 1;
    counts.bytes += block.bytes.length;
    counts.lastRound = block.ref.round;
    checkPlace(checked, key, block);
    findings.require(value[0] === (unsigned ? 1 : 0), 'BLOCK_MARK', () => `${where()} is marked ${value[0]}`);
    if (!unsigned) await checkSignature(checked, block);
  }
  for (const [key, place] of entriesOf(disk, keys.SLOT_OF_DIGEST)) {
    await findings.pause();
    const found = place.length === keys.SLOT_BYTES && disk.bytes.get(keys.blockKey(place, key.subarray(1)));
    findings.require(Boolean(found), 'BLOCK_MISSING', () => `The index names block ${hexOf(key)}, which is not there`);
  }
  return counts;
}

function checkPlace({ disk, findings }: CheckedStore, key: Buffer, { ref, header }: SignedBlock): void {
  const place = keys.encodeSlot({ epoch: header.epoch, round: ref.round, author: ref.author });
  const isOwn = key.equals(keys.blockKey(place, ref.digest));
  const what = () => `The block at key ${key.toString('hex')} is ${textOf(header.epoch, ref)}`;
  findings.require(isOwn, 'BLOCK_DIGEST', what);
  const known = disk.bytes.get(keys.slotKey(ref.digest));
  const isFound = known !== undefined && equalBytes(known, place);
  if (isOwn) findings.require(isFound, 'BLOCK_INDEX', () => `${textOf(header.epoch, ref)} is not found by its digest`);
}

async function checkSignature(checked: CheckedStore, { header, ref, signature }: SignedBlock): Promise<void> {
  const { committees, findings } = checked;
  const committee = committees[header.epoch];
  const what = textOf(header.epoch, ref);
  if (committee === undefined) return findings.add('BLOCK_EPOCH', `${what}: who decided then is not in the store`);
  const author = committee.validators[ref.author];
  if (author === undefined) return findings.add('BLOCK_AUTHOR', `${what}: there is no such validator`);
  const valid = await checked.signature(author.publicKey, ref.digest, signature);
  findings.require(valid, 'BLOCK_SIGNATURE', () => `${what}: its signature does not verify`);
}

function textOf(epoch: number, { round, author, digest }: SignedBlock['ref']): string {
  const hex = Buffer.from(digest).toString('hex');
  return `Block ${hex} of validator ${author + 1}, epoch ${epoch}, round ${round}`;
}

function hexOf(key: Buffer): string {
  return key.toString('hex', 1);
}
