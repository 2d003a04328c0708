// One step of gradient descent with heavy-ball momentum (Polyak 1964): v ← μ·v + g, w ← w − η·v, where the gradient g is scaled
// down to a norm of `longest` if it is longer (Pascanu et al., ICML 2013, algorithm 1). The vectors are those of the
// aggregation: weights, velocity and gradient are numbers 0, 1 and 2; the first two change.
import { LIMIT, paddedBytes, vectorAddress } from './aggregate';
import { areBounded, sumOfSquares } from './vector-sums';

/** 0, or −3 − the number of a vector out of bounds. */
export function momentumStep(rate: f32, momentum: f32, longest: f64): i32 {
  const bytes = paddedBytes();
  for (let i: u32 = 0; i < 3; i++) if (!areBounded(vectorAddress(i), bytes, LIMIT)) return -3 - <i32>i;
  const gradient = vectorAddress(2);
  const norm = sqrt(sumOfSquares(gradient, bytes));
  const factor: f32 = norm > longest ? <f32>(longest / norm) : 1;
  const weights = vectorAddress(0);
  const velocity = vectorAddress(1);
  if (ASC_FEATURE_SIMD) {
    const rates = f32x4.splat(rate);
    const momenta = f32x4.splat(momentum);
    const factors = f32x4.splat(factor);
    for (let i: usize = 0; i < bytes; i += 16) {
      const old = f32x4.mul(momenta, v128.load(velocity + i));
      const v = f32x4.add(old, f32x4.mul(factors, v128.load(gradient + i)));
      v128.store(velocity + i, v);
      v128.store(weights + i, f32x4.sub(v128.load(weights + i), f32x4.mul(rates, v)));
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4) {
      const v = momentum * load<f32>(velocity + i) + factor * load<f32>(gradient + i);
      store<f32>(velocity + i, v);
      store<f32>(weights + i, load<f32>(weights + i) - rate * v);
    }
  }
  return 0;
}
