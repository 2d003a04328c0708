/** Trains one origin model: rows, fit, calibration, the domains that spelling cannot tell, the ONNX file, the card. */
import { createHash } from 'node:crypto';
import { calibrate, logit, sigmoid } from '../src/agent/calibration.ts';
import { decodeKnown, domainOf, encodeKnown } from '../src/agent/features/known.ts';
import { originIds, originReader } from '../src/agent/features/origin-ngrams.ts';
import { node, tensor, valueInfo, writeModel } from '../src/agent/onnx/write.ts';
import { dataHash, type OriginRecord } from './origin-data.ts';
import { fitLogistic, fitPlatt, generator, type SparseLinear, scoreOf } from './origin-fit.ts';
import { auc, brier, voteRates } from './origin-metrics.ts';
import type { OriginModelSpec } from './origin-models.ts';

/** The agent's default confidenceThreshold. */
export const THRESHOLD = 0.7;
/** A benign domain of the training part with a greater p becomes a known one. */
const KNOWN_ABOVE = 0.1;
/** ONNX's number for float32. */
const FLOAT = 1;
/** Well-known names and made-up ones; the card says what the model gives, and a test holds the runtime to it. */
const EXAMPLES = [
  'github.com',
  'wikipedia.org',
  'rpc.example-chain.network',
  'metamask-airdrop-claim.xyz',
  'xn--bnnce-c51bsf.com',
  'app.uniswap-rewards.live',
];

/** ids → 8-bit rows of the table → sum → · scale + bias → sigmoid. */
function graphOf({ weights, scale, bias }: SparseLinear, maxIds: number): Uint8Array {
  return writeModel({
    inputs: [valueInfo('ids', 'int32', ['rows', maxIds])],
    outputs: [valueInfo('probability', 'float32', ['rows', 1])],
    constants: [
      tensor('table', weights, [weights.length, 1]),
      tensor('ids_axis', BigInt64Array.of(1n), [1]),
      tensor('scale', Float32Array.of(scale), [1]),
      tensor('bias', Float32Array.of(bias), [1]),
    ],
    nodes: [
      node('Gather', ['table', 'ids'], ['rows_of_table'], { axis: 0n }),
      node('Cast', ['rows_of_table'], ['weights'], { to: BigInt(FLOAT) }),
      node('ReduceSum', ['weights', 'ids_axis'], ['sum'], { keepdims: 0n }),
      node('Mul', ['sum', 'scale'], ['scaled']),
      node('Add', ['scaled', 'bias'], ['score']),
      node('Sigmoid', ['score'], ['probability']),
    ],
  });
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;
const rounded = (values: object): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, round(value)]));
export const labelsOf = (records: readonly OriginRecord[]): number[] => records.map(({ label }) => label);

/** Benign domains of the training part that spelling alone does not clearly approve, unless something blocked shares them. */
function misread(rows: readonly OriginRecord[], pOf: (origin: string) => number): string[] {
  const isBlocked = decodeKnown(encodeKnown(rows.filter(({ label }) => label === 1).map(({ origin }) => origin)));
  const isUnclear = ({ origin, label }: OriginRecord): boolean =>
    label === 0 && Math.max(pOf(origin), pOf(domainOf(origin))) > KNOWN_ABOVE;
  return rows.filter((row) => isUnclear(row) && !isBlocked(row.origin)).map(({ origin }) => origin);
}

export interface Trained {
  readonly bytes: Uint8Array;
  readonly card: Record<string, unknown>;
  /** Calibrated probabilities of the held-out records. */
  readonly p: number[];
}

/** Same records and spec, same bytes. */
export function train(spec: OriginModelSpec, records: readonly OriginRecord[]): Trained {
  const { parameters, settings, sample } = spec;
  const idsOf = (origin: string): Int32Array => Int32Array.from(originIds(origin, parameters));
  const part = (split: string): OriginRecord[] => records.filter((record) => record.split === split);
  const random = generator(settings.seed ^ 0x5eed);
  const rows = part('train').filter(() => random() < sample);
  const linear = fitLogistic(
    rows.map(({ origin }) => idsOf(origin)),
    labelsOf(rows),
    parameters.buckets,
    settings,
  );
  const outputOf = (origin: string): number => logit(sigmoid(scoreOf(linear, idsOf(origin))));
  const calibrationRows = part('calibration');
  const { a, b } = fitPlatt(
    calibrationRows.map(({ origin }) => outputOf(origin)),
    labelsOf(calibrationRows),
  );
  const calibration = { method: 'platt', a, b } as const;
  const spelled = (origin: string): number =>
    calibrate(calibration, 'probability', sigmoid(scoreOf(linear, idsOf(origin))));
  const known = encodeKnown(misread(part('train'), spelled));
  const read = originReader({ ...parameters, known });
  const pOf = (origin: string): number =>
    calibrate(calibration, 'probability', sigmoid(scoreOf(linear, Int32Array.from(read(origin)))));
  const heldOut = part('test');
  const labels = labelsOf(heldOut);
  const p = heldOut.map(({ origin }) => pOf(origin));
  const bytes = graphOf(linear, parameters.maxIds);
  const card = {
    name: spec.name,
    title: 'Phishing against benign web origins',
    kind: 'transaction',
    input: 'origin-ngrams/1',
    parameters: { ...parameters, known },
    output: { tensor: 'probability', task: 'classifier', scale: 'probability' },
    calibration,
    threshold: THRESHOLD,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    licence: 'Apache-2.0',
    data: {
      reject: 'eth-phishing-detect (blocked)',
      approve: 'eth-phishing-detect (allowed), simple-icons, third-party-web, viem/chains, chain-registry',
      licences: 'eth-phishing-detect DBAD, simple-icons CC0-1.0, third-party-web MIT, viem MIT, chain-registry MIT',
      sha256: dataHash(records),
      split: 'by registered name, SHA-256: train 70 %, calibration 12 %, held out 18 %',
      n: {
        train: rows.length,
        calibration: calibrationRows.length,
        heldOut: heldOut.length,
        heldOutPhishing: labels.filter(Boolean).length,
      },
    },
    metrics: {
      auc: round(auc(p, labels)),
      brier: round(brier(p, labels)),
      ...rounded(voteRates(p, labels, THRESHOLD)),
    },
    training: { script: 'scripts/train-origin.ts', settings, sample },
    examples: EXAMPLES.map((origin) => ({ origin, p: round(pOf(origin)) })),
  };
  return { bytes, card, p };
}
