/** Time, passed in so that tests can hold it. */
export interface Clock {
  /** Milliseconds since 1970: for hints and cookies, which two machines must agree on within minutes. */
  wallMs(): number;
  /** Milliseconds that only grow: for time-outs. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
