/** What the network between the validators does: rules for each pair, and for each direction of it. */

/** How bytes from one validator to another fare. */
export interface Flow {
  /** Nothing comes through: it stays with the sender until it goes on. */
  readonly held: boolean;
  /** Every piece comes so much later, at random between the two, in order. Milliseconds. */
  readonly delayMs: readonly [low: number, high: number];
  /** The share of pieces that come with one byte changed, 0 … 1. */
  readonly corrupted: number;
}

const CLEAR: Flow = { held: false, delayMs: [0, 0], corrupted: 0 };

/** What was done to connections so far. */
export interface LinkCounts {
  /** Connections ended by a cut. */
  cut: number;
  /** Connections refused while a link was cut. */
  refused: number;
  /** Pieces held back or delayed. */
  late: number;
  /** Bytes changed. */
  corrupted: number;
}

export class Links {
  readonly counts: LinkCounts = { cut: 0, refused: 0, late: 0, corrupted: 0 };
  readonly size: number;
  readonly #flows = new Map<string, Flow>();
  readonly #cut = new Set<string>();
  readonly #listeners = new Set<() => void>();

  /** Between `size` validators, numbered from 0. */
  constructor(size: number) {
    this.size = size;
  }

  /** Calls `listener` whenever a rule changed, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  flow(from: number, to: number): Flow {
    return this.#flows.get(`${from} ${to}`) ?? CLEAR;
  }

  isCut(a: number, b: number): boolean {
    return this.#cut.has(`${a} ${b}`);
  }

  /** Ends every connection between a validator of one side and one of the other, and refuses new ones. */
  cut(side: readonly number[], other: readonly number[]): void {
    for (const a of side) {
      for (const b of other) if (a !== b) this.#cut.add(`${a} ${b}`).add(`${b} ${a}`);
    }
    this.#changed();
  }

  /** From here on bytes from a validator of `from` to one of `to` fare like this. */
  set(from: readonly number[], to: readonly number[], flow: Partial<Flow>): void {
    for (const a of from) for (const b of to) this.#flows.set(`${a} ${b}`, { ...CLEAR, ...flow });
    this.#changed();
  }

  /** The same between all. */
  setAll(flow: Partial<Flow>): void {
    const all = Array.from({ length: this.size }, (_, index) => index);
    this.set(all, all, flow);
  }

  /** Everything comes through again. */
  mend(): void {
    this.#cut.clear();
    this.#flows.clear();
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
