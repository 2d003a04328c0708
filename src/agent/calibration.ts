/** Calibration: from what a model says to P(should be rejected). Fitted by scripts, stored in cards, applied here. */
import { PqError } from '../errors.ts';

/**
 * - `none`: the model's output is P already.
 * - `temperature`: P = σ(logit(output) / t).
 * - `platt`: P = σ(a · logit(output) + b) for probabilities, σ(a · output + b) for other scores (Platt 1999).
 * - `isotonic`: linear interpolation in ascending `x` to non-decreasing `y`, constant outside.
 */
export type Calibration =
  | { readonly method: 'none' }
  | { readonly method: 'temperature'; readonly t: number }
  | { readonly method: 'platt'; readonly a: number; readonly b: number }
  | { readonly method: 'isotonic'; readonly x: readonly number[]; readonly y: readonly number[] };

/** Scale of the output that a calibration maps from. */
export type OutputScale = 'probability' | 'score';

/** Keeps logit finite: probabilities are clipped to [ε, 1 − ε]. */
const PROBABILITY_EPSILON = 1e-7;

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function logit(p: number): number {
  const clipped = Math.min(1 - PROBABILITY_EPSILON, Math.max(PROBABILITY_EPSILON, p));
  return Math.log(clipped / (1 - clipped));
}

function interpolate(x: readonly number[], y: readonly number[], at: number): number {
  const upper = x.findIndex((value) => value >= at);
  if (upper === 0) return y[0] ?? Number.NaN;
  if (upper < 0) return y.at(-1) ?? Number.NaN;
  const [x0, x1, y0, y1] = [x[upper - 1] ?? 0, x[upper] ?? 0, y[upper - 1] ?? 0, y[upper] ?? 0];
  return x1 === x0 ? y1 : y0 + ((at - x0) / (x1 - x0)) * (y1 - y0);
}

/** P(should be rejected) for a model's output; NaN stays NaN. */
export function calibrate(calibration: Calibration, scale: OutputScale, output: number): number {
  if (!Number.isFinite(output)) return Number.NaN;
  if (scale === 'probability' && (output < -1e-3 || output > 1 + 1e-3)) return Number.NaN;
  const linear = scale === 'probability' ? logit(output) : output;
  switch (calibration.method) {
    case 'none':
      return scale === 'probability' ? Math.min(1, Math.max(0, output)) : sigmoid(output);
    case 'temperature':
      return sigmoid(linear / calibration.t);
    case 'platt':
      return sigmoid(calibration.a * linear + calibration.b);
    case 'isotonic':
      return interpolate(calibration.x, calibration.y, output);
  }
}

const isFiniteNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every(isFiniteNumber);
const isAscending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= (values[i - 1] ?? value));

/** Checks a card's `calibration`. Throws `MODEL_CARD`. */
export function parseCalibration(value: unknown): Calibration {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { method, t, a, b, x, y } = given;
  if (method === 'none') return { method };
  if (method === 'temperature' && isFiniteNumber(t) && t > 0) return { method, t };
  if (method === 'platt' && isFiniteNumber(a) && isFiniteNumber(b) && a !== 0) return { method, a, b };
  if (method === 'isotonic' && isNumbers(x) && isNumbers(y) && x.length === y.length && x.length > 0) {
    const isInRange = y.every((value) => value >= 0 && value <= 1);
    if (isAscending(x) && isAscending(y) && isInRange) return { method, x, y };
  }
  throw new PqError(
    'MODEL_CARD',
    'The card\'s "calibration" is not understood: use {"method":"none"}, {"method":"temperature","t":>0}, {"method":"platt","a":≠0,"b":…} or {"method":"isotonic","x":[ascending],"y":[ascending, 0…1]}.',
    { calibration: value },
  );
}
