import type { AuthorIndex, BlockDigest } from '../core/types.ts';

/**
 * Signature checks handed to the thread pool at once. Node's pool has four threads: one is left for the log's syncs and
 * the own signature, which everybody waits for.
 */
const MAX_CHECKS_IN_FLIGHT = 3;

/** A signature to check, as the core asks for it. */
export interface SignatureCheck {
  readonly token: number;
  readonly author: AuthorIndex;
  readonly digest: BlockDigest;
  readonly signature: Uint8Array;
}

/** First come, first checked. The core bounds what it asks for (MAX_VERIFYING_PER_PEER), so the queue has no bound of its own. */
export class VerifyQueue {
  readonly #check: (check: SignatureCheck) => Promise<boolean>;
  readonly #answer: (token: number, valid: boolean) => void;
  #waiting: SignatureCheck[] = [];
  #next = 0;
  #inFlight = 0;

  /** `check` must not reject; `answer` is called once per check, in the order in which checks end. */
  constructor(check: (check: SignatureCheck) => Promise<boolean>, answer: (token: number, valid: boolean) => void) {
    this.#check = check;
    this.#answer = answer;
  }

  push(check: SignatureCheck): void {
    if (this.#inFlight < MAX_CHECKS_IN_FLIGHT) this.#start(check);
    else this.#waiting.push(check);
  }

  /** Checks asked for and not answered. */
  get size(): number {
    return this.#inFlight + this.#waiting.length - this.#next;
  }

  #start(check: SignatureCheck): void {
    this.#inFlight++;
    void this.#check(check).then((valid) => {
      this.#inFlight--;
      const next = this.#shift();
      if (next !== undefined) this.#start(next);
      this.#answer(check.token, valid);
    });
  }

  #shift(): SignatureCheck | undefined {
    const next = this.#waiting[this.#next];
    if (next === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    return next;
  }
}
