/** Which output of a graph speaks, and how: taken from the card where it says so, inferred where the graph leaves one reading. */
import { PqError } from '../../errors.ts';
import type { Calibration, OutputScale } from '../calibration.ts';
import type { Card, Task } from './card.ts';
import type { GraphFacts, TensorFacts } from './graph.ts';

/** How rows of an output become one number each. */
export interface Head {
  readonly tensor: string;
  readonly task: Task;
  readonly scale: OutputScale;
  /** Columns that are added up; empty: the mean squared error against the input (autoencoder). */
  readonly columns: readonly number[];
  readonly calibration: Calibration;
  /** What was inferred rather than read from the card, in words. */
  readonly inferred: readonly string[];
}

/** Makers whose output is a probability already. A tree ensemble or SVM ends in its own post-transform. */
const PROBABILITY_MAKERS = new Set([
  'Sigmoid',
  'Softmax',
  'ai.onnx.ml.TreeEnsembleClassifier',
  'ai.onnx.ml.LinearClassifier',
  'ai.onnx.ml.SVMClassifier',
  'ai.onnx.ml.Normalizer',
]);
const POSITIVE_LABELS = new Set([
  '1',
  'true',
  'reject',
  'fraud',
  'phishing',
  'spam',
  'illicit',
  'malicious',
  'bad',
  'positive',
]);

function refuse(message: string, { outputs }: GraphFacts): never {
  const described = outputs.map(
    ({ name, type, dims }) => `${name} ${type} [${dims.map((size) => size ?? '?').join(', ')}]`,
  );
  throw new PqError('MODEL_OUTPUT', `${message} The model's outputs: ${described.join('; ')}.`, { outputs });
}

function pickTensor(facts: GraphFacts, card: Card, inferred: string[]): TensorFacts {
  const wanted = card.output?.tensor;
  const floats = facts.outputs.filter(({ type }) => type === 'float32' || type === 'float64');
  if (wanted !== undefined) {
    const found = floats.find(({ name }) => name === wanted);
    return found ?? refuse(`The card's output "${wanted}" is not a float tensor of this model: name one.`, facts);
  }
  const likely = floats.filter(({ name }) => /prob|score/i.test(name));
  const only = likely.length === 1 ? likely[0] : floats.length === 1 ? floats[0] : undefined;
  if (only === undefined)
    refuse('It is not clear which output to read: name a float tensor as "output": {"tensor": …} in the card.', facts);
  inferred.push(`output tensor ${only.name}`);
  return only;
}

const sameShape = (a: TensorFacts, b: TensorFacts): boolean =>
  a.dims.length === b.dims.length &&
  a.dims.length > 1 &&
  a.dims.slice(1).every((size, i) => size !== null && size === b.dims[i + 1]);

function pickTask(tensor: TensorFacts, facts: GraphFacts, card: Card, inferred: string[]): Task {
  const stated = card.output?.task;
  if (stated !== undefined) return stated;
  const [input] = facts.inputs;
  const width = tensor.dims.at(-1) ?? null;
  const isProbability = PROBABILITY_MAKERS.has(facts.madeBy[tensor.name] ?? '') || /prob/i.test(tensor.name);
  const hasLabel = facts.outputs.some(({ type, name }) => type === 'int64' && /label/i.test(name));
  let task: Task = 'classifier';
  if (!isProbability && hasLabel && width === 1 && /score/i.test(tensor.name)) task = 'anomaly';
  else if (
    !isProbability &&
    facts.inputs.length === 1 &&
    input !== undefined &&
    (width ?? 0) > 2 &&
    sameShape(input, tensor)
  )
    task = 'autoencoder';
  inferred.push(`task ${task}`);
  return task;
}

function pickColumns(tensor: TensorFacts, facts: GraphFacts, card: Card, inferred: string[]): number[] {
  const width = tensor.dims.length < 2 ? 1 : (tensor.dims.at(-1) ?? null);
  const wanted = card.output?.rejectClasses;
  if (wanted !== undefined) {
    const columns = wanted.map((entry) => (typeof entry === 'number' ? entry : facts.classLabels.indexOf(entry)));
    const isInside = columns.every((column) => column >= 0 && (width === null || column < width));
    if (!isInside)
      refuse(
        `"rejectClasses" names what the output does not have (labels: ${facts.classLabels.join(', ') || 'none'}): use column numbers below ${width}.`,
        facts,
      );
    return columns;
  }
  if (width === 1) return [0];
  if (width === 2) {
    const positive = facts.classLabels.findIndex((label) => POSITIVE_LABELS.has(label.toLowerCase()));
    const column = positive >= 0 ? positive : 1;
    inferred.push(`column ${column} of 2 means reject`);
    return [column];
  }
  return refuse(
    'It is not clear which class means "reject": say so as "output": {"rejectClasses": [columns or labels]} in the card.',
    facts,
  );
}

/** Reads or infers the head. Throws `MODEL_OUTPUT`, `MODEL_NEEDS_CALIBRATION`. */
export function resolveHead(facts: GraphFacts, card: Card): Head {
  const inferred: string[] = [];
  const tensor = pickTensor(facts, card, inferred);
  const task = pickTask(tensor, facts, card, inferred);
  const columns = task === 'autoencoder' ? [] : pickColumns(tensor, facts, card, inferred);
  let scale: OutputScale = 'score';
  if (card.output?.scale !== undefined) scale = card.output.scale;
  else if (task === 'classifier') {
    const maker = facts.madeBy[tensor.name] ?? '';
    if (!PROBABILITY_MAKERS.has(maker) && !/prob/i.test(tensor.name)) {
      refuse(
        `It is not clear whether "${tensor.name}" (made by ${maker || 'the input'}) is a probability: say "output": {"scale": "probability"} or, for a logit, "score".`,
        facts,
      );
    }
    scale = 'probability';
    inferred.push('scale probability');
  }
  const calibration = card.calibration ?? { method: 'none' };
  if (task !== 'classifier' && calibration.method === 'none') {
    throw new PqError(
      'MODEL_NEEDS_CALIBRATION',
      `The score of an ${task} is not a probability: fit {"method": "platt"} or {"method": "isotonic"} on labelled rows and put it into the card.`,
      { task },
    );
  }
  if (card.calibration === undefined) inferred.push('calibration none');
  return { tensor: tensor.name, task, scale, columns, calibration, inferred };
}
