/** Allows `burst` at once and `ratePerSecond` in the long run. The caller brings the clock. */
export class TokenBucket {
  readonly #burst: number;
  readonly #ratePerSecond: number;
  #tokens: number;
  #updatedMs: number | undefined;

  constructor(burst: number, ratePerSecond: number) {
    this.#burst = burst;
    this.#ratePerSecond = ratePerSecond;
    this.#tokens = burst;
  }

  /** Takes one token if there is one. */
  take(nowMs: number): boolean {
    const elapsedMs = this.#updatedMs === undefined ? 0 : Math.max(0, nowMs - this.#updatedMs);
    this.#updatedMs = nowMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs / 1000) * this.#ratePerSecond);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
