/** Numbers of single precision, to the bit. */
import fc from 'fast-check';

/** Two vectors are the same only if this is: it tells 0 from −0, and would tell one NaN from another. */
export function bitsOf(vector: Float32Array): Uint32Array {
  return new Uint32Array(vector.slice().buffer);
}

/** Vectors of this length: numbers of any size up to `limit`, subnormal ones and zeros of both signs, and many alike. */
export function vectors(length: number, limit: number): fc.Arbitrary<Float32Array> {
  const any = fc.float({ min: -limit, max: limit, noNaN: true });
  const near = fc.integer({ min: -2000, max: 2000 }).map((value) => Math.fround(value / 1000));
  const few = fc.constantFrom(0, -0, 1, -1, 2 ** -149, -(2 ** -126), limit, -limit);
  const number = fc.oneof({ weight: 4, arbitrary: near }, any, few);
  return fc.array(number, { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));
}
