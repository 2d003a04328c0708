// Robust aggregation of gradients: ARC → NNM → CWTM, with a bound f on how many of the m gradients are hostile, m > 2f.
//
// ARC, adaptive robust clipping: the k = ⌊2f(m − f)/m⌋ longest gradients are scaled down to the norm of the next one (Allouah
// et al., "Adaptive Gradient Clipping for Robust Federated Learning", ICLR 2025, algorithm 2). It keeps the robustness of what
// follows (theorem 3.2), and the outcome is never longer than the longest honest gradient (lemma 5.1).
// NNM, nearest-neighbour mixing: each becomes the mean of its m − f nearest ones, itself among them (Allouah et al., "Fixing by
// Mixing", AISTATS 2023, algorithm 2); what follows is then robust up to a factor of the order of f/m (lemma 1).
// CWTM, coordinate-wise trimmed mean: without the f least and the f greatest (Yin et al., ICML 2018, definition 2).
// With m ≤ 2f no rule is robust (Allouah et al. 2023, proposition 6): the caller does not come here.
import { alloc } from './arena';
import { NETWORK_END, sortingNetwork } from './sorting-network';
import { areBounded, distances, LINE_BYTES, scale, sumOfSquares, vectorBytes } from './vector-sums';

/** An answer below 0, known to src/wasm/aggregator.ts: it is this minus the index of the gradient that is refused. */
const FIRST_REFUSAL: i32 = -3;

/** Numbers beyond it in absolute value are refused (GRADIENT_LIMIT of src/wasm/learn-checks.ts): no sum here is infinite. */
export const LIMIT: f32 = 1099511627776;
/** Vectors that momentum.ts works on. */
const FEWEST_VECTORS: u32 = 3;

let maxGradients: u32 = 0;
/** Bytes of a vector. */
let bytes: usize = 0;
let gradients: usize = 0;
let result: usize = 0;
/** f64 by gradient: norms; the same in descending order. */
let norms: usize = 0;
let sorted: usize = 0;
/** f64 by pair of gradients, a square matrix of which only the upper half is used. */
let pairs: usize = 0;
/** u32 by gradient and its neighbours: where the neighbour lies relative to the first gradient. */
let neighbours: usize = 0;
/** u32 by gradient: gradients in ascending order of the distance to one. */
let order: usize = 0;
/** One line of numbers by gradient: sums over its neighbours. */
let sums: usize = 0;

/** Sets up for gradients of `numbers`, at most `bound` at once. Room of `codeBytes` for an encoded one, or 0: no memory. */
export function aggregateInit(numbers: u32, bound: u32, codeBytes: u32): usize {
  assert(numbers >= 1 && bound >= 1 && bound <= 128);
  maxGradients = bound;
  bytes = vectorBytes(numbers);
  const square = <u64>bound * <u64>bound;
  gradients = alloc(<u64>max(bound, FEWEST_VECTORS) * <u64>bytes);
  result = alloc(<u64>bytes);
  norms = alloc(<u64>bound * 8);
  sorted = alloc(<u64>bound * 8);
  pairs = alloc(square * 8);
  neighbours = alloc(square * 4);
  order = alloc(<u64>bound * 4);
  sums = alloc(<u64>bound * <u64>LINE_BYTES);
  const isShort = gradients == 0 || result == 0 || norms == 0 || sorted == 0 || pairs == 0 || neighbours == 0;
  return isShort || order == 0 || sums == 0 ? 0 : alloc(<u64>codeBytes);
}

/** Where vector `i` goes; the host writes its numbers and leaves the padding. */
export function vectorAddress(i: u32): usize {
  return gradients + <usize>i * bytes;
}

export function paddedBytes(): usize {
  return bytes;
}

/** Where an outcome is. */
export function resultAddress(): usize {
  return result;
}

/** Aggregates the first `count` gradients, changing them. 0, or FIRST_REFUSAL − the index of a gradient out of bounds. */
export function aggregate(count: u32, faulty: u32): i32 {
  assert(count >= 1 && count <= maxGradients && faulty < count - faulty);
  for (let i: u32 = 0; i < count; i++) if (!areBounded(vectorAddress(i), bytes, LIMIT)) return FIRST_REFUSAL - <i32>i;
  clip(count, faulty);
  memory.fill(pairs, 0, <usize>(count * count) << 3);
  distances(gradients, count, bytes, pairs);
  for (let i: u32 = 0; i < count; i++) findNeighbours(i, count, count - faulty);
  mixAndTrim(count, faulty);
  return 0;
}

/** ARC. */
function clip(count: u32, faulty: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const norm = sqrt(sumOfSquares(vectorAddress(i), bytes));
    store<f64>(norms + (<usize>i << 3), norm);
    let at = sorted + (<usize>i << 3);
    for (; at > sorted && load<f64>(at - 8) < norm; at -= 8) store<f64>(at, load<f64>(at - 8));
    store<f64>(at, norm);
  }
  const clipped = (faulty * (count - faulty) * 2) / count;
  const longest = load<f64>(sorted + (<usize>clipped << 3));
  for (let i: u32 = 0; i < count; i++) {
    const norm = load<f64>(norms + (<usize>i << 3));
    if (norm > longest) scale(vectorAddress(i), bytes, <f32>(longest / norm));
  }
}

@inline
function distanceOf(i: u32, j: u32, count: u32): f64 {
  return load<f64>(pairs + (<usize>(min(i, j) * count + max(i, j)) << 3));
}

/** The `near` gradients nearest to gradient `i`, the first ones of those as far, in ascending order. */
function findNeighbours(i: u32, count: u32, near: u32): void {
  for (let j: u32 = 0; j < count; j++) {
    const distance = distanceOf(i, j, count);
    let at = order + (<usize>j << 2);
    for (; at > order && distanceOf(i, load<u32>(at - 4), count) > distance; at -= 4) store<u32>(at, load<u32>(at - 4));
    store<u32>(at, j);
  }
  const list = neighbours + ((<usize>i * <usize>near) << 2);
  for (let k: u32 = 0; k < near; k++) {
    const j = load<u32>(order + (<usize>k << 2));
    let at = list + (<usize>k << 2);
    for (; at > list && load<u32>(at - 4) > j; at -= 4) store<u32>(at, load<u32>(at - 4));
    store<u32>(at, j);
  }
  const end = list + (<usize>near << 2);
  for (let at = list; at < end; at += 4) store<u32>(at, load<u32>(at) * <u32>bytes);
}

/**
 * NNM and CWTM, one line of 16 coordinates after the other: what is mixed is never written out. Means are sums until the
 * end: to divide all of them by m − f does not change their order.
 */
function mixAndTrim(count: u32, faulty: u32): void {
  const near = <usize>(count - faulty) << 2;
  const kept = count - faulty * 2;
  const factor = <f32>1 / <f32>((count - faulty) * kept);
  const network = sortingNetwork(count, faulty, <u32>LINE_BYTES);
  const sumsEnd = sums + <usize>count * LINE_BYTES;
  const firstKept = sums + <usize>faulty * LINE_BYTES;
  const keptEnd = firstKept + <usize>kept * LINE_BYTES;
  for (let line: usize = 0; line < bytes; line += LINE_BYTES) {
    let list = neighbours;
    for (let sum = sums; sum < sumsEnd; sum += LINE_BYTES) {
      addNeighbours(gradients + line, list, list + near, sum);
      list += near;
    }
    for (let at = network; at < NETWORK_END; at += 8) exchange(sums + <usize>load<u32>(at), sums + <usize>load<u32>(at, 4));
    addKept(firstKept, keptEnd, factor, result + line);
  }
}

@inline
function addNeighbours(line: usize, list: usize, end: usize, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (; list < end; list += 4) {
      const at = line + <usize>load<u32>(list);
      sum0 = f32x4.add(sum0, v128.load(at));
      sum1 = f32x4.add(sum1, v128.load(at, 16));
      sum2 = f32x4.add(sum2, v128.load(at, 32));
      sum3 = f32x4.add(sum3, v128.load(at, 48));
    }
    v128.store(out, sum0);
    v128.store(out, sum1, 16);
    v128.store(out, sum2, 32);
    v128.store(out, sum3, 48);
  } else {
    for (let i: usize = 0; i < LINE_BYTES; i += 16) {
      let sum0: f32 = 0;
      let sum1: f32 = 0;
      let sum2: f32 = 0;
      let sum3: f32 = 0;
      for (let item = list; item < end; item += 4) {
        const at = line + i + <usize>load<u32>(item);
        sum0 += load<f32>(at);
        sum1 += load<f32>(at, 4);
        sum2 += load<f32>(at, 8);
        sum3 += load<f32>(at, 12);
      }
      store<f32>(out + i, sum0);
      store<f32>(out + i, sum1, 4);
      store<f32>(out + i, sum2, 8);
      store<f32>(out + i, sum3, 12);
    }
  }
}

/** The lesser ones of two lines to `low`, the greater ones to `high`. Zeros of either sign are alike: no sum is −0. */
@inline
function exchange(low: usize, high: usize): void {
  if (ASC_FEATURE_SIMD) {
    exchangeFour(low, high);
    exchangeFour(low + 16, high + 16);
    exchangeFour(low + 32, high + 32);
    exchangeFour(low + 48, high + 48);
  } else {
    for (let i: usize = 0; i < LINE_BYTES; i += 4) {
      const x = load<f32>(low + i);
      const y = load<f32>(high + i);
      const isInOrder = x <= y;
      store<f32>(low + i, select(x, y, isInOrder));
      store<f32>(high + i, select(y, x, isInOrder));
    }
  }
}

/** By the pseudo-minimum and -maximum, one instruction each on x86: what they do to NaN does not matter here. */
@inline
function exchangeFour(low: usize, high: usize): void {
  const x = v128.load(low);
  const y = v128.load(high);
  v128.store(low, f32x4.pmin(x, y));
  v128.store(high, f32x4.pmax(x, y));
}

@inline
function addKept(from: usize, end: usize, factor: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) {
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (let at = from; at < end; at += LINE_BYTES) {
      sum0 = f32x4.add(sum0, v128.load(at));
      sum1 = f32x4.add(sum1, v128.load(at, 16));
      sum2 = f32x4.add(sum2, v128.load(at, 32));
      sum3 = f32x4.add(sum3, v128.load(at, 48));
    }
    const factors = f32x4.splat(factor);
    v128.store(out, f32x4.mul(sum0, factors));
    v128.store(out, f32x4.mul(sum1, factors), 16);
    v128.store(out, f32x4.mul(sum2, factors), 32);
    v128.store(out, f32x4.mul(sum3, factors), 48);
  } else {
    for (let i: usize = 0; i < LINE_BYTES; i += 4) {
      let sum: f32 = 0;
      for (let at = from + i; at < end; at += LINE_BYTES) sum += load<f32>(at);
      store<f32>(out + i, sum * factor);
    }
  }
}
