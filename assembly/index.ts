// The WebAssembly core: every kernel that the host calls. Pointers and lengths are i32, 64-bit values go through memory.
export { sha3, sha3Absorb, sha3Each, sha3Final, sha3Init } from './sha3';
export { merkleFold, merkleRoot } from './merkle';

/** First byte that no static region uses: the host's arena starts here. */
export function heapBase(): usize {
  return (__heap_base + 63) & ~63;
}
