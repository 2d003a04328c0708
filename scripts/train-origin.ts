/**
 * Trains the origin models from the packages in node_modules and writes them, with their cards, into models/:
 * `node scripts/train-origin.ts [NAME…] [--check]`. With --check nothing is written; it fails unless the files would be the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { calibrate, logit, sigmoid } from '../src/agent/calibration.ts';
import { decodeKnown, domainOf, encodeKnown } from '../src/agent/features/known.ts';
import { originIds, originReader } from '../src/agent/features/origin-ngrams.ts';
import { node, tensor, valueInfo, writeModel } from '../src/agent/onnx/write.ts';
import { dataHash, loadOrigins, type OriginRecord } from './origin-data.ts';
import { fitLogistic, fitPlatt, generator, type SparseLinear, scoreOf } from './origin-fit.ts';
import { auc, brier, committeeRates, voteRates } from './origin-metrics.ts';
import { ORIGIN_MODELS, type OriginModelSpec } from './origin-models.ts';

const MODELS = fileURLToPath(new URL('../models/', import.meta.url));
const THRESHOLD = 0.7;
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
const labelsOf = (records: readonly OriginRecord[]): number[] => records.map(({ label }) => label);

/** Benign domains of the training part that spelling alone does not clearly approve, unless something blocked shares them. */
function misread(rows: readonly OriginRecord[], pOf: (origin: string) => number): string[] {
  const isBlocked = decodeKnown(encodeKnown(rows.filter(({ label }) => label === 1).map(({ origin }) => origin)));
  const isUnclear = ({ origin, label }: OriginRecord): boolean =>
    label === 0 && Math.max(pOf(origin), pOf(domainOf(origin))) > KNOWN_ABOVE;
  return rows.filter((row) => isUnclear(row) && !isBlocked(row.origin)).map(({ origin }) => origin);
}

interface Trained {
  readonly bytes: Uint8Array;
  readonly card: Record<string, unknown>;
  /** Calibrated probabilities of the held-out records. */
  readonly p: number[];
}

function train(spec: OriginModelSpec, records: readonly OriginRecord[]): Trained {
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

function isSame(path: string, content: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(content);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function main(): void {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { check: { type: 'boolean' } } });
  const records = loadOrigins();
  const specs = ORIGIN_MODELS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const probabilities: number[][] = [];
  for (const spec of specs) {
    const startedMs = performance.now();
    const { bytes, card, p } = train(spec, records);
    probabilities.push(p);
    const text = new TextEncoder().encode(`${JSON.stringify(card, null, 2)}\n`);
    const files: [string, Uint8Array][] = [
      [`${MODELS}${spec.name}.onnx`, bytes],
      [`${MODELS}${spec.name}.onnx.json`, text],
    ];
    for (const [path, content] of files) {
      if (!values.check) writeFileSync(path, content);
      else if (!isSame(path, content)) {
        process.stderr.write(`${path} differs from what this training gives: run it without --check\n`);
        process.exitCode = 1;
      }
    }
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(
      `${spec.name} ${(bytes.length / 1024).toFixed(0)} KiB ${seconds} s ${JSON.stringify(card.metrics)}\n`,
    );
  }
  if (specs.length === ORIGIN_MODELS.length) {
    const labels = labelsOf(records.filter(({ split }) => split === 'test'));
    process.stdout.write(
      `committee of ${specs.length}: ${JSON.stringify(committeeRates(probabilities, labels, THRESHOLD), null, 2)}\n`,
    );
  }
}

if (import.meta.main) main();
