/** Waiting for conditions: nothing here sleeps for a while and hopes. */
import { setTimeout as delay } from 'node:timers/promises';

/** For a machine that has other things to do. */
const DEADLINE_MS = 90_000;
const POLL_MS = 25;

/** Waits until `condition` holds; after `deadlineMs` it fails with `what` and what `describe` says of what there was instead. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  describe: () => string | Promise<string>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endMs) {
      throw new Error(`not within ${deadlineMs / 1000} s: ${what}. What there was instead:\n${await describe()}`);
    }
    await delay(POLL_MS);
  }
}

/** As long as a fault lasts. */
export function lasting(ms: number): Promise<void> {
  return delay(ms);
}
