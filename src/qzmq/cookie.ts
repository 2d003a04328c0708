/** Cookies: R's proof to itself that it answered this HELLO on this connection a moment ago, so that it need not remember. */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { equalBytes } from '../crypto/bytes.ts';
import { COOKIE_KEY_LIFE_MS, COOKIE_VALID_MS, USED_COOKIES_MAX } from './constants.ts';
import { decodeCookie, encodeCookie, type Hello, u32 } from './frames.ts';
import { hmac } from './schedule.ts';

export class CookieJar {
  readonly #randomBytes: (length: number) => Uint8Array;
  #keys: KeyObject[] = [];
  #rotatedMs = Number.NEGATIVE_INFINITY;
  /** MAC of a used cookie → when it stops being valid anyway. In order of use. */
  readonly #used = new Map<string, number>();

  constructor(randomBytes: (length: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  /** The COOKIE frame for a HELLO. Changes nothing but the key, once a minute. */
  bake(hello: Hello, connection: number, nowMs: number): Buffer {
    const timeSeconds = Math.floor(nowMs / 1000) >>> 0;
    const mac = cookieMac(this.#currentKey(nowMs), timeSeconds, connection, hello);
    return encodeCookie({ timeSeconds, echo: hello.nonce.subarray(0, 16), mac });
  }

  /** True for a cookie of this jar, for this HELLO and connection, in time and unused. */
  accepts(cookieFrame: Uint8Array, hello: Hello, connection: number, nowMs: number): boolean {
    const cookie = decodeCookie(cookieFrame);
    if (cookie === undefined || Math.abs(nowMs - cookie.timeSeconds * 1000) > COOKIE_VALID_MS) return false;
    this.#currentKey(nowMs);
    const genuine = this.#keys.some((key) =>
      equalBytes(cookieMac(key, cookie.timeSeconds, connection, hello), cookie.mac),
    );
    return genuine && equalBytes(cookie.echo, hello.nonce.subarray(0, 16)) && !this.#used.has(nameOf(cookie.mac));
  }

  /** Remembers an accepted cookie. False when too many were used lately; then the INIT must be refused. */
  use(cookieFrame: Uint8Array, nowMs: number): boolean {
    for (const [name, untilMs] of this.#used) {
      if (untilMs > nowMs) break;
      this.#used.delete(name);
    }
    const cookie = decodeCookie(cookieFrame);
    if (cookie === undefined || this.#used.size >= USED_COOKIES_MAX) return false;
    // A cookie stamped in the future is valid longer; twice the time covers the tolerance on both sides.
    this.#used.set(nameOf(cookie.mac), nowMs + 2 * COOKIE_VALID_MS);
    return true;
  }

  #currentKey(nowMs: number): KeyObject {
    if (nowMs - this.#rotatedMs >= COOKIE_KEY_LIFE_MS) {
      this.#keys = [createSecretKey(this.#randomBytes(48)), ...this.#keys.slice(0, 1)];
      this.#rotatedMs = nowMs;
    }
    return this.#keys[0] as KeyObject;
  }
}

function nameOf(mac: Uint8Array): string {
  return Buffer.from(mac).toString('latin1');
}

function cookieMac(key: KeyObject, timeSeconds: number, connection: number, hello: Hello): Buffer {
  const connectionBytes = Buffer.alloc(8);
  connectionBytes.writeBigUInt64BE(BigInt(connection));
  return hmac(key, u32(timeSeconds), connectionBytes, hello.body, hello.mac0).subarray(0, 32);
}
