import { decodeCertificate, encodeCertificate } from '../core/certificate.ts';
import { decodeCommit } from '../core/commit.ts';
import type { CoreEvent } from '../core/events.ts';
import { MAX_CERTIFICATE_COMMITS } from '../core/limits.ts';
import type { Certificate, Commit } from '../core/types.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from './clock.ts';

/** The newest certificate goes to the store after this long at the latest. */
const STORE_AFTER_MS = 1000;
/** Commits from one stored certificate to the next: those between are proven by the next one through the chain. */
const COMMITS_PER_STORED = Math.floor(MAX_CERTIFICATE_COMMITS / 2);

type CertificateStore = Pick<Store, 'addCertificate' | 'certificate' | 'commits' | 'lastCommitIndex'>;
type Certified = Pick<Extract<CoreEvent, { type: 'certified' }>, 'index' | 'certificate'>;

/**
 * The certificates that a node holds: the newest one here, one of many commits in the store. After a crash the newest
 * one is made again, from the signed headers that are in the log.
 */
export class Certificates {
  readonly #store: CertificateStore;
  readonly #clock: Clock;
  #newest: Certified | null = null;
  #storedIndex: number;
  #cancel: (() => void) | undefined;
  #bytes: { readonly index: number; readonly bytes: Uint8Array } | null = null;

  constructor(store: CertificateStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#storedIndex = newestCertifiedIndex(store);
  }

  /** Index of the newest commit that a held certificate begins with; 0 without any. */
  get newestIndex(): number {
    return this.#newest?.index ?? this.#storedIndex;
  }

  /** The core certified a commit. */
  add(certified: Certified): void {
    if (certified.index <= this.newestIndex) return;
    this.#newest = certified;
    if (certified.index >= this.#storedIndex + COMMITS_PER_STORED) this.store();
    else this.#cancel ??= this.#clock.after(STORE_AFTER_MS, () => this.store());
  }

  /** Hands the newest certificate to the store, if it has not got it. */
  store(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#newest === null || this.#newest.index === this.#storedIndex) return;
    this.#storedIndex = this.#newest.index;
    this.#store.addCertificate(this.#newest.index, this.newestBytes());
  }

  /** The newest certificate of this run, encoded; empty when there is none. */
  newestBytes(): Uint8Array {
    if (this.#newest === null) return new Uint8Array(0);
    const { index, certificate } = this.#newest;
    if (this.#bytes?.index !== index) this.#bytes = { index, bytes: encodeCertificate(certificate) };
    return this.#bytes.bytes;
  }

  /** A certificate that begins with commit `index`; undefined when none is held that is near enough. */
  of(index: number): Certificate | undefined {
    return certificateOf(this, index);
  }

  /** As {@link Store.certificate}. */
  certificate(index: number): ReturnType<Store['certificate']> {
    const stored = index <= this.#storedIndex ? this.#store.certificate(index) : undefined;
    if (stored !== undefined || this.#newest === null || index > this.#newest.index) return stored;
    return { index: this.#newest.index, bytes: this.newestBytes() };
  }

  /** As {@link Store.commits}. */
  commits(from: number): ReturnType<Store['commits']> {
    return this.#store.commits(from);
  }
}

/**
 * A certificate that begins with commit `index`: the held one, or the nearest later one with the commits in between put
 * in front of it. Undefined when none is held that is near enough (MAX_CERTIFICATE_COMMITS).
 */
function certificateOf(store: Pick<Store, 'commits' | 'certificate'>, index: number): Certificate | undefined {
  const held = store.certificate(index);
  if (held === undefined) return undefined;
  const certificate = decodeCertificate(held.bytes);
  if (held.index === index) return certificate;
  const between = held.index - index;
  if (between + certificate.commits.length > MAX_CERTIFICATE_COMMITS) return undefined;
  const commits: Commit[] = [];
  for (const entry of store.commits(index)) {
    if (entry.index >= held.index) break;
    commits.push(decodeCommit(entry.commit));
  }
  return commits.length === between
    ? { commits: [...commits, ...certificate.commits], entries: certificate.entries }
    : undefined;
}

/** Index of the newest commit that a held certificate begins with; 0 without any. */
function newestCertifiedIndex(store: Pick<Store, 'certificate' | 'lastCommitIndex'>): number {
  // Certificates come a few commits behind at most while a network lives, so the walk is short.
  let index = store.lastCommitIndex;
  while (index > 0 && store.certificate(index) === undefined) index--;
  return index === 0 ? 0 : store.certificate(index)!.index;
}
