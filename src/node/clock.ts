/** Time as the driver sees it. The simulator has its own: the driver reads no other clock and sets no other timer. */
export interface Clock {
  /** Milliseconds since 1970, an integer; never goes back while the process lives. */
  now(): number;
  /** Calls `run` once, `delayMs` from now or a little later (never within this call). Returns how to call it off. */
  after(delayMs: number, run: () => void): () => void;
}

/**
 * The wall clock as it was when the process started, moved on by the monotonic one: a step of the system's time while
 * the node runs (NTP, an operator) can neither fire every timeout at once nor stop them all. `offsetMs`: how far it is
 * off, so that a node can be run as on a machine whose clock is wrong.
 */
export function wallClock(offsetMs = 0): Clock {
  return {
    now: () => Math.floor(performance.timeOrigin + performance.now() + offsetMs),
    after(delayMs, run) {
      const handle = setTimeout(run, delayMs);
      return () => clearTimeout(handle);
    },
  };
}
