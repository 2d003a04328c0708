/**
 * The door between epochs: peers that are behind are told what closed their epoch, those that are ahead are asked what
 * closed this one, and a closing certificate that one of them brings is checked.
 */
import { PqError } from '../errors.ts';
import type { Kernels } from '../wasm/kernels.ts';
import { equalBytes } from './bytes.ts';
import { checkCertificate } from './certificate.ts';
import type { Committee } from './committee.ts';
import { EPOCH_ANSWER_MS } from './limits.ts';
import type { Outbox } from './outbox.ts';
import type { AuthorIndex, Certificate } from './types.ts';

export class EpochDoor {
  readonly #kernels: Kernels;
  readonly #committee: Committee;
  readonly #out: Outbox;
  /** By peer, of which epoch it was told last, and when: it may send a block for every answer. */
  readonly #told: { readonly epoch: number; readonly atMs: number }[];
  /** When somebody was last asked: one answer is enough. */
  #askedMs = Number.NEGATIVE_INFINITY;
  /** The one whose signatures are being checked. */
  #candidate: { readonly certificate: Certificate; unchecked: number } | null = null;
  #proven: Certificate | null = null;

  constructor(kernels: Kernels, committee: Committee, out: Outbox) {
    this.#kernels = kernels;
    this.#committee = committee;
    this.#out = out;
    this.#told = new Array(committee.size).fill({ epoch: -1, atMs: Number.NEGATIVE_INFINITY });
  }

  /** The certificate of this epoch's last commit, under a quorum of signatures that were checked. */
  get proven(): Certificate | null {
    return this.#proven;
  }

  /** A peer spoke of another epoch than this one. */
  answer(nowMs: number, peer: AuthorIndex, epoch: number): void {
    if (epoch > this.#committee.epoch) return this.ask(nowMs, peer);
    const told = this.#told[peer]!;
    // One that gets on from epoch to epoch need not wait.
    if (epoch <= told.epoch && nowMs - told.atMs < EPOCH_ANSWER_MS) return;
    this.#told[peer] = { epoch, atMs: nowMs };
    this.#out.serve(peer, { kind: 'fetchClosing', epoch });
  }

  ask(nowMs: number, peer: AuthorIndex): void {
    if (this.#candidate || this.#proven || nowMs - this.#askedMs < EPOCH_ANSWER_MS) return;
    this.#askedMs = nowMs;
    this.#out.send(peer, { kind: 'fetchClosing', epoch: this.#committee.epoch });
  }

  /**
   * Checks everything of a certificate but its signatures. True when these must be checked now. Throws `CLOSING_NOT_LAST` for
   * one of a commit that does not end this epoch, and the codes of {@link checkCertificate}.
   */
  take(certificate: Certificate): boolean {
    if (this.#candidate || this.#proven) return false;
    checkClosing(this.#kernels, this.#committee, certificate);
    this.#candidate = { certificate, unchecked: certificate.entries.length };
    return true;
  }

  /** One signature of `certificate` was checked. Undefined while that says nothing yet. */
  checked(certificate: Certificate, valid: boolean): 'proven' | 'refused' | undefined {
    const candidate = this.#candidate;
    if (candidate?.certificate !== certificate) return undefined;
    candidate.unchecked -= 1;
    if (valid && candidate.unchecked > 0) return undefined;
    this.#candidate = null;
    if (!valid) return 'refused';
    this.#proven = certificate;
    return 'proven';
  }
}

/**
 * Everything but the signatures of a certificate of the last commit of the committee's epoch. It holds this commit alone:
 * none can follow on it. Throws `CLOSING_NOT_LAST`, and the codes of {@link checkCertificate}.
 */
export function checkClosing(kernels: Kernels, committee: Committee, certificate: Certificate): void {
  const [last, ...more] = certificate.commits;
  if (!last || more.length > 0 || equalBytes(last.nextCommitteeHash, last.committeeHash)) {
    throw new PqError('CLOSING_NOT_LAST', 'The certificate is not of the last commit of an epoch.', {
      index: last?.index,
    });
  }
  checkCertificate(kernels, committee, certificate);
}
