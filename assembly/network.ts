// A network of dense layers with ReLU between them and one logit at the end; without a hidden layer it is logistic regression.
// Its loss is the mean of logistic losses, each times an importance of 0 … 1, and the gradient is of that (Rumelhart et al.
// 1986). The weights are one vector: layer by layer the weights of each output in turn, then the biases.
//
// Inside, every row takes whole cache lines, with zeros after its numbers: padding changes no sum (dense-layer.ts).
import { alloc } from './arena';
import { combine, fourProducts, product } from './dense-layer';
import { logisticLoss, probability } from './logistic-loss';
import { areBounded, vectorBytes } from './vector-sums';

// Answers below 0, known to src/wasm/network.ts.
const NO_MEMORY: i32 = -2;
const BAD_WEIGHTS: i32 = -3;
const BAD_INPUTS: i32 = -4;

/**
 * Weights and inputs beyond it in absolute value are refused (NETWORK_LIMIT of src/wasm/learn-checks.ts). With at most 2¹² numbers
 * in a row and two hidden layers, a logit is below 2¹¹⁷ and a gradient below 2⁸⁸: nothing is ever infinite, or NaN.
 */
const LIMIT: f32 = 1048576;
const MAX_LAYERS: u32 = 3;

/** Widths that the host sets, u32: of the inputs, then of every layer's outputs; the last one is 1. */
const WIDTHS = memory.data(16, 16);
/** Mean loss, f64. */
const LOSS = memory.data(8, 8);

// By layer, 32 bytes: addresses of its weights, biases, the gradients of both, its inputs by row, and by row the gradient by
// its inputs (of layer 0 there is none).
const LAYERS = memory.data(32 * 3, 16);
const WEIGHTS: usize = 0;
const BIASES: usize = 4;
const WEIGHTS_GRADIENT: usize = 8;
const BIASES_GRADIENT: usize = 12;
const INPUTS: usize = 16;
const INPUTS_GRADIENT: usize = 20;

let layers: u32 = 0;
let parameters: u32 = 0;
/** What the host gives: weights, inputs row by row, targets and importances, all dense f32. */
let denseWeights: usize = 0;
let denseInputs: usize = 0;
let targets: usize = 0;
let importances: usize = 0;
/** What it gets. */
let logits: usize = 0;
let denseGradient: usize = 0;
/** f32 by row: gradient by the logit. */
let errors: usize = 0;

@inline
function inputsOf(layer: u32): u32 {
  return load<u32>(WIDTHS + (<usize>layer << 2));
}

@inline
function outputsOf(layer: u32): u32 {
  return load<u32>(WIDTHS + (<usize>layer << 2), 4);
}

@inline
function rowBytes(layer: u32): usize {
  return vectorBytes(inputsOf(layer));
}

@inline
function part(layer: u32, which: usize): usize {
  return <usize>load<u32>(LAYERS + (<usize>layer << 5) + which);
}

export function networkWidthsAddress(): usize {
  return WIDTHS;
}

export function networkLossAddress(): usize {
  return LOSS;
}

export function networkWeightsAddress(): usize {
  return denseWeights;
}

export function networkInputsAddress(): usize {
  return denseInputs;
}

export function networkTargetsAddress(): usize {
  return targets;
}

export function networkImportancesAddress(): usize {
  return importances;
}

export function networkLogitsAddress(): usize {
  return logits;
}

export function networkGradientAddress(): usize {
  return denseGradient;
}

/** Gives a part of a layer its `bytes` of memory; false when there is no more. */
function place(layer: u32, which: usize, bytes: u64): bool {
  const at = alloc(bytes);
  store<u32>(LAYERS + (<usize>layer << 5) + which, <u32>at);
  return at != 0;
}

/** Sets up for `count` layers, whose widths are in place, and at most `rows` rows. 0, or NO_MEMORY. */
export function networkInit(count: u32, rows: u32): i32 {
  assert(count >= 1 && count <= MAX_LAYERS && rows >= 1 && outputsOf(count - 1) == 1);
  layers = count;
  const room = (<u64>rows + 3) & ~3;
  for (let layer: u32 = 0; layer < count; layer++) {
    const row = <u64>rowBytes(layer);
    const outputs = (<u64>outputsOf(layer) + 3) & ~3;
    const biases = <u64>vectorBytes(outputsOf(layer));
    if (!place(layer, WEIGHTS, outputs * row) || !place(layer, BIASES, biases)) return NO_MEMORY;
    if (!place(layer, WEIGHTS_GRADIENT, outputs * row) || !place(layer, BIASES_GRADIENT, biases)) return NO_MEMORY;
    if (!place(layer, INPUTS, room * row)) return NO_MEMORY;
    if (layer > 0 && !place(layer, INPUTS_GRADIENT, room * row)) return NO_MEMORY;
    parameters += outputsOf(layer) * (inputsOf(layer) + 1);
  }
  denseWeights = alloc(<u64>vectorBytes(parameters));
  denseGradient = alloc(<u64>vectorBytes(parameters));
  denseInputs = alloc(<u64>rows * <u64>inputsOf(0) * 4);
  targets = alloc(room * 4);
  importances = alloc(room * 4);
  logits = alloc(room * 4);
  errors = alloc(room * 4);
  const isShort = denseWeights == 0 || denseGradient == 0 || denseInputs == 0 || targets == 0 || importances == 0;
  return isShort || logits == 0 || errors == 0 ? NO_MEMORY : 0;
}

/** Logits of `rows` rows. 0, BAD_WEIGHTS or BAD_INPUTS. */
export function networkForward(rows: u32): i32 {
  if (!areBounded(denseWeights, vectorBytes(parameters), LIMIT)) return BAD_WEIGHTS;
  const row = rowBytes(0);
  const numbers = <usize>inputsOf(0) << 2;
  const inputs = part(0, INPUTS);
  for (let i: usize = 0; i < <usize>rows; i++) memory.copy(inputs + i * row, denseInputs + i * numbers, numbers);
  if (!areBounded(inputs, <usize>rows * row, LIMIT)) return BAD_INPUTS;
  spreadWeights();
  for (let layer: u32 = 0; layer + 1 < layers; layer++) hiddenForward(layer, rows);
  outputForward(rows);
  return 0;
}

/** The weights from their vector into rows. */
function spreadWeights(): void {
  let from = denseWeights;
  for (let layer: u32 = 0; layer < layers; layer++) {
    const numbers = <usize>inputsOf(layer) << 2;
    const row = rowBytes(layer);
    const outputs = <usize>outputsOf(layer);
    let to = part(layer, WEIGHTS);
    for (let output: usize = 0; output < outputs; output++) {
      memory.copy(to, from, numbers);
      to += row;
      from += numbers;
    }
    memory.copy(part(layer, BIASES), from, outputs << 2);
    from += outputs << 2;
  }
}

/** The gradients from their rows into a vector, laid out as the weights. */
function gatherGradient(): void {
  let to = denseGradient;
  for (let layer: u32 = 0; layer < layers; layer++) {
    const numbers = <usize>inputsOf(layer) << 2;
    const row = rowBytes(layer);
    const outputs = <usize>outputsOf(layer);
    let from = part(layer, WEIGHTS_GRADIENT);
    for (let output: usize = 0; output < outputs; output++) {
      memory.copy(to, from, numbers);
      from += row;
      to += numbers;
    }
    memory.copy(to, part(layer, BIASES_GRADIENT), outputs << 2);
    to += outputs << 2;
  }
}

/** ReLU(weights · inputs + biases) of every row. Outputs of the padding are 0, as its weights are. */
function hiddenForward(layer: u32, rows: u32): void {
  const bytes = rowBytes(layer);
  const weights = part(layer, WEIGHTS);
  const biases = part(layer, BIASES);
  const outputBytes = <usize>outputsOf(layer) << 2;
  const outBytes = rowBytes(layer + 1);
  let x = part(layer, INPUTS);
  let out = part(layer + 1, INPUTS);
  for (let i: u32 = 0; i < rows; i++) {
    let row = weights;
    if (ASC_FEATURE_SIMD) {
      for (let at: usize = 0; at < outputBytes; at += 16) {
        const sum = f32x4.add(fourProducts(x, row, bytes), v128.load(biases + at));
        v128.store(out + at, f32x4.pmax(f32x4.splat(0), sum));
        row += 4 * bytes;
      }
    } else {
      for (let at: usize = 0; at < outputBytes; at += 4) {
        const sum = product(x, row, bytes) + load<f32>(biases + at);
        store<f32>(out + at, select<f32>(sum, 0, sum > 0));
        row += bytes;
      }
    }
    x += bytes;
    out += outBytes;
  }
}

/** The logits, four rows at a time: the last ones of the four may be of rows that there are not. */
function outputForward(rows: u32): void {
  const layer = layers - 1;
  const bytes = rowBytes(layer);
  const weights = part(layer, WEIGHTS);
  const bias = load<f32>(part(layer, BIASES));
  const end = logits + (<usize>rows << 2);
  let x = part(layer, INPUTS);
  if (ASC_FEATURE_SIMD) {
    for (let out = logits; out < end; out += 16) {
      v128.store(out, f32x4.add(fourProducts(weights, x, bytes), f32x4.splat(bias)));
      x += 4 * bytes;
    }
  } else {
    for (let out = logits; out < end; out += 4) {
      store<f32>(out, product(weights, x, bytes) + bias);
      x += bytes;
    }
  }
}

/** After networkForward: the mean loss to networkLossAddress, and if `isGradientWanted` its gradient. Importances are in place. */
export function networkBackward(rows: u32, isGradientWanted: bool): void {
  let sum: f64 = 0;
  for (let at: usize = 0; at < <usize>rows << 2; at += 4) {
    const z = <f64>load<f32>(logits + at);
    const target = <f64>load<f32>(targets + at);
    const importance = <f64>load<f32>(importances + at);
    sum += importance * logisticLoss(z, target);
    if (isGradientWanted) store<f32>(errors + at, <f32>((importance * (probability(z) - target)) / <f64>rows));
  }
  store<f64>(LOSS, sum / <f64>rows);
  if (!isGradientWanted) return;
  layerBackward(layers - 1, rows, errors, 4);
  for (let layer = layers - 1; layer > 0; layer--) {
    layerBackward(layer - 1, rows, part(layer, INPUTS_GRADIENT), rowBytes(layer));
  }
  gatherGradient();
}

/** Gradients of a layer from those by its outputs, whose rows are `step` bytes apart. */
function layerBackward(layer: u32, rows: u32, gradients: usize, step: usize): void {
  const bytes = rowBytes(layer);
  const inputs = part(layer, INPUTS);
  const weights = part(layer, WEIGHTS);
  const weightsGradient = part(layer, WEIGHTS_GRADIENT);
  const biasesGradient = part(layer, BIASES_GRADIENT);
  const outputs = outputsOf(layer);
  for (let output: usize = 0; output < <usize>outputs; output++) {
    const column = gradients + (output << 2);
    combine(column, step, rows, inputs, bytes, weightsGradient + output * bytes);
    store<f32>(biasesGradient + (output << 2), columnSum(column, step, rows));
  }
  if (layer == 0) return;
  const inputsGradient = part(layer, INPUTS_GRADIENT);
  for (let i: usize = 0; i < <usize>rows; i++) {
    combine(gradients + i * step, 4, outputs, weights, bytes, inputsGradient + i * bytes);
  }
  keepWherePositive(inputsGradient, inputs, <usize>rows * bytes);
}

function columnSum(column: usize, step: usize, rows: u32): f32 {
  const end = column + <usize>rows * step;
  let sum: f32 = 0;
  for (; column < end; column += step) sum += load<f32>(column);
  return sum;
}

/** The derivative of ReLU: nothing passes where its output was 0. */
function keepWherePositive(gradients: usize, outputs: usize, bytes: usize): void {
  if (ASC_FEATURE_SIMD) {
    const zero = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const isPositive = f32x4.gt(v128.load(outputs + i), zero);
      v128.store(gradients + i, v128.and(isPositive, v128.load(gradients + i)));
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) if (!(load<f32>(outputs + i) > 0)) store<f32>(gradients + i, 0);
  }
}
