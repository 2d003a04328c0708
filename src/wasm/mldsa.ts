/** ML-DSA-65 verification through the core: one instance of it per verifier, which holds the expanded keys. */
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { SignatureCheck, SignatureVerifier, VerifierOptions } from './kernels.ts';
import { checkVerifierOptions, haveLengths, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './mldsa-checks.ts';
import { RecentKeys } from './recent-keys.ts';

/** Rate of SHAKE256 in bytes (FIPS 202 §6.2). */
const RATE_BYTES = 136;
/** Bytes of a message staged at once; more is streamed. */
const PORTION_BYTES = 64 * RATE_BYTES;
/** Before the message, in place for the kernel: the hash of the public key. */
const TR_BYTES = 64;
/** Before the context in M′ (FIPS 204, algorithm 3): domain separator of the pure version, length of the context. */
const DOMAIN_BYTES = 2;

/** Parts of a job of `mldsaVerifyEach`: slot and length of M′, then these (see assembly/mldsa-batch.ts). */
const JOB_KEY_AT = 8;
const JOB_SIGNATURE_AT = JOB_KEY_AT + PUBLIC_KEY_BYTES;
const JOB_MESSAGE_AT = JOB_SIGNATURE_AT + SIGNATURE_BYTES + 3 + TR_BYTES;
/** Bytes of jobs staged for one call; one that alone takes more is checked by itself. */
const BATCH_BYTES = 256 * 1024;
/** Room for the answers before the jobs: no call has more, as no job is shorter than its fixed parts. A multiple of 8. */
const BATCH_JOBS = roundUp(BATCH_BYTES / JOB_MESSAGE_AT);

export class CoreVerifier implements SignatureVerifier {
  readonly #core: CoreInstance;
  readonly #keys: RecentKeys<number>;
  readonly #keyAt: number;
  readonly #signatureAt: number;
  readonly #messageAt: number;
  /** Where jobs are staged, and before them their answers; 0 until there is a batch. */
  #batchAt = 0;

  constructor(core: CoreInstance, options: VerifierOptions) {
    checkVerifierOptions(options);
    this.#core = core;
    this.#keys = new RecentKeys(options.maxKeys);
    this.#keyAt = core.exports.mldsaKeyAddress();
    this.#signatureAt = core.exports.mldsaSignatureAddress();
    this.#messageAt = this.#room(PORTION_BYTES + RATE_BYTES);
  }

  verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean {
    if (!haveLengths(publicKey, context, signature)) return false;
    const slot = this.#expanded(publicKey);
    const { u8, exports } = this.#core;
    u8.set(signature, this.#signatureAt);
    exports.mldsaStart(slot, this.#messageAt);
    const at = this.#putContext(context, this.#messageAt + TR_BYTES);
    const last = this.#stage(message, at);
    return exports.mldsaVerify(slot, this.#messageAt, last) === 1;
  }

  verifyEach(checks: readonly SignatureCheck[]): boolean[] {
    const answers = new Array<boolean>(checks.length).fill(false);
    for (let next = 0; next < checks.length; ) {
      const { staged, end } = this.#stageJobs(checks, next);
      this.#core.exports.mldsaVerifyEach(this.#batchAt + BATCH_JOBS, staged.length, this.#batchAt);
      const { u8 } = this.#core;
      for (const [i, place] of staged.entries()) answers[place] = u8[this.#batchAt + i] === 1;
      next = end;
      const big = checks[next];
      if (big === undefined || jobBytes(big) <= BATCH_BYTES) continue;
      answers[next++] = this.verify(big.publicKey, big.message, big.context, big.signature);
    }
    return answers;
  }

  /** Stages the checks from number `first` on that fit; returns which those are, and the first that did not. */
  #stageJobs(checks: readonly SignatureCheck[], first: number): { staged: number[]; end: number } {
    if (this.#batchAt === 0) this.#batchAt = this.#room(BATCH_JOBS + BATCH_BYTES);
    const staged: number[] = [];
    let at = this.#batchAt + BATCH_JOBS;
    const limit = at + BATCH_BYTES;
    for (let i = first; i < checks.length; i++) {
      const check = checks[i]!;
      // What has not even the lengths stays false.
      if (!haveLengths(check.publicKey, check.context, check.signature)) continue;
      const bytes = jobBytes(check);
      if (at + bytes > limit) return { staged, end: i };
      this.#putJob(check, at);
      staged.push(i);
      at += bytes;
    }
    return { staged, end: checks.length };
  }

  #putJob({ publicKey, message, context, signature }: SignatureCheck, at: number): void {
    const slot = this.#slotOf(publicKey);
    const { u8, u32 } = this.#core;
    u32[at >>> 2] = slot;
    u32[(at >>> 2) + 1] = DOMAIN_BYTES + context.length + message.length;
    u8.set(publicKey, at + JOB_KEY_AT);
    u8.set(signature, at + JOB_SIGNATURE_AT);
    u8.set(message, this.#putContext(context, at + JOB_MESSAGE_AT));
  }

  /** Puts what M′ begins with to `at`; returns where the message goes. */
  #putContext(context: Uint8Array, at: number): number {
    const { u8 } = this.#core;
    u8[at] = 0;
    u8[at + 1] = context.length;
    u8.set(context, at + DOMAIN_BYTES);
    return at + DOMAIN_BYTES + context.length;
  }

  /** Puts the message to `at`, giving full portions to the hash; returns how many bytes are left staged. */
  #stage(message: Uint8Array, at: number): number {
    const { u8, exports } = this.#core;
    let held = at - this.#messageAt;
    let taken = 0;
    while (message.length - taken >= PORTION_BYTES - held) {
      const next = taken + PORTION_BYTES - held;
      u8.set(message.subarray(taken, next), this.#messageAt + held);
      exports.mldsaAbsorb(this.#messageAt, PORTION_BYTES / RATE_BYTES);
      taken = next;
      held = 0;
    }
    u8.set(taken === 0 ? message : message.subarray(taken), this.#messageAt + held);
    return held + message.length - taken;
  }

  /** The slot of a key, expanded there unless it is already. */
  #expanded(publicKey: Uint8Array): number {
    const slot = this.#slotOf(publicKey);
    const { u8, exports } = this.#core;
    u8.set(publicKey, this.#keyAt);
    if (exports.mldsaHolds(slot) === 0) exports.mldsaExpand(slot);
    return slot;
  }

  /** The slot where the key is or is to be: it may hold another one still, or none. */
  #slotOf(publicKey: Uint8Array): number {
    const known = this.#keys.find(publicKey);
    if (known !== undefined) return known;
    const slot = this.#keys.evict() ?? this.#newSlot();
    this.#keys.add(publicKey, slot);
    return slot;
  }

  #newSlot(): number {
    const slot = this.#core.exports.mldsaSlot() >>> 0;
    if (slot === 0) throw outOfMemory({ what: 'expanded keys' });
    this.#core.refresh();
    return slot;
  }

  #room(bytes: number): number {
    const at = this.#core.exports.mldsaMessage(bytes) >>> 0;
    if (at === 0) throw outOfMemory({ bytes });
    this.#core.refresh();
    return at;
  }
}

/** Bytes of a job with the room for its padding; a multiple of 8. */
function jobBytes({ context, message }: SignatureCheck): number {
  return roundUp(JOB_MESSAGE_AT + DOMAIN_BYTES + context.length + message.length + RATE_BYTES);
}

/** To a multiple of 8. */
function roundUp(value: number): number {
  return Math.ceil(value / 8) * 8;
}
