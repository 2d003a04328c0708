/** From genesis to the newest epoch, by what a node hands out and this process checks. */
import type { Committee } from '../core/committee.ts';
import {
  decodeEpochChain,
  type EpochLink,
  encodeEpochChain,
  encodeEpochLink,
  verifyEpochLink,
} from '../core/epoch-chain.ts';
import { verify } from '../crypto/verify.ts';
import type { Client } from '../node/client.ts';
import { loadKernels } from '../wasm/load.ts';

/** Thousands of epochs of a small committee, or hundreds of a large one. */
export const MAX_CHAIN_BYTES = 256 * 1024 * 1024;

/** The committees that the links lead to, one after the other. Throws why one proves nothing. */
export async function committeesAlong(genesis: Committee, links: readonly EpochLink[]): Promise<Committee[]> {
  const committees: Committee[] = [];
  for (const link of links) {
    committees.push(await verifyEpochLink(loadKernels(), committees.at(-1) ?? genesis, link, verify));
  }
  return committees;
}

/** The committee of the newest epoch and the encoded chain that proves it. Throws why a link proves nothing. */
export async function followEpochs(
  client: Pick<Client, 'epochs'>,
  genesis: Committee,
): Promise<{ readonly committee: Committee; readonly chain: Uint8Array }> {
  const links: EpochLink[] = [];
  let committee = genesis;
  for (;;) {
    const more = decodeEpochChain(await client.epochs(committee.epoch));
    if (more.length === 0) return { committee, chain: encodeEpochChain(links.map(encodeEpochLink)) };
    committee = (await committeesAlong(committee, more)).at(-1)!;
    links.push(...more);
  }
}
