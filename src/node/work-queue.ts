/**
 * Signature checks handed to the thread pool at once. Node's pool has four threads: one is left for the log's syncs and
 * the own signature, which everybody waits for.
 */
const MAX_IN_FLIGHT = 3;

interface Waiting {
  readonly start: () => void;
}

/**
 * Work for the thread pool, a few pieces at a time: blocks first, since the own next block waits for them, then the
 * proposals in them. First come, first served within each. Whoever asks bounds what waits: the core its blocks
 * (MAX_VERIFYING_PER_PEER), blocks and clients their proposals.
 */
export class WorkQueue {
  readonly #waiting = { blocks: new Fifo<Waiting>(), proposals: new Fifo<Waiting>() };
  #inFlight = 0;

  /** Work begun or waiting. */
  get size(): number {
    return this.#inFlight + this.#waiting.blocks.size + this.#waiting.proposals.size;
  }

  /** Resolves or rejects as `work` does, once it had its turn. */
  run<Result>(lane: 'blocks' | 'proposals', work: () => Promise<Result>): Promise<Result> {
    if (this.#inFlight < MAX_IN_FLIGHT) return this.#start(work);
    return new Promise((resolve, reject) => {
      this.#waiting[lane].push({ start: () => void this.#start(work).then(resolve, reject) });
    });
  }

  async #start<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#inFlight++;
    try {
      return await work();
    } finally {
      this.#inFlight--;
      (this.#waiting.blocks.shift() ?? this.#waiting.proposals.shift())?.start();
    }
  }
}

/** A queue whose shift takes constant time. */
class Fifo<Item> {
  #items: Item[] = [];
  #next = 0;

  get size(): number {
    return this.#items.length - this.#next;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    const item = this.#items[this.#next];
    if (item === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    }
    return item;
  }
}
