/**
 * Keeps an idle SERVER or CLIENT socket from turning the event loop at full speed. zeromq.js waits for a thread-safe socket on
 * the eventfd of a libzmq poller, and nothing ever reads that eventfd: after the first command it stays readable, and
 * the loop spins (zeromq.js issue 429). So we read it, at the moments when that cannot lose a message.
 */
import { readdirSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { Pair } from 'zeromq';

const FOLDER = '/proc/self/fd';
const EVENTFD = 'anon_inode:[eventfd]';
const COUNTER_BYTES = 8;
const RAISE = new Uint8Array(new BigUint64Array([1n]).buffer);
/** Commands that bring no message (a peer came or went) wake the loop too; this often they are cleared away. */
const SWEEP_MS = 100;
/** Where the eventfd is not found, sockets are asked this often while frames come, and this often in silence. */
const BUSY_POLL_MS = 1;
const QUIET_POLL_MS = 10;
const QUIET_AFTER_MS = 100;

/** What is used of a ZeroMQ socket. */
export interface Readable {
  readonly closed: boolean;
  /** True when a frame can be received at once. */
  readonly readable: boolean;
}

export class WakeSignal {
  readonly #socket: Readable;
  readonly #fd: number | undefined;
  readonly #counter = new Uint8Array(COUNTER_BYTES);
  readonly #sweeper: NodeJS.Timeout | undefined;
  #lastFrameMs = 0;
  #open = true;

  private constructor(socket: Readable, fd: number | undefined) {
    this.#socket = socket;
    this.#fd = fd;
    if (fd !== undefined) this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Opens a socket and finds its eventfd: the one that was not there before. */
  static opening<T extends Readable>(open: () => T): { readonly socket: T; readonly signal: WakeSignal } {
    // The first socket of a process starts libzmq's own threads, which have eventfds too.
    if (eventfds !== undefined && !started) new Pair().close();
    started = true;
    const before = eventfds?.();
    const socket = open();
    const fresh = [...(eventfds?.() ?? [])].filter((fd) => before?.has(fd) === false);
    return { socket, signal: new WakeSignal(socket, fresh.length === 1 ? fresh[0] : undefined) };
  }

  /** Resolves when it is time to receive. Where the eventfd is known that is always: receiving waits on it. */
  async ready(): Promise<void> {
    if (this.#fd !== undefined) return;
    while (this.#open && !this.#socket.closed && !this.#socket.readable) {
      const quiet = performance.now() - this.#lastFrameMs > QUIET_AFTER_MS;
      await new Promise((resolve) => setTimeout(resolve, quiet ? QUIET_POLL_MS : BUSY_POLL_MS));
    }
  }

  /**
   * A frame was received. With no other one queued, the eventfd has told all there was to tell: a frame that comes between
   * here and the next wait is found by `receive()`, which looks before it waits.
   */
  received(): void {
    this.#lastFrameMs = performance.now();
    if (this.#open && !this.#socket.closed && !this.#socket.readable) this.#clear();
  }

  /** Must be called before the socket is closed: its descriptor may then become somebody else's. */
  close(): void {
    this.#open = false;
    clearInterval(this.#sweeper);
  }

  #sweep(): void {
    if (!this.#open || this.#socket.closed || this.#fd === undefined) return;
    // Cleared while a frame was on its way to the waiting `receive()`: wake it again.
    if (this.#clear() && this.#socket.readable) writeSync(this.#fd, RAISE);
  }

  /** Sets the counter to zero; false when it was. */
  #clear(): boolean {
    if (this.#fd === undefined) return false;
    try {
      return readSync(this.#fd, this.#counter, 0, COUNTER_BYTES, null) === COUNTER_BYTES;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
  }
}

let started = false;

/** The eventfds of this process, where they can be listed (Linux). */
const eventfds: (() => Set<number>) | undefined = process.platform === 'linux' ? listEventfds : undefined;

function listEventfds(): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync(FOLDER)) {
    try {
      if (readlinkSync(`${FOLDER}/${name}`) === EVENTFD) found.add(Number(name));
    } catch (error) {
      // The descriptor of this very listing is gone by now.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return found;
}
