/** The four origin models: what each reads and how it is fitted. They differ in features, seeds and training rows, so that they err differently. */
import type { OriginNgramParameters } from '../src/agent/features/origin-ngrams.ts';
import type { LogisticSettings } from './origin-fit.ts';

export interface OriginModelSpec {
  readonly name: string;
  readonly parameters: OriginNgramParameters;
  readonly settings: LogisticSettings;
  /** Share of the training rows that this model sees, drawn by its seed. */
  readonly sample: number;
}

/** Prime, and big enough that collisions of n-grams no longer cost accuracy; 8 bits each keep a file near 512 KiB. */
const BUCKETS = 524_287;
const features = { buckets: BUCKETS, maxIds: 768 };
const common = { epochs: 25, rate: 0.1, penalty: 1e-3, dropout: 0.5 };

export const ORIGIN_MODELS: readonly OriginModelSpec[] = [
  {
    name: 'origin-1',
    parameters: { ...features, seed: 1, host: [2, 5], folded: [3, 5], words: true, shape: true },
    settings: { ...common, seed: 11 },
    sample: 0.9,
  },
  {
    name: 'origin-2',
    parameters: { ...features, seed: 2, label: [1, 5], pattern: [4, 8], words: true, shape: true },
    settings: { ...common, seed: 12 },
    sample: 0.9,
  },
  {
    name: 'origin-3',
    parameters: { ...features, seed: 3, host: [3, 6], pattern: [4, 8], words: true, shape: true },
    settings: { ...common, seed: 13 },
    sample: 0.9,
  },
  {
    name: 'origin-4',
    parameters: { ...features, seed: 4, host: [1, 4], label: [3, 5], folded: [3, 5], shape: true },
    settings: { ...common, seed: 14 },
    sample: 0.9,
  },
];
