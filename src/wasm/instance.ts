/** One running copy of the core with its memory, and the views that survive growth. */
import { PqError } from '../errors.ts';
import { type WasmMemory, type WasmModule, wasm } from './webassembly.ts';

const PAGE_BYTES = 65_536;

/** What `assembly/index.ts` exports. Pointers and lengths are i32. */
export interface CoreExports {
  readonly memory: WasmMemory;
  heapBase(): number;
  sha3(data: number, length: number, out: number): void;
  sha3Init(): void;
  sha3Absorb(data: number, blocks: number): void;
  sha3Final(data: number, length: number, out: number): void;
  sha3Each(prefix: number, prefixLength: number, lengths: number, count: number, data: number, out: number): void;
  merkleRoot(lengths: number, count: number, data: number, digests: number, out: number): void;
  merkleFold(digests: number, count: number, out: number): void;
  merklePath(lengths: number, count: number, data: number, digests: number, position: number, path: number): number;
  merkleFoldPath(digests: number, count: number, position: number, path: number): number;
  merkleClimb(leaf: number, position: number, count: number, siblings: number, length: number, out: number): number;
  xof(rate: number, data: number, length: number, out: number, outLength: number): void;
  xofInit(): void;
  xofAbsorb(rate: number, data: number, blocks: number): void;
  xofFinal(rate: number, data: number, length: number): void;
  xofRead(rate: number, out: number, length: number): void;
  stakesAddress(): number;
  dagInit(authors: number, maxBlocks: number): number;
  dagQuorumAddress(): number;
  dagDigestAddress(): number;
  dagParentsAddress(): number;
  dagAnswersAddress(): number;
  dagSize(): number;
  dagKeepFrom(): number;
  dagInsert(round: number, author: number, parents: number): number;
  dagLeaders(count: number): number;
  dagDecide(count: number, fromRound: number, fromOffset: number, perRound: number): number;
  dagLinearize(leader: number, from: number): number;
  dagMarkCommitted(handle: number): number;
  dagIsCommitted(handle: number): number;
  dagReaches(from: number, to: number): number;
  dagCollect(from: number): void;
  tallyInit(authors: number, maxOpen: number): number;
  tallyThresholdsAddress(): number;
  tallySidesAddress(): number;
  tallyStage(bytes: number): number;
  tallyOpen(): number;
  tallyClose(slot: number): number;
  tallyApply(lists: number, listCount: number, votes: number, voteCount: number): number;
  tallyEvaluate(slots: number, count: number, out: number): number;
  tallyOpinion(slot: number, author: number): number;
  tallyBallots(slots: number, count: number, out: number): number;
  tallyStakes(slot: number): number;
  tallyConfidence(slot: number, side: number): number;
  conflictSeedAddress(): number;
  conflictInit(maxKeys: number): number;
  conflictSize(): number;
  conflictStage(bytes: number): number;
  conflictClaim(keys: number, total: number, counts: number, expiries: number, count: number, out: number): number;
  conflictHas(key: number): number;
  conflictExpire(nowMs: number): number;
  conflictRelease(keys: number, count: number): number;
  mldsaKeyAddress(): number;
  mldsaSignatureAddress(): number;
  mldsaMessage(bytes: number): number;
  mldsaSlot(): number;
  mldsaHolds(slot: number): number;
  mldsaExpand(slot: number): void;
  mldsaStart(slot: number, data: number): void;
  mldsaAbsorb(data: number, blocks: number): void;
  mldsaVerify(slot: number, data: number, length: number): number;
  mldsaVerifyEach(jobs: number, count: number, out: number): void;
  aggregateInit(parameters: number, maxGradients: number, codeBytes: number): number;
  vectorAddress(i: number): number;
  resultAddress(): number;
  aggregate(count: number, faulty: number): number;
  momentumStep(rate: number, momentum: number, longest: number): number;
  gradientEncode(blocks: number, exponents: number, codes: number): number;
  gradientDecode(blocks: number, exponents: number, codes: number): number;
  networkWidthsAddress(): number;
  networkInit(layers: number, maxRows: number): number;
  networkWeightsAddress(): number;
  networkInputsAddress(): number;
  networkTargetsAddress(): number;
  networkImportancesAddress(): number;
  networkLogitsAddress(): number;
  networkLossAddress(): number;
  networkGradientAddress(): number;
  networkForward(rows: number): number;
  networkBackward(rows: number, isGradientWanted: number): void;
}

/** `WASM_MEMORY`: the instance cannot have the memory that its bounds allow. */
export function outOfMemory(data: Record<string, unknown>, cause?: unknown): PqError {
  return new PqError('WASM_MEMORY', 'give the process more memory or lower the bounds', data, cause);
}

/** An instance of the core. Views are re-made after growth: read them from here each time, never keep one. */
export class CoreInstance {
  readonly exports: CoreExports;
  /** First byte that belongs to the host. */
  readonly heapBase: number;
  u8: Uint8Array<ArrayBuffer>;
  u16: Uint16Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  f32: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;

  constructor(module: WasmModule) {
    this.exports = new wasm.Instance(module).exports as CoreExports;
    this.heapBase = this.exports.heapBase();
    const { buffer } = this.exports.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Writes an unsigned integer of up to 53 bits as a u64. */
  storeU64(at: number, value: number): void {
    this.u32[at >>> 2] = value % 2 ** 32;
    this.u32[(at >>> 2) + 1] = Math.floor(value / 2 ** 32);
  }

  /** Reads a u64 that is a safe integer. */
  loadU64(at: number): number {
    return this.u32[at >>> 2]! + this.u32[(at >>> 2) + 1]! * 2 ** 32;
  }

  /** Makes the memory reach at least to address `end`. Throws `WASM_MEMORY` when the machine has no more. */
  reserve(end: number): void {
    if (end <= this.u8.length) return;
    const pages = Math.ceil((end - this.u8.length) / PAGE_BYTES);
    try {
      this.exports.memory.grow(pages);
    } catch (cause) {
      throw outOfMemory({ pages }, cause);
    }
    this.refresh();
  }

  /** Re-makes the views if the memory grew: growth detaches its old buffer, which leaves them empty. */
  refresh(): void {
    if (this.u8.length !== 0) return;
    const { buffer } = this.exports.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }
}
