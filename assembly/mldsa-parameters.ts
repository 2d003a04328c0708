// ML-DSA-65: its constants (FIPS 204, tables 1 and 2) and how its vectors lie in memory.

export const Q: i32 = 8380417;
/** Rows and columns of the matrix A. */
export const K: usize = 6;
export const L: usize = 5;
/** Coefficients ±1 of the challenge c. */
export const TAU: i32 = 49;
export const GAMMA1: i32 = 1 << 19;
export const GAMMA2: i32 = (Q - 1) / 32;
export const BETA: i32 = 196;
/** Ones that the hint has at most. */
export const OMEGA: usize = 55;
/** Bits dropped from t. */
export const D: i32 = 13;

export const PUBLIC_KEY_BYTES: usize = 1952;
/** Parts of a signature (algorithm 26): c̃ of λ/4 bytes, z of L polynomials, the hint of ω + K bytes. */
export const CHALLENGE_BYTES: usize = 48;
export const Z_POLYNOMIAL_BYTES: usize = 640;
export const HINT_AT: usize = CHALLENGE_BYTES + L * Z_POLYNOMIAL_BYTES;
export const SIGNATURE_BYTES: usize = HINT_AT + OMEGA + K;
/** tr and µ. */
export const HASH_BYTES: usize = 64;

/** Coefficients of a polynomial, and its bytes in memory: i32 each. */
export const N: i32 = 256;
export const POLYNOMIAL: usize = 1024;
/** A row of an expanded key: the L entries of Â in it, then −t̂ of it; and what it is multiplied with: ẑ, then ĉ. */
export const ROW: usize = (L + 1) * POLYNOMIAL;
