import { describe, expect, test } from 'vitest';
import { EmissionWindow } from '../../src/core/emission-window.ts';
import { EMISSION_SAMPLE, EMISSION_START, MAX_EMISSION_WINDOW, MIN_EMISSION_WINDOW } from '../../src/core/limits.ts';

/** A proposer that always has more to send; of its decisions `unjudged` in a hundred run out. */
class Bench {
  readonly window = new EmissionWindow();
  out = 0;
  #decided = 0;

  run(decisions: number, unjudged: number, wants = Number.POSITIVE_INFINITY): number {
    for (let i = 0; i < decisions; i++) {
      const room = this.window.room(this.out);
      if (wants > room) this.window.reached();
      this.out += Math.min(room, wants);
      this.out -= 1;
      this.#decided += 1;
      this.window.decided(this.#decided % 100 < unjudged ? 'TIMEOUT' : 'QUORUM', this.out);
    }
    return this.window.room(0);
  }
}

describe('the emission window', () => {
  test('grows while it holds something back and everything is judged, up to its bound', () => {
    const bench = new Bench();
    expect(bench.run(EMISSION_SAMPLE, 0)).toBe(EMISSION_START * 1.5);
    expect(bench.run(50_000, 0)).toBe(MAX_EMISSION_WINDOW);
  });

  test('stays as it is while less is offered than it lets through', () => {
    expect(new Bench().run(50_000, 0, 1)).toBe(EMISSION_START);
  });

  test('is halved when more than a quarter run out unjudged, once for what was out then', () => {
    const bench = new Bench();
    const before = bench.window.room(0);
    expect(bench.run(EMISSION_SAMPLE, 60)).toBe(before / 2);
    expect(bench.run(bench.out, 60)).toBe(before / 2);
    bench.run(100_000, 60);
    expect(bench.window.room(0)).toBeLessThanOrEqual(2 * MIN_EMISSION_WINDOW);
  });

  test('does not mind what runs out because validators are gone and the others disagree', () => {
    expect(new Bench().run(50_000, 20)).toBe(MAX_EMISSION_WINDOW);
  });

  test('opens again when what goes out is judged', () => {
    const bench = new Bench();
    bench.run(100_000, 100);
    expect(bench.run(50_000, 0)).toBe(MAX_EMISSION_WINDOW);
  });
});
