/** What closed the epochs before this one, as the store keeps it: for peers that are behind, and for whoever verifies. */
import { decodeEpochLink, type EpochLink, encodeEpochChain, encodeEpochLink } from '../core/epoch-chain.ts';
import type { Certificate } from '../core/types.ts';
import type { Store } from '../store/store.ts';

type EpochStore = Pick<Store, 'getMeta' | 'setMeta'>;

/** Bytes of links in one answer; the first one is sent whatever its size. */
const MAX_CHAIN_BYTES = 512 * 1024;

export class Epochs {
  readonly #store: EpochStore;

  constructor(store: EpochStore) {
    this.#store = store;
  }

  /** An epoch is over: durable before anything is signed in the next one. */
  close(link: EpochLink): void {
    this.#store.setMeta(nameOf(link.certificate.commits[0]!.epoch), encodeEpochLink(link));
  }

  /** What closed an epoch and who decides after it, if it is over. */
  link(epoch: number): EpochLink | undefined {
    const bytes = this.#store.getMeta(nameOf(epoch));
    return bytes && decodeEpochLink(bytes);
  }

  /** The certificate of the last commit of an epoch, if it is over. */
  closing(epoch: number): Certificate | undefined {
    return this.link(epoch)?.certificate;
  }

  /** The encoded chain from the committee of `epoch` on, as far as fits one answer: whoever needs more asks again. */
  chainFrom(epoch: number): Uint8Array {
    const links: Uint8Array[] = [];
    let bytes = 0;
    for (let next = epoch; ; next++) {
      const link = this.#store.getMeta(nameOf(next));
      bytes += link?.length ?? 0;
      if (link === undefined || (links.length > 0 && bytes > MAX_CHAIN_BYTES)) return encodeEpochChain(links);
      links.push(link);
    }
  }
}

function nameOf(epoch: number): string {
  return `epoch/${epoch}`;
}
