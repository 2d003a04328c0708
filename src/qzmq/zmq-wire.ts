/**
 * The wire on ZeroMQ's SERVER and CLIENT sockets. Not ROUTER and DEALER: there a peer chooses its routing id, and libzmq
 * 4.3.5 can be made to abort by that choice. SERVER assigns ids itself and never drops silently.
 */
import { lookup } from 'node:dns/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { capability } from 'zeromq';
// `zeromq/draft.js` is this file after a warning on stderr; the capability it checks is checked below.
import { Client, Server } from 'zeromq/lib/draft.js';
import { PqError } from '../errors.ts';
import { FRAME_BYTES_MAX } from './constants.ts';
import { type Endpoint, formatEndpoint, parseEndpoint, requireEndpoint } from './endpoint.ts';
import { WakeSignal } from './wake-signal.ts';
import type { ConnectionId, SendResult, Wire, WireHandlers } from './wire.ts';

/** Socket options of zmq.h that zeromq.js has no property for. */
const ZMQ_HELLO_MSG = 110;
const ZMQ_DISCONNECT_MSG = 111;
const ZMQ_HICCUP_MSG = 114;

/** One-byte frames by which libzmq tells about connections. A peer that forges one harms its own connection only. */
const NOTICE = { DISCONNECTED: 1, HICCUP: 2, WELCOME: 3 } as const;

/** Dialed connections are numbered from here; routing ids are below. */
const DIALED_FROM = 2 ** 32;

const COMMON_OPTIONS = {
  linger: 0,
  // With a blocking timeout the 513th send in flight throws EBUSY; 0 says EAGAIN at once and is handled below.
  sendTimeout: 0,
  sendHighWaterMark: 256,
  receiveHighWaterMark: 256,
  maxMessageSize: FRAME_BYTES_MAX,
  handshakeInterval: 3_000,
  tcpKeepalive: 1,
  ipv6: true,
  // No heartbeatInterval: libzmq aborts under back-pressure (issues 3937 and 4767). Keepalives are records.
} as const;

class ListenSocket extends Server {
  constructor(backlog: number) {
    super({ ...COMMON_OPTIONS, backlog });
    this.setStringOption(ZMQ_HELLO_MSG, Buffer.from([NOTICE.WELCOME]));
    this.setStringOption(ZMQ_DISCONNECT_MSG, Buffer.from([NOTICE.DISCONNECTED]));
  }
}

class DialSocket extends Client {
  constructor() {
    // Not `immediate`: with it libzmq throws the pipe away at a disconnection, and with it, now and then, the hiccup
    // message that tells us. What it would prevent, queueing before the connection is up, waiting for WELCOME prevents.
    super({ ...COMMON_OPTIONS, reconnectInterval: 50, reconnectMaxInterval: 2_000 });
    this.setStringOption(ZMQ_HICCUP_MSG, Buffer.from([NOTICE.HICCUP]));
  }
}

export interface ZmqWireOptions {
  /** Port 0 takes a free one. Absent: this wire only dials. */
  readonly listen?: Endpoint;
  /** Connections that may wait to be accepted. */
  readonly backlog?: number;
}

/** Binds. Throws `QZMQ_PORT_IN_USE`, `QZMQ_BAD_ADDRESS`, or `QZMQ_NO_DRAFT`. */
export async function openZmqWire(options: ZmqWireOptions): Promise<Wire> {
  if (capability.draft !== true) {
    throw new PqError('QZMQ_NO_DRAFT', 'this build of zeromq lacks SERVER and CLIENT; reinstall the pinned version');
  }
  if (options.listen === undefined) return new ZmqWire(undefined, undefined);
  const listener = WakeSignal.opening(() => new ListenSocket(options.backlog ?? 100));
  try {
    const address = await bind(listener.socket, options.listen);
    return new ZmqWire(listener, address);
  } catch (error) {
    close(listener);
    throw error;
  }
}

async function bind(listener: ListenSocket, { host, port }: Endpoint): Promise<string> {
  const text = formatEndpoint({ host, port });
  // Port 0 has no place in an endpoint but does here.
  if (!Number.isInteger(port) || (port !== 0 && parseEndpoint(text) === undefined)) requireEndpoint(text);
  try {
    // libzmq binds to addresses only, not to names.
    const { address } = await lookup(host);
    await listener.bind(`tcp://${formatEndpoint({ host: address, port }).replace(/:0$/, ':*')}`);
  } catch (cause) {
    throw bindError(text, cause);
  }
  const bound = /:(\d+)$/.exec(listener.lastEndpoint ?? '');
  return formatEndpoint({ host, port: Number(bound?.[1] ?? port) });
}

function bindError(endpoint: string, cause: unknown): PqError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') {
    const message = `${endpoint} is in use; stop what listens there or choose another port`;
    return new PqError('QZMQ_PORT_IN_USE', message, { endpoint }, cause);
  }
  if (code === 'EACCES') {
    return new PqError(
      'QZMQ_PORT_FORBIDDEN',
      `not allowed to listen at ${endpoint}; use a port above 1023`,
      { endpoint },
      cause,
    );
  }
  return new PqError(
    'QZMQ_BAD_ADDRESS',
    `cannot listen at ${endpoint}: it is no address of this machine`,
    { endpoint },
    cause,
  );
}

/** A socket with what wakes it. */
interface Woken<T extends ListenSocket | DialSocket> {
  readonly socket: T;
  readonly signal: WakeSignal;
}

function close({ socket, signal }: Woken<ListenSocket | DialSocket>): void {
  signal.close();
  socket.close();
}

class ZmqWire implements Wire {
  readonly address: string | undefined;
  readonly #listener: Woken<ListenSocket> | undefined;
  readonly #dialed = new Map<ConnectionId, Woken<DialSocket>>();
  #nextDialed = DIALED_FROM;
  #handlers: WireHandlers | undefined;
  readonly #loops = new Set<Promise<void>>();

  constructor(listener: Woken<ListenSocket> | undefined, address: string | undefined) {
    this.#listener = listener;
    this.address = address;
  }

  start(handlers: WireHandlers): void {
    this.#handlers = handlers;
    if (this.#listener !== undefined) this.#follow(readListener(this.#listener, handlers));
  }

  dial(endpoint: string): ConnectionId {
    const address = formatEndpoint(requireEndpoint(endpoint));
    if (this.#handlers === undefined) throw new PqError('QZMQ_NOT_STARTED', 'start the wire before dialing');
    const dialed = WakeSignal.opening(() => new DialSocket());
    try {
      dialed.socket.connect(`tcp://${address}`);
    } catch (cause) {
      close(dialed);
      throw new PqError(
        'QZMQ_BAD_ADDRESS',
        `cannot connect to ${address}; check the host and port`,
        { endpoint },
        cause,
      );
    }
    const connection = this.#nextDialed++;
    this.#dialed.set(connection, dialed);
    this.#follow(readDialed(dialed, connection, this.#handlers));
    return connection;
  }

  /** Remembers a reader until it ends. Its failure is a bug of ours and must be seen, so it is not caught. */
  #follow(loop: Promise<void>): void {
    const followed = loop.finally(() => this.#loops.delete(followed));
    this.#loops.add(followed);
  }

  hangUp(connection: ConnectionId): void {
    const dialed = this.#dialed.get(connection);
    if (dialed) close(dialed);
    this.#dialed.delete(connection);
  }

  async send(connection: ConnectionId, frame: Buffer): Promise<SendResult> {
    try {
      if (connection >= DIALED_FROM) {
        const socket = this.#dialed.get(connection)?.socket;
        if (socket === undefined) return 'gone';
        await socket.send(frame);
      } else {
        if (this.#listener === undefined || this.#listener.socket.closed) return 'gone';
        await this.#listener.socket.send(frame, { routingId: connection });
      }
      return 'ok';
    } catch (error) {
      // EAGAIN: at the high-water mark. EHOSTUNREACH: the routing id is gone. Anything else: the socket is.
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 'full' : 'gone';
    }
  }

  async close(): Promise<void> {
    if (this.#listener) close(this.#listener);
    for (const dialed of this.#dialed.values()) close(dialed);
    this.#dialed.clear();
    await Promise.all(this.#loops);
  }
}

function noticeOf(frame: Buffer): number | undefined {
  return frame.length === 1 ? frame[0] : undefined;
}

/**
 * One reader per socket, with `receive()`: `for await` would end at the first error, and a ZMTP/1.0 peer's multipart
 * message makes `receive()` reject with EAGAIN.
 */
async function readListener({ socket, signal }: Woken<ListenSocket>, handlers: WireHandlers): Promise<void> {
  while (!socket.closed) {
    await signal.ready();
    if (socket.closed) return;
    const received = await socket.receive().catch(ignoreUnreadable);
    if (socket.closed) return;
    signal.received();
    if (received === undefined) {
      await nextTurn();
      continue;
    }
    const [frame, { routingId }] = received;
    if (noticeOf(frame) === NOTICE.DISCONNECTED) handlers.onDisconnected(routingId);
    else handlers.onFrame(routingId, frame);
  }
}

async function readDialed(
  { socket, signal }: Woken<DialSocket>,
  connection: ConnectionId,
  handlers: WireHandlers,
): Promise<void> {
  while (!socket.closed) {
    await signal.ready();
    if (socket.closed) return;
    const received = await socket.receive().catch(ignoreUnreadable);
    if (socket.closed) return;
    signal.received();
    if (received === undefined) {
      await nextTurn();
      continue;
    }
    const [frame] = received;
    const notice = noticeOf(frame);
    if (notice === NOTICE.WELCOME) handlers.onConnected(connection);
    else if (notice === NOTICE.HICCUP) handlers.onDisconnected(connection);
    else handlers.onFrame(connection, frame);
  }
}

/** A message that cannot be read was a hostile peer's, and is gone; closing the socket also ends here. */
function ignoreUnreadable(): undefined {
  return undefined;
}
