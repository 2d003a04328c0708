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

const BUCKETS = 131_071;
const MAX_IDS = 512;
const common = { epochs: 6, rate: 0.06, penalty: 1e-3 };
const features = { buckets: BUCKETS, maxIds: MAX_IDS };

export const ORIGIN_MODELS: readonly OriginModelSpec[] = [
  {
    name: 'origin-1',
    parameters: { ...features, seed: 1, host: [2, 5], shape: true },
    settings: { ...common, seed: 11 },
    sample: 0.85,
  },
  {
    name: 'origin-2',
    parameters: { ...features, seed: 2, label: [1, 4], words: true, shape: true },
    settings: { ...common, seed: 12 },
    sample: 0.85,
  },
  {
    name: 'origin-3',
    parameters: { ...features, seed: 3, host: [3, 6], words: true },
    settings: { ...common, seed: 13 },
    sample: 0.85,
  },
  {
    name: 'origin-4',
    parameters: { ...features, seed: 4, host: [1, 4], label: [3, 5], shape: true },
    settings: { ...common, seed: 14 },
    sample: 0.85,
  },
];
