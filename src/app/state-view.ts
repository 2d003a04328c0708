import { concatBytes } from '../core/bytes.ts';

/** A piece is finished once it has this many bytes. */
const PIECE_BYTES = 256 * 1024;

/**
 * The elements of a state as they are now, encoded piece by piece while the state goes on. New elements come behind these;
 * whoever changes one of them says so first, and what was not encoded yet is kept as it was.
 */
export class StateView<Element> {
  readonly #elements: Iterator<Element>;
  readonly #count: number;
  readonly #encode: (element: Element) => Uint8Array;
  /** Encodings of elements that changed since, by position. */
  readonly #kept = new Map<number, Uint8Array>();
  #next = 0;

  /** `elements`: in their order, as they are when they are asked for; the first `count` belong to the view. */
  constructor(elements: Iterator<Element>, count: number, encode: (element: Element) => Uint8Array) {
    this.#elements = elements;
    this.#count = count;
    this.#encode = encode;
  }

  /** True when there is nothing left to encode: changes do not matter to it any more. */
  get isDone(): boolean {
    return this.#next >= this.#count;
  }

  /** To be called before the element at `position` changes. */
  keep(position: number, element: Element): void {
    if (position < this.#next || position >= this.#count || this.#kept.has(position)) return;
    this.#kept.set(position, this.#encode(element));
  }

  /** The next elements, some 256 KB of them. */
  piece(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let bytes = 0; bytes < PIECE_BYTES && !this.isDone; this.#next++) {
      const { value } = this.#elements.next() as IteratorYieldResult<Element>;
      const part = this.#kept.get(this.#next) ?? this.#encode(value);
      this.#kept.delete(this.#next);
      parts.push(part);
      bytes += part.length;
    }
    return concatBytes(...parts);
  }
}

/** The views of one state that are being encoded. */
export class StateViews<Element> {
  readonly #views = new Set<StateView<Element>>();

  /** To be called before the element at `position` changes. */
  keep(position: number, element: Element): void {
    for (const view of this.#views) view.keep(position, element);
  }

  /** `head`, then the elements of `view`; ends it when it is encoded or closed. */
  open(head: Uint8Array, view: StateView<Element>): StateSnapshot {
    this.#views.add(view);
    return { pieces: this.#pieces(head, view), close: () => void this.#views.delete(view) };
  }

  *#pieces(head: Uint8Array, view: StateView<Element>): Generator<Uint8Array> {
    yield head;
    while (this.#views.has(view) && !view.isDone) yield view.piece();
    this.#views.delete(view);
  }
}

/** A state as it was at one moment, in pieces of some 256 KB that are made when they are asked for. */
export interface StateSnapshot {
  /** To be walked once: between two pieces the application may go on. */
  readonly pieces: Iterable<Uint8Array>;
  /** To be called when it is not walked to the end: until then changes are kept for it. */
  close(): void;
}
