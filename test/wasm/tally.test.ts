import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NaiveTally } from '../../src/bench/naive/tally.ts';
import {
  BALLOT_CONFIDENCE_BITS,
  OPINION,
  TALLY,
  type TallyKernel,
  type TallyOptions,
  type TallyVote,
} from '../../src/wasm/kernels.ts';
import { codeOf } from './codes.ts';
import { variants } from './variants.ts';

const NO_BITS = new Uint8Array(0);

function vote(author: number, confidence: number, slots: number[], rejects = NO_BITS, abstains = NO_BITS): TallyVote {
  return { author, confidence, slots: Int32Array.from(slots), rejects, abstains };
}

describe.each(variants)('tally of $name', (kernels) => {
  const tallyOf = (options: Partial<TallyOptions> = {}): TallyKernel =>
    kernels.createTally({ stakes: [1, 1, 1, 1], requiredVotes: 3, validity: 2, maxOpen: 100, ...options });

  test('verdicts: the first line that holds', () => {
    const tally = tallyOf();
    const slots = Int32Array.from([0, 1, 2, 3], () => tally.open());
    const rejects = Uint8Array.of(0b1110);
    tally.apply([
      vote(0, 100, [...slots]),
      vote(1, 100, [...slots], Uint8Array.of(0b0010)),
      vote(2, 100, [...slots], rejects, Uint8Array.of(0b0000)),
    ]);
    // Slot 0: three approve. Slot 1: two reject. Slots 2, 3: two approve, one rejects, one is silent.
    expect([...tally.evaluate(slots)]).toEqual([TALLY.APPROVED, TALLY.REJECTED, TALLY.OPEN, TALLY.OPEN]);
    tally.apply([vote(3, 100, [slots[2]!], NO_BITS, Uint8Array.of(1))]);
    expect([...tally.evaluate(Int32Array.of(slots[3]!, slots[2]!))]).toEqual([TALLY.OPEN, TALLY.SPLIT]);
    expect(tally.stakes(slots[2]!)).toEqual({ approve: 2, reject: 1, abstain: 1 });
  });

  test('an approval wins over a rejection that would also do', () => {
    const tally = tallyOf({ requiredVotes: 2, validity: 2 });
    const slot = tally.open();
    tally.apply([0, 1].map((author) => vote(author, 1, [slot])));
    tally.apply([2, 3].map((author) => vote(author, 1, [slot], Uint8Array.of(1))));
    expect([...tally.evaluate(Int32Array.of(slot))]).toEqual([TALLY.APPROVED]);
  });

  test('the first opinion of an author stays, an abstention too', () => {
    const tally = tallyOf();
    const [a, b] = [tally.open(), tally.open()];
    tally.apply([vote(0, 5, [a, b], Uint8Array.of(1), Uint8Array.of(2)), vote(0, 6, [b, a])]);
    tally.apply([vote(0, 7, [a, b])]);
    expect([tally.opinion(a, 0), tally.opinion(b, 0)]).toEqual([OPINION.REJECT, OPINION.ABSTAIN]);
    expect(tally.confidence(a, OPINION.REJECT)).toBe(5);
    expect(tally.opinion(a, 1)).toBe(OPINION.NONE);
  });

  test('a proposal that is not open is passed over, its bit with it', () => {
    const tally = tallyOf();
    const slots = [tally.open(), tally.open()];
    tally.apply([vote(2, 1, [-1, slots[0]!, -1, slots[1]!], Uint8Array.of(0b0101), Uint8Array.of(0b1000))]);
    expect(slots.map((slot) => tally.opinion(slot, 2))).toEqual([OPINION.APPROVE, OPINION.ABSTAIN]);
  });

  test('lower median by stake', () => {
    const tally = tallyOf({ stakes: [1, 1, 5, 2, 1] });
    const slot = tally.open();
    expect(tally.confidence(slot, OPINION.APPROVE)).toBe(0);
    tally.apply([vote(0, 9000, [slot]), vote(1, 1000, [slot])]);
    // Half of the stake is at 1000: the lower of the two medians.
    expect(tally.confidence(slot, OPINION.APPROVE)).toBe(1000);
    tally.apply([vote(2, 7000, [slot]), vote(3, 10_000, [slot], Uint8Array.of(1))]);
    expect(tally.confidence(slot, OPINION.APPROVE)).toBe(7000);
    expect(tally.confidence(slot, OPINION.REJECT)).toBe(10_000);
  });

  test('stakes up to 2^53 − 1 are summed exactly', () => {
    const tally = tallyOf({ stakes: [2 ** 52, 2 ** 52 - 2, 1], requiredVotes: 2 ** 53 - 1, validity: 2 ** 53 - 2 });
    const [a, b] = [tally.open(), tally.open()];
    tally.apply([vote(0, 10, [a, b]), vote(1, 20, [a, b]), vote(2, 0, [a])]);
    expect([...tally.evaluate(Int32Array.of(a, b))]).toEqual([TALLY.APPROVED, TALLY.OPEN]);
    expect(tally.stakes(a).approve).toBe(2 ** 53 - 1);
    expect(tally.confidence(a, OPINION.APPROVE)).toBe(10);
    expect(tally.confidence(b, OPINION.APPROVE)).toBe(10);
  });

  test('ballots, cast again elsewhere, give the same tally', () => {
    const tally = tallyOf({ stakes: [1, 1, 5, 2, 1], maxOpen: 3000 });
    const slots = Int32Array.from({ length: 2500 }, () => tally.open());
    tally.apply([
      vote(0, 9000, [...slots], new Uint8Array(313).fill(0b0110_1101)),
      vote(2, 10_000, [...slots.subarray(7)], NO_BITS, new Uint8Array(300).fill(0b1100_0011)),
      vote(4, 0, [...slots.subarray(2000)]),
    ]);
    const ballots = tally.ballots(slots);
    expect([...ballots.subarray(0, 10)]).toEqual([2 ** 15 + 9000, 0, 0, 0, 0, 2 ** 14 + 9000, 0, 0, 0, 0]);
    const again = tallyOf({ stakes: [1, 1, 5, 2, 1], maxOpen: 3000 });
    const others = Int32Array.from(slots, () => again.open());
    for (const [i, ballot] of ballots.entries()) {
      const opinion = ballot >> BALLOT_CONFIDENCE_BITS;
      if (opinion === OPINION.NONE) continue;
      const bit = (of: number) => (opinion === of ? Uint8Array.of(1) : NO_BITS);
      const confidence = ballot % 2 ** BALLOT_CONFIDENCE_BITS;
      const slot = others[Math.floor(i / 5)]!;
      again.apply([vote(i % 5, confidence, [slot], bit(OPINION.REJECT), bit(OPINION.ABSTAIN))]);
    }
    expect(again.ballots(others)).toEqual(ballots);
    expect(again.evaluate(others)).toEqual(tally.evaluate(slots));
    for (const [i, slot] of slots.entries()) {
      expect(again.stakes(others[i]!)).toEqual(tally.stakes(slot));
      expect(again.confidence(others[i]!, OPINION.REJECT)).toBe(tally.confidence(slot, OPINION.REJECT));
    }
  });

  test('a slot that is opened again is silent', () => {
    const tally = tallyOf({ maxOpen: 70 });
    const slots = Array.from({ length: 70 }, () => tally.open());
    expect([...slots].sort((x, y) => x - y)).toEqual(Array.from({ length: 70 }, (_, i) => i));
    tally.apply([vote(0, 10, slots), vote(3, 10, slots, new Uint8Array(9).fill(255))]);
    for (const slot of [3, 64, 69]) tally.close(slot);
    for (const slot of [tally.open(), tally.open(), tally.open()]) {
      expect(tally.stakes(slot)).toEqual({ approve: 0, reject: 0, abstain: 0 });
      expect(tally.opinion(slot, 0)).toBe(OPINION.NONE);
    }
    expect(tally.stakes(4)).toEqual({ approve: 1, reject: 1, abstain: 0 });
    expect(codeOf(() => tally.open())).toBe('TALLY_FULL');
  });

  test('refusals leave no trace', () => {
    const tally = tallyOf();
    const slot = tally.open();
    const closed = tally.open();
    tally.close(closed);
    for (const bad of [-1, closed, 99, 1000, 0.5, Number.NaN]) {
      expect(codeOf(() => tally.close(bad))).toBe('TALLY_BAD_SLOT');
      expect(codeOf(() => tally.stakes(bad))).toBe('TALLY_BAD_SLOT');
      expect(codeOf(() => tally.opinion(bad, 0))).toBe('TALLY_BAD_SLOT');
      expect(codeOf(() => tally.confidence(bad, 1))).toBe('TALLY_BAD_SLOT');
    }
    for (const bad of [-2, closed, 1000]) {
      expect(codeOf(() => tally.evaluate(Int32Array.of(slot, bad)))).toBe('TALLY_BAD_SLOT');
      expect(codeOf(() => tally.ballots(Int32Array.of(slot, bad)))).toBe('TALLY_BAD_SLOT');
      expect(codeOf(() => tally.apply([vote(0, 1, [slot]), vote(1, 1, [slot, bad])]))).toBe('TALLY_BAD_SLOT');
    }
    for (const bad of [vote(4, 1, []), vote(-1, 1, []), vote(0, 10_001, []), vote(0, -1, []), vote(0.5, 1, [])]) {
      expect(codeOf(() => tally.apply([vote(0, 1, [slot]), bad]))).toBe('TALLY_BAD_VOTE');
    }
    expect(codeOf(() => tally.opinion(slot, 4))).toBe('TALLY_BAD_VOTE');
    expect(tally.stakes(slot)).toEqual({ approve: 0, reject: 0, abstain: 0 });
    for (const bad of [{ stakes: [] }, { requiredVotes: 0 }, { validity: 0.5 }, { maxOpen: 0 }]) {
      expect(codeOf(() => tallyOf(bad))).toBe('KERNEL_OPTIONS');
    }
  });
});

type Step =
  | { readonly do: 'open'; readonly count: number }
  | { readonly do: 'close'; readonly picks: readonly number[] }
  | { readonly do: 'vote'; readonly votes: readonly RandomVote[]; readonly order: number };

interface RandomVote {
  readonly author: number;
  readonly confidence: number;
  readonly from: number;
  readonly length: number;
  readonly rejects: Uint8Array;
  readonly abstains: Uint8Array;
}

const bits = fc.oneof(fc.constant(NO_BITS), fc.uint8Array({ maxLength: 40 }));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('open' as const), count: fc.integer({ min: 1, max: 90 }) }),
    fc.record({ do: fc.constant('close' as const), picks: fc.array(fc.nat(300), { maxLength: 20 }) }),
    fc.record({
      do: fc.constant('vote' as const),
      order: fc.nat(5),
      votes: fc.array(
        fc.record({
          author: fc.nat(127),
          confidence: fc.nat(10_000),
          from: fc.nat(300),
          length: fc.nat(200),
          rejects: bits,
          abstains: bits,
        }),
        { maxLength: 12 },
      ),
    }),
  ),
  { minLength: 2, maxLength: 20, size: 'max' },
);

describe('the tally in all its forms', () => {
  test('any steps give the sums, opinions, verdicts and medians of the naive one', () => {
    const sizes = fc.constantFrom(1, 4, 7, 64, 65, 128);
    fc.assert(
      fc.property(sizes, fc.constantFrom(1, 3, Number.MAX_SAFE_INTEGER), steps, (size, unit, list) => {
        // Weights 1, 2, 3, 1, …; the largest unit is what their sum can bear.
        const weight = Math.min(unit, Math.floor(Number.MAX_SAFE_INTEGER / (3 * size)));
        const stakes = Array.from({ length: size }, (_, author) => weight * (1 + (author % 3)));
        const total = stakes.reduce((sum, stake) => sum + stake, 0);
        const validity = Math.floor((total - 1) / 3) + 1;
        const options = { stakes, requiredVotes: total - validity + 1, validity, maxOpen: 700 };
        const kernels = [new NaiveTally(options), ...variants.map((variant) => variant.createTally(options))];
        const open: number[] = [];
        for (const step of list) runStep(step, open, size, kernels);
      }),
      { numRuns: 60, interruptAfterTimeLimit: 20_000 },
    );
  });
});

function runStep(step: Step, open: number[], size: number, kernels: readonly TallyKernel[]): void {
  const agree = <T>(ask: (kernel: TallyKernel) => T): T => {
    const [expected, ...others] = kernels.map(ask);
    for (const other of others) expect(other).toEqual(expected);
    return expected!;
  };
  if (step.do === 'open') {
    for (let i = 0; i < step.count && open.length < 700; i++) open.push(agree((kernel) => kernel.open()));
  } else if (step.do === 'close') {
    for (const pick of step.picks) {
      if (open.length === 0) break;
      const [slot] = open.splice(pick % open.length, 1);
      for (const kernel of kernels) kernel.close(slot!);
    }
  } else {
    const votes = step.votes.map(({ author, confidence, from, length, rejects, abstains }): TallyVote => {
      const slots = slotsOf(open, from, length, step.order);
      // Both bits at once are not defined by the contract.
      const clean = abstains.map((byte, i) => byte & ~(rejects[i] ?? 0));
      return { author: author % size, confidence, slots, rejects, abstains: clean };
    });
    for (const kernel of kernels) kernel.apply(votes);
  }
  const slots = Int32Array.from(open);
  agree((kernel) => kernel.evaluate(slots));
  agree((kernel) => kernel.ballots(slots.toReversed()));
  for (const slot of open.filter((_, i) => i % 7 === 0)) {
    agree((kernel) => kernel.stakes(slot));
    for (const side of [OPINION.APPROVE, OPINION.REJECT]) agree((kernel) => kernel.confidence(slot, side));
    for (let author = 0; author < size; author += 3) agree((kernel) => kernel.opinion(slot, author));
  }
}

/** Slots as a target's proposals have them: neighbours mostly, with holes, backwards or twice at times. */
function slotsOf(open: readonly number[], from: number, length: number, order: number): Int32Array {
  const start = open.length === 0 ? 0 : from % open.length;
  const slots = open.slice(start, start + length).map((slot, i) => (order > 2 && i % (order + 2) === 0 ? -1 : slot));
  if (order === 1) slots.reverse();
  if (order === 2) slots.push(...slots.slice(0, 5));
  return Int32Array.from(slots);
}
