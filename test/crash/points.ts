/** Where a node is killed: every step between a change in memory and its being durable, by name. */

/** How a node ends at a point. */
export type Fault =
  /** It dies there. */
  | 'kill'
  /** It dies there and the power goes with it: what was not known to be durable may be lost, or half there. */
  | 'power'
  /** It dies in the middle of a write, of which a part is on disk. */
  | 'torn'
  /** The disk is full from there on, after a part of a write: the node must say so, end by itself, and come back. */
  | 'full';

export interface Point {
  /** `start/…`: while the node comes back; otherwise once it has had something decided in this life. */
  readonly name: string;
  readonly faults: readonly Fault[];
  /** It comes so often that any of the first so many times will do. */
  readonly often: number;
}

const STEP = ['kill', 'power'] as const;
const WRITE = ['torn', 'power', 'full'] as const;

function around(name: string, often: number): Point[] {
  return [`${name} before`, `${name} after`].map((each) => ({ name: each, faults: STEP, often }));
}

function write(name: string, often: number): Point[] {
  return [...around(name, often), { name: `${name} during`, faults: WRITE, often }];
}

export const POINTS: readonly Point[] = [
  ...around('start/lock', 1),
  ...around('start/lock take', 1),
  ...around('start/index', 1),
  { name: 'start/index during', faults: STEP, often: 1 },
  ...around('start/segment retire', 1),
  ...write('log append', 60),
  ...write('segment create', 1),
  ...write('segment header', 1),
  ...around('segment name', 2),
  ...around('segment retire', 2),
  ...write('record write', 30),
  ...around('sign', 30),
  ...around('send', 60),
  ...around('index', 1),
  { name: 'index during', faults: STEP, often: 1 },
  ...write('snapshot write', 6),
  ...around('snapshot name', 3),
  ...around('snapshot remove', 3),
  ...around('prune', 3),
  // A submission is durable and nobody was told; the client was told; it was told of a decision.
  ...['accepted', 'acknowledged', 'decided'].map((name) => ({ name, faults: STEP, often: 10 })),
];

/** Killed from outside at an instant that nobody chose. */
export const RANDOM_POINTS: readonly Point[] = [
  { name: 'start/any instant', faults: STEP, often: 1 },
  { name: 'any instant', faults: STEP, often: 1 },
];

/** It runs on a small disk until that is full, and is started once more while it is. */
export const FULL_DISK: Point = { name: 'full disk', faults: ['full'], often: 1 };

/** What a life of the node ends with. */
export interface Plan {
  readonly point: string;
  readonly fault: Fault;
  /** Which time that the point is reached. */
  readonly time: number;
  /** For what else is left to chance. */
  readonly seed: number;
}

/** What is to be told apart in the table. */
export function nameOf({ point, fault }: Pick<Plan, 'point' | 'fault'>): string {
  return fault === 'kill' ? point : `${point}, ${fault}`;
}
