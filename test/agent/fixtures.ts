/** Model files in the forms that exporters write, made with onnx-buf; nothing of anybody's is copied. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { node, tensor, valueInfo, writeModel } from '../../src/agent/onnx/write.ts';
import type { TransactionData } from '../../src/agent/proposals.ts';

export const CLASSIFIER_OPSETS = { '': 18, 'ai.onnx.ml': 3 };
const ML = 'ai.onnx.ml';

/** Writes a model, and its card if given, into a folder of its own; returns the model's path. */
export function write(bytes: Uint8Array, card?: unknown, name = 'model.onnx'): string {
  const folder = mkdtempSync(join(tmpdir(), 'pq-agent-'));
  const file = join(folder, name);
  writeFileSync(file, bytes);
  if (card !== undefined) writeFileSync(`${file}.json`, typeof card === 'string' ? card : JSON.stringify(card));
  return file;
}

/** A transfer; `amount` and `fee` are what the numeric fixtures read. */
export function transaction(changes: Partial<TransactionData> = {}): TransactionData {
  return { kind: 'transaction', origin: 'shop.example.org', amount: 100n, fee: 1n, from: 'aa', to: 'bb', ...changes };
}

/** Two features that every transfer has: is_self_transfer and has_origin, each 0 or 1. */
export const TWO_FEATURES = ['is_self_transfer', 'has_origin'];
export const CARD = { kind: 'transaction', input: TWO_FEATURES };

/** As skl2onnx writes a logistic regression: LinearClassifier, Normalizer, Cast, ZipMap. p(1) = σ(2·x0 − 3·x1 + 0.5). */
export function sklearnLogistic({ zipMap }: { zipMap: boolean }): Uint8Array {
  const probabilities = zipMap ? 'probability_tensor' : 'probabilities';
  const zipped = zipMap
    ? [node('ZipMap', [probabilities], ['output_probability'], { classlabels_int64s: [0n, 1n] }, ML)]
    : [];
  // A sequence of maps has no shorthand here: what matters is that the declared type is not a float tensor.
  const output = zipMap ? valueInfo('output_probability', 'int64', []) : valueInfo(probabilities, 'float32', ['N', 2]);
  return writeModel({
    opsets: CLASSIFIER_OPSETS,
    inputs: [valueInfo('X', 'float32', ['N', 2])],
    outputs: [valueInfo('output_label', 'int64', ['N']), output],
    nodes: [
      node(
        'LinearClassifier',
        ['X'],
        ['label', 'raw'],
        {
          coefficients: [-2, 3, 2, -3],
          intercepts: [-0.5, 0.5],
          classlabels_ints: [0n, 1n],
          multi_class: 1n,
          post_transform: 'LOGISTIC',
        },
        ML,
      ),
      node('Normalizer', ['raw'], [probabilities], { norm: 'L1' }, ML),
      node('Cast', ['label'], ['output_label'], { to: 7n }),
      ...zipped,
    ],
  });
}

/** A stump as LightGBM and XGBoost converters write it: reject with 0.9 if x0 > 0.5, else 0.2. */
export function boostedStump(): Uint8Array {
  const tree = {
    nodes_treeids: [0n, 0n, 0n],
    nodes_nodeids: [0n, 1n, 2n],
    nodes_featureids: [0n, 0n, 0n],
    nodes_values: [0.5, 0, 0],
    nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
    nodes_truenodeids: [1n, 0n, 0n],
    nodes_falsenodeids: [2n, 0n, 0n],
    class_treeids: [0n, 0n, 0n, 0n],
    class_nodeids: [1n, 1n, 2n, 2n],
    class_ids: [0n, 1n, 0n, 1n],
    class_weights: [0.8, 0.2, 0.1, 0.9],
    classlabels_int64s: [0n, 1n],
    post_transform: 'NONE',
  };
  return writeModel({
    opsets: CLASSIFIER_OPSETS,
    inputs: [valueInfo('float_input', 'float32', ['N', 2])],
    outputs: [valueInfo('label', 'int64', ['N']), valueInfo('probabilities', 'float32', ['N', 2])],
    nodes: [node('TreeEnsembleClassifier', ['float_input'], ['label', 'probabilities'], tree, ML)],
  });
}

/** As torch writes an MLP: Gemm, Relu, Gemm, then the given last operator. Logit = 2·relu(x0) − relu(x1). */
export function torchMlp(last: 'Sigmoid' | 'Identity', { batch = 'batch' as string | number } = {}): Uint8Array {
  return writeModel({
    inputs: [valueInfo('input', 'float32', [batch, 2])],
    outputs: [valueInfo('output', 'float32', [batch, 1])],
    constants: [
      tensor('w1', Float32Array.of(1, 0, 0, 1), [2, 2]),
      tensor('b1', Float32Array.of(0, 0), [2]),
      tensor('w2', Float32Array.of(2, -1), [1, 2]),
      tensor('b2', Float32Array.of(0), [1]),
    ],
    nodes: [
      node('Gemm', ['input', 'w1', 'b1'], ['h'], { transB: 1n }),
      node('Relu', ['h'], ['r']),
      node('Gemm', ['r', 'w2', 'b2'], ['z'], { transB: 1n }),
      node(last, ['z'], ['output']),
    ],
  });
}

/** As keras writes a classifier: MatMul, Add, Softmax over two classes. p(1) = σ(4·x0 − 2). */
export function kerasSoftmax(): Uint8Array {
  return writeModel({
    inputs: [valueInfo('dense_input', 'float32', ['unk__1', 2])],
    outputs: [valueInfo('dense', 'float32', ['unk__2', 2])],
    constants: [tensor('kernel', Float32Array.of(0, 4, 0, 0), [2, 2]), tensor('bias', Float32Array.of(0, -2), [2])],
    nodes: [
      node('MatMul', ['dense_input', 'kernel'], ['m']),
      node('Add', ['m', 'bias'], ['a']),
      node('Softmax', ['a'], ['dense'], { axis: -1n }),
    ],
  });
}

/** Gives its three inputs back times 0.5: the error of a row of ones is 0.25. */
export function autoencoder(): Uint8Array {
  return writeModel({
    inputs: [valueInfo('x', 'float32', ['N', 3])],
    outputs: [valueInfo('reconstruction', 'float32', ['N', 3])],
    constants: [tensor('half', Float32Array.of(0.5), [1])],
    nodes: [node('Mul', ['x', 'half'], ['reconstruction'])],
  });
}

/** As skl2onnx writes an isolation forest: an integer label and a score, lower is odder. score = 0.5 − x0. */
export function isolationForest(): Uint8Array {
  return writeModel({
    inputs: [valueInfo('X', 'float32', ['N', 2])],
    outputs: [valueInfo('label', 'int64', ['N', 1]), valueInfo('scores', 'float32', ['N', 1])],
    constants: [tensor('w', Float32Array.of(-1, 0), [2, 1]), tensor('b', Float32Array.of(0.5), [1])],
    nodes: [
      node('MatMul', ['X', 'w'], ['m']),
      node('Add', ['m', 'b'], ['scores']),
      node('Sign', ['scores'], ['sign']),
      node('Cast', ['sign'], ['label'], { to: 7n }),
    ],
  });
}

/** A table exporter's form: each column is an input of its own. p = σ(2·first − second). */
export function namedColumns(names: readonly [string, string]): Uint8Array {
  return writeModel({
    inputs: names.map((name) => valueInfo(name, 'float32', ['N', 1])),
    outputs: [valueInfo('probability', 'float32', ['N', 1])],
    constants: [tensor('w', Float32Array.of(2, -1), [2, 1])],
    nodes: [
      node('Concat', [...names], ['x'], { axis: 1n }),
      node('MatMul', ['x', 'w'], ['z']),
      node('Sigmoid', ['z'], ['probability']),
    ],
  });
}

/**
 * p = 0.5, after multiplying square matrices of size 300 · x0 forty times: at the probe's x0 ≤ 1 quick, at log1p of a big
 * amount (x0 ≈ 11) minutes of work. Needs the card {"input": ["amount_log1p"]}.
 */
export function slowForBigAmounts(): Uint8Array {
  const steps = Array.from({ length: 40 }, (_, i) =>
    node('MatMul', [i === 0 ? 'square' : `m${i - 1}`, 'square'], [`m${i}`]),
  );
  return writeModel({
    inputs: [valueInfo('x', 'float32', ['N', 1])],
    outputs: [valueInfo('probability', 'float32', ['N', 1])],
    constants: [
      tensor('size', Float32Array.of(300), [1]),
      tensor('zero', Float32Array.of(0), [1]),
      tensor('axes', BigInt64Array.of(0n, 1n), [2]),
    ],
    nodes: [
      node('ReduceMax', ['x', 'axes'], ['most'], { keepdims: 0n }),
      node('Mul', ['most', 'size'], ['n_float']),
      node('Cast', ['n_float'], ['n'], { to: 7n }),
      node('Concat', ['n', 'n'], ['shape'], { axis: 0n }),
      node('ConstantOfShape', ['shape'], ['square']),
      ...steps,
      node('ReduceSum', ['m39'], ['sum'], { keepdims: 0n }),
      node('Mul', ['x', 'zero'], ['nothing']),
      node('Add', ['nothing', 'sum'], ['z']),
      node('Sigmoid', ['z'], ['probability']),
    ],
  });
}

/** p = √(x0 − 0.4): a number for the probe, NaN for x0 = 0, 0.775 for x0 = 1. */
export function nanForZero(): Uint8Array {
  return writeModel({
    inputs: [valueInfo('x', 'float32', ['N', 2])],
    outputs: [valueInfo('probability', 'float32', ['N', 1])],
    constants: [tensor('w', Float32Array.of(1, 0), [2, 1]), tensor('b', Float32Array.of(-0.4), [1])],
    nodes: [node('MatMul', ['x', 'w'], ['m']), node('Add', ['m', 'b'], ['d']), node('Sqrt', ['d'], ['probability'])],
  });
}

/** Nothing but constants: the runtime works them out when it loads the graph, which takes it minutes. */
export function slowToLoad(): Uint8Array {
  const steps = Array.from({ length: 60 }, (_, i) =>
    node('MatMul', [i === 0 ? 'square' : `m${i - 1}`, 'square'], [`m${i}`]),
  );
  return writeModel({
    inputs: [valueInfo('x', 'float32', ['N', 2])],
    outputs: [valueInfo('probability', 'float32', ['N', 2])],
    constants: [tensor('shape', BigInt64Array.of(4000n, 4000n), [2])],
    nodes: [
      node('ConstantOfShape', ['shape'], ['square']),
      ...steps,
      node('ReduceSum', ['m59'], ['sum'], { keepdims: 0n }),
      node('Add', ['x', 'sum'], ['z']),
      node('Sigmoid', ['z'], ['probability']),
    ],
  });
}
