/**
 * `src/qzmq` is QZMQ/1, the quantum-secure ZeroMQ transport: a handshake, encrypted records, and the sockets under them.
 * `docs/qzmq.md` is the wire format. It imports `src/crypto` and `src/errors.ts` only. This file: every size and bound.
 */

export const CHAIN_ID_BYTES = 32;
export const HASH_BYTES = 48;
export const MAC_BYTES = 16;
export const SID_BYTES = 8;
export const NONCE_BYTES = 32;
export const TAG_BYTES = 16;

/** AEAD suites by number, in order of preference. Everything else (KEM, signatures, hash) is the same for both. */
export const SUITE = { AES_256_GCM: 1, CHACHA20_POLY1305: 2 } as const;
export type Suite = (typeof SUITE)[keyof typeof SUITE];
export const SUITES_MAX = 8;

/** Who is at the other end: one registered validator, or anybody. Part of what is signed. */
export const MODE = { VALIDATOR: 1, CLIENT: 2 } as const;
export type Mode = (typeof MODE)[keyof typeof MODE];

/** A handshake that is not finished by then is forgotten. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/** A cookie is honoured this long, once. */
export const COOKIE_VALID_MS = 10_000;
export const COOKIE_KEY_LIFE_MS = 60_000;
/** Cookies remembered as used; more INITs than this in {@link COOKIE_VALID_MS} are refused. */
export const USED_COOKIES_MAX = 4_096;
/** Minutes that the two clocks may differ for a hint to be found. */
export const HINT_MINUTES = 2;
/** Handshakes of clients that wait for AUTH; validators have one slot each. */
export const PENDING_CLIENTS_MAX = 64;
export const CLIENT_SESSIONS_MAX = 512;
/** INITs (each costs R a signature): burst and rate, per validator and for all clients together. */
export const INIT_BURST_PER_VALIDATOR = 8;
export const INIT_RATE_PER_VALIDATOR_HZ = 1;
export const INIT_BURST_CLIENTS = 64;
export const INIT_RATE_CLIENTS_HZ = 50;

/** Frames without authentication (handshake, junk) that one connection may send: burst and rate. Beyond it is not read. */
export const FRAME_BURST_PER_CONNECTION = 256;
export const FRAME_RATE_PER_CONNECTION_HZ = 4;
/** Connections that the listener keeps state for; frames of further ones are dropped. */
export const CONNECTIONS_MAX = 2_048;

/** One application message. A block of 60 KiB and a header fit. */
export const MESSAGE_BYTES_MAX = 61 * 1024;
/** Plaintext of one record. */
export const BATCH_BYTES_MAX = 64 * 1024;
/** Application bytes that wait for one peer; `send` says `full` beyond it. */
export const SEND_QUEUE_BYTES_MAX = 8 * 1024 * 1024;
export const CLIENT_QUEUE_BYTES_MAX = 1024 * 1024;
/** Frames above this never leave libzmq. */
export const FRAME_BYTES_MAX = 128 * 1024;

/** A traffic key seals at most this much; the session is replaced before (see {@link RENEW_FRACTION}). */
export const KEY_RECORDS_MAX = 2 ** 20;
export const KEY_BYTES_MAX = 2 ** 34;
/** Part of a key limit after which a new handshake is begun. The rest is what may flow until it is done. */
export const RENEW_FRACTION = 0.75;
export const REPLAY_WINDOW_BITS = 2_048;

/** The initiator asks for a sign of life this long after the last record it received … */
export const KEEPALIVE_MS = 15_000;
/** … and gives up this long after asking. */
export const KEEPALIVE_ANSWER_MS = 5_000;
/** The responder forgets a session that has been silent this long. */
export const SILENT_SESSION_MS = 45_000;
/** A replaced session still opens records this long, for what was on its way. */
export const LINGER_SESSION_MS = 5_000;

/** Back-off of a dial whose handshake failed. libzmq has its own for TCP. */
export const RETRY_MIN_MS = 250;
export const RETRY_MAX_MS = 8_000;
/** Of two validators that learn of each other by gossip, the one with the larger nodeId dials this much later. */
export const POLITE_DIAL_MS = 1_000;

/** host:port of an endpoint. */
export const ENDPOINT_BYTES_MAX = 255;
/** Signed endpoints checked for one peer that passes them on: burst (a full committee, twice) and rate. */
export const ENDPOINT_BURST = 256;
export const ENDPOINT_RATE_HZ = 1;
/** After a change of committees, sessions that are made anew with each look: a crowd of handshakes would hold up blocks. */
export const RENEWALS_PER_TICK = 4;
/** How often a transport looks at its time-outs. */
export const TICK_MS = 100;
/** The same dial failing again is told this seldom. */
export const NOTICE_INTERVAL_MS = 30_000;
