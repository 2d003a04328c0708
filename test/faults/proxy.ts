/** A TCP proxy in front of one validator: what its peers dial. It does to each connection what the rules of its link say. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Flow, Links } from './links.ts';

const HOST = '127.0.0.1';
/** Bytes that one direction holds back at most before it reads no more. */
const MAX_LATE_BYTES = 4 * 1024 * 1024;
const UNHINDERED: Flow = { held: false, delayMs: [0, 0], corrupted: 0 };

export interface ProxyOptions {
  readonly port: number;
  /** Where the validator listens. */
  readonly target: number;
  /** Which validator that is. */
  readonly owner: number;
  readonly links: Links;
  /** Which validator dials from this port; undefined for anybody else, whom no rule concerns. */
  readonly callerOf: (port: number) => number | undefined;
}

interface Connection {
  readonly caller: number | undefined;
  readonly sockets: readonly [Socket, Socket];
  readonly pipes: readonly [Pipe, Pipe];
}

export class LinkProxy {
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #unlisten: () => void;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
    this.#unlisten = options.links.onChange(() => this.#apply());
  }

  static async open(options: ProxyOptions): Promise<LinkProxy> {
    const proxy = new LinkProxy(options);
    proxy.#server.listen(options.port, HOST);
    await once(proxy.#server, 'listening');
    return proxy;
  }

  async close(): Promise<void> {
    this.#unlisten();
    for (const connection of this.#connections) end(connection);
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    const { target, owner, links, callerOf } = this.#options;
    socket.on('error', ignore);
    const caller = callerOf(socket.remotePort ?? 0);
    if (caller !== undefined && links.isCut(caller, owner)) {
      links.counts.refused += 1;
      return void socket.destroy();
    }
    const onward = connect(target, HOST).on('error', ignore);
    const flowOf = (from: number | undefined, to: number | undefined): (() => Flow) =>
      from === undefined || to === undefined ? () => UNHINDERED : () => links.flow(from, to);
    const pipes = [
      new Pipe(socket, onward, flowOf(caller, owner), links),
      new Pipe(onward, socket, flowOf(owner, caller), links),
    ] as const;
    const connection: Connection = { caller, sockets: [socket, onward], pipes };
    this.#connections.add(connection);
    for (const side of connection.sockets) {
      side.setNoDelay(true).on('close', () => {
        this.#connections.delete(connection);
        end(connection);
      });
    }
  }

  /** A rule changed. */
  #apply(): void {
    const { owner, links } = this.#options;
    for (const connection of this.#connections) {
      const { caller, pipes } = connection;
      if (caller !== undefined && links.isCut(caller, owner)) {
        links.counts.cut += 1;
        end(connection);
      } else for (const pipe of pipes) pipe.apply();
    }
  }
}

/** One direction of a connection. */
class Pipe {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #flow: () => Flow;
  readonly #links: Links;
  readonly #late: { readonly dueMs: number; readonly piece: Buffer }[] = [];
  #lateBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;

  constructor(source: Socket, sink: Socket, flow: () => Flow, links: Links) {
    this.#source = source;
    this.#sink = sink;
    this.#flow = flow;
    this.#links = links;
    source.on('data', (piece: Buffer) => this.#take(piece));
    sink.on('drain', () => {
      this.#blocked = false;
      this.apply();
    });
    sink.on('close', () => clearTimeout(this.#timer));
    this.apply();
  }

  /** Goes on or holds still, as the rules are now. */
  apply(): void {
    clearTimeout(this.#timer);
    const { held } = this.#flow();
    if (!held) this.#release();
    if (held || this.#blocked || this.#lateBytes >= MAX_LATE_BYTES) this.#source.pause();
    else this.#source.resume();
  }

  #take(piece: Buffer): void {
    const { held, delayMs, corrupted } = this.#flow();
    const [low, high] = delayMs;
    if (Math.random() < corrupted) {
      piece[Math.floor(Math.random() * piece.length)]! ^= 1 + Math.floor(Math.random() * 255);
      this.#links.counts.corrupted += 1;
    }
    if (!held && high === 0 && this.#late.length === 0) return this.#pass(piece);
    const inOrderMs = this.#late.at(-1)?.dueMs ?? 0;
    this.#late.push({ piece, dueMs: Math.max(inOrderMs, performance.now() + low + Math.random() * (high - low)) });
    this.#lateBytes += piece.length;
    this.#links.counts.late += 1;
    this.apply();
  }

  #release(): void {
    const nowMs = performance.now();
    while (!this.#blocked && this.#late.length > 0 && this.#late[0]!.dueMs <= nowMs) {
      const { piece } = this.#late.shift()!;
      this.#lateBytes -= piece.length;
      this.#pass(piece);
    }
    const next = this.#late[0];
    if (next !== undefined && !this.#blocked) this.#timer = setTimeout(() => this.apply(), next.dueMs - nowMs);
  }

  #pass(piece: Buffer): void {
    if (this.#sink.destroyed || this.#sink.write(piece)) return;
    this.#blocked = true;
    this.#source.pause();
  }
}

function end({ sockets }: Connection): void {
  for (const socket of sockets) socket.destroy();
}

/** A connection that breaks is what this is for; its `close` follows. */
function ignore(): void {}
