/** Which deaths a run is made of. */
import { seeded } from '../support/random.ts';
import { FULL_DISK, type Plan, POINTS, type Point, RANDOM_POINTS } from './points.ts';

type Kind = Pick<Plan, 'point' | 'fault'> & Pick<Point, 'often'>;

function kindsOf(points: readonly Point[]): Kind[] {
  return points.flatMap(({ name, often, faults }) => faults.map((fault) => ({ point: name, fault, often })));
}

const EVERY = [...POINTS, ...RANDOM_POINTS, FULL_DISK];
const ALL: readonly Kind[] = [
  ...kindsOf(EVERY),
  // As many again at instants that nobody chose.
  ...Array.from({ length: Math.ceil(POINTS.length / 4) }, () => kindsOf(RANDOM_POINTS)).flat(),
];

/** `runs` deaths: every kind in turn, in another order each time. A function of the seed. `only`: points that begin so. */
export function plansOf(runs: number, seed: number, only = ''): Plan[] {
  return draw(
    ALL.filter(({ point }) => point.startsWith(only)),
    runs,
    seed,
  );
}

/** One death at each step, before it, in it or behind it, with one of the faults. A function of the seed. */
export function onePlanEach(seed: number): Plan[] {
  const random = seeded(seed);
  const steps = Map.groupBy(kindsOf(EVERY), ({ point }) => point.replace(/ (?:before|during|after)$/, ''));
  return draw(
    [...steps.values()].map((kinds) => kinds[random.below(kinds.length)]!),
    steps.size,
    seed,
  );
}

function draw(kinds: readonly Kind[], runs: number, seed: number): Plan[] {
  const random = seeded(seed);
  const plans: Plan[] = [];
  while (plans.length < runs && kinds.length > 0) {
    for (const { point, fault, often } of random.shuffled(kinds)) {
      const [time, own] = [1 + random.below(often), random.below(2 ** 32)];
      plans.push({ point, fault, time, seed: own });
    }
  }
  return plans.slice(0, runs);
}
