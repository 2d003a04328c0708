/** The disk of one simulated validator: it keeps what was synced, and may tear or lose what was not when its process dies. */
import { PqError } from '../errors.ts';
import type { OrderedBytes } from '../store/database.ts';
import { blockKey, slotKey } from '../store/keys.ts';
import type { Operation } from '../store/operation.ts';
import {
  firstSignedRecord,
  SignedRecordFile,
  type StoredSignedRecord,
  signedRecordIn,
} from '../store/signed-record.ts';
import { Store } from '../store/store.ts';
import type { Life } from './life.ts';
import { OrderedMap } from './ordered-map.ts';
import type { SimWorld } from './world.ts';

const RECORD_PATH = 'simulated/signed-record';
const NO_STATS = {
  log: { segments: 0, durableSequence: 0, bufferedBytes: 0, writtenBytes: 0, syncs: 0 },
  overlayOperations: 0,
  overlayBytes: 0,
  flushedSequence: 0,
  flushes: 0,
  flushFailure: undefined,
};

/** One atomic write of the store: what its keys held before, so that a crash can take it back. */
type Frame = readonly { readonly table: OrderedMap; readonly key: string; readonly before: Uint8Array | undefined }[];

/** A sync that is under way, and all who wait for it. */
interface Sync {
  readonly done: PromiseWithResolvers<void>;
}

export class SimDisk {
  readonly #world: SimWorld;
  readonly #tables = new Map<number, OrderedMap>();
  /** Written and not durable, oldest first. The log is sequential: a crash leaves a prefix of it. */
  #unsynced: Frame[] = [];
  #syncing: Sync | null = null;
  #next: Sync | null = null;
  #record: Buffer | null;
  #tearing: { readonly bytes: Uint8Array; readonly position: number } | null = null;
  /** The next sync fails, as a dying disk's would. */
  failsNext = false;

  constructor(world: SimWorld) {
    this.#world = world;
    this.#record = firstSignedRecord(world.committee.chainId);
  }

  /** The store on this disk, as a process finds it that starts now. */
  openStore(life: Life): Store {
    return new Store(this.#database(life));
  }

  /** The last-signed record as a process finds it; one that reads null when it is lost. */
  async openRecord(life: Life): Promise<SignedRecordFile> {
    const content = this.#record;
    if (!content) return new SignedRecordFile(RECORD_PATH, undefined, undefined, false);
    return signedRecordIn(Buffer.from(content), RECORD_PATH, async () => ({
      writeAt: (bytes, position) => this.#writeRecord(life, bytes, position),
      close: async () => undefined,
    }));
  }

  /** What is durable of the record at this moment, for whoever checks that it comes before the signature. */
  async durableRecord(): Promise<StoredSignedRecord | null> {
    const closed = async () => ({ writeAt: async () => undefined, close: async () => undefined });
    return this.#record && (await signedRecordIn(this.#record, RECORD_PATH, closed)).read();
  }

  /** The bytes of a block that the store would still hold after a crash now. */
  durableBlock(digest: Uint8Array): Uint8Array | undefined {
    const place = slotKey(digest);
    const slot = this.#get(place);
    const isVolatile = this.#unsynced.some((frame) => frame.some(({ key }) => key === nameOf(place)));
    return slot && !isVolatile ? this.#get(blockKey(slot, digest))?.subarray(1) : undefined;
  }

  /** The process died or the power went: a prefix of what was not synced survives, and a write under way may be torn. */
  crash(): void {
    const random = this.#world.streams.disk;
    const kept = random.chance(0.4) ? 0 : random.below(this.#unsynced.length + 1);
    this.#world.counters.framesLost += this.#unsynced.length - kept;
    for (const frame of this.#unsynced.splice(kept).reverse()) {
      for (const { table, key, before } of [...frame].reverse()) table.set(key, before);
    }
    this.#unsynced = [];
    this.#syncing = null;
    this.#next = null;
    if (this.#tearing && this.#record) {
      const { bytes, position } = this.#tearing;
      const whole = random.below(bytes.length + 1);
      this.#record.set(bytes.subarray(0, whole), position);
      if (whole < bytes.length) this.#world.counters.tornWrites += 1;
    }
    this.#tearing = null;
  }

  /** The data directory is gone; the record lives outside of it. */
  loseStore(): void {
    this.#tables.clear();
  }

  loseRecord(): void {
    this.#record = null;
  }

  #database(life: Life): OrderedBytes {
    return {
      get: (key) => this.#get(key),
      range: (from, to) => this.#range(from, to),
      last: (from, to) => {
        const found = this.#table(from[0] as number).last(nameOf(from), nameOf(to));
        return found && [Buffer.from(found[0], 'latin1'), found[1]];
      },
      write: (operations) => this.#write(operations),
      sync: () => this.#sync(life),
      stats: () => NO_STATS,
      close: () => this.#sync(life),
    };
  }

  /** Tables are named by the first byte of their keys; no walk goes beyond one. */
  #table(name: number): OrderedMap {
    const known = this.#tables.get(name);
    if (known) return known;
    const table = new OrderedMap();
    this.#tables.set(name, table);
    return table;
  }

  #get(key: Uint8Array): Uint8Array | undefined {
    return this.#table(key[0] as number).get(nameOf(key));
  }

  *#range(from: Uint8Array, to: Uint8Array): Generator<readonly [Buffer, Uint8Array]> {
    const table = this.#table(from[0] as number);
    const high = nameOf(to);
    let found = table.first(nameOf(from), high);
    while (found) {
      yield [Buffer.from(found[0], 'latin1'), found[1]];
      found = table.first(found[0], high, true);
    }
  }

  #write(operations: readonly Operation[]): void {
    this.#unsynced.push(
      operations.map(({ key, value }) => {
        const name = nameOf(key);
        const table = this.#table(key[0] as number);
        return { table, key: name, before: table.set(name, value && this.#world.shared(name, value)) };
      }),
    );
  }

  /** Calls made while one sync is under way share the next one, as in the log. */
  #sync(life: Life): Promise<void> {
    if (this.#syncing) {
      this.#next ??= { done: Promise.withResolvers() };
      return this.#next.done.promise;
    }
    const sync = { done: Promise.withResolvers<void>() };
    this.#start(life, sync);
    return sync.done.promise;
  }

  #start(life: Life, sync: Sync): void {
    this.#syncing = sync;
    const frames = this.#unsynced.length;
    const random = this.#world.streams.disk;
    this.#world.clock.after(random.between(...this.#world.settings.disk.syncMs), () => {
      // Another life has the disk now.
      if (this.#syncing !== sync) return;
      this.#syncing = null;
      const next = this.#next;
      this.#next = null;
      if (this.failsNext) {
        this.failsNext = false;
        this.#world.counters.diskFailures += 1;
        const error = new PqError('STORE_IO_FAILED', 'The simulated disk failed.');
        life.do(() => {
          sync.done.reject(error);
          next?.done.reject(error);
        });
        return;
      }
      this.#unsynced.splice(0, frames);
      if (next) this.#start(life, next);
      life.do(() => sync.done.resolve());
    });
  }

  #writeRecord(life: Life, bytes: Uint8Array, position: number): Promise<void> {
    const done = Promise.withResolvers<void>();
    const tearing = { bytes: Uint8Array.from(bytes), position };
    this.#tearing = tearing;
    const random = this.#world.streams.disk;
    this.#world.clock.after(random.between(...this.#world.settings.disk.syncMs), () => {
      if (this.#tearing !== tearing) return;
      this.#tearing = null;
      this.#record?.set(tearing.bytes, position);
      life.do(() => done.resolve());
    });
    return done.promise;
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
