/** ML-DSA-65 verification through the core: one instance of it per verifier, which holds the expanded keys. */
import { type CoreInstance, outOfMemory } from './instance.ts';
import type { SignatureVerifier, VerifierOptions } from './kernels.ts';
import { checkVerifierOptions, haveLengths } from './mldsa-checks.ts';
import { RecentKeys } from './recent-keys.ts';

/** Rate of SHAKE256 in bytes (FIPS 202 §6.2). */
const RATE_BYTES = 136;
/** Bytes of a message staged at once; more is streamed. */
const PORTION_BYTES = 64 * RATE_BYTES;
/** Before the message, in place for the kernel: the hash of the public key. */
const TR_BYTES = 64;

export class CoreVerifier implements SignatureVerifier {
  readonly #core: CoreInstance;
  readonly #keys: RecentKeys<number>;
  readonly #keyAt: number;
  readonly #signatureAt: number;
  readonly #messageAt: number;

  constructor(core: CoreInstance, options: VerifierOptions) {
    checkVerifierOptions(options);
    this.#core = core;
    this.#keys = new RecentKeys(options.maxKeys);
    this.#keyAt = core.exports.mldsaKeyAddress();
    this.#signatureAt = core.exports.mldsaSignatureAddress();
    this.#messageAt = core.exports.mldsaMessage(PORTION_BYTES + RATE_BYTES) >>> 0;
    if (this.#messageAt === 0) throw outOfMemory({ maxKeys: options.maxKeys });
    core.refresh();
  }

  verify(publicKey: Uint8Array, message: Uint8Array, context: Uint8Array, signature: Uint8Array): boolean {
    if (!haveLengths(publicKey, context, signature)) return false;
    const slot = this.#slotOf(publicKey);
    const { u8, exports } = this.#core;
    u8.set(signature, this.#signatureAt);
    exports.mldsaStart(slot, this.#messageAt);
    // M′ of FIPS 204, algorithm 3: domain separator of the pure version, length of the context, context, message.
    let at = this.#messageAt + TR_BYTES;
    u8[at++] = 0;
    u8[at++] = context.length;
    u8.set(context, at);
    at += context.length;
    const last = this.#stage(message, at);
    return exports.mldsaVerify(slot, this.#messageAt, last) === 1;
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

  /** Where the expanded key is; expands it unless it is there. */
  #slotOf(publicKey: Uint8Array): number {
    const core = this.#core;
    core.u8.set(publicKey, this.#keyAt);
    const known = this.#keys.find(publicKey);
    if (known !== undefined && core.exports.mldsaHolds(known) === 1) return known;
    const slot = known ?? this.#keys.evict() ?? this.#newSlot();
    core.exports.mldsaExpand(slot);
    this.#keys.add(publicKey, slot);
    return slot;
  }

  #newSlot(): number {
    const slot = this.#core.exports.mldsaSlot() >>> 0;
    if (slot === 0) throw outOfMemory({ what: 'expanded keys' });
    this.#core.refresh();
    return slot;
  }
}
