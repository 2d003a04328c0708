/** What anybody who reaches the port of a running validator can do to it. It goes on serving the others, in bounded memory. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { freePorts } from '../../src/cli/launch.ts';
import { linkTo } from '../../src/node/client-link.ts';
import { encodeClientMessage, MAX_CLIENT_MESSAGE_BYTES, TOPICS } from '../../src/node/client-protocol.ts';
import { longFrame, zmtp3 } from '../qzmq/zmtp.ts';
import { callersAreKnown } from './callers.ts';
import { Links } from './links.ts';
import { transferBytes } from './load.ts';
import { LinkProxy } from './proxy.ts';
import type { Scenario, Stage } from './scenario.ts';
import { lasting } from './until.ts';

const TARGET = 0;
const ATTACK_MS = 3000;
/** Of a validator, whatever is done to it: a quiet one has about a quarter of it. */
const MAX_RSS_BYTES = 1024 ** 3;
const GREETING = zmtp3('CLIENT');
/** The first account that is neither of the load nor of the double spends. */
const FLOODER = 10;
const FLOOD_PROPOSALS = 2000;

interface Attack {
  readonly name: string;
  /** Resolves when it is under way; what it returns ends it. */
  begin(stage: Stage, port: number): Promise<() => unknown>;
}

/** Connections that write what they are told, and whatever becomes of them. */
class Swarm {
  readonly #port: number;
  readonly #sockets: Socket[] = [];
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  async open(count: number, first?: Buffer): Promise<void> {
    for (let i = 0; i < count; i++) {
      const socket = connect(this.#port, '127.0.0.1').on('error', () => {});
      if (first !== undefined) socket.write(first);
      socket.resume();
      this.#sockets.push(socket);
      // Not all at once: more than its backlog would never be accepted.
      if (i % 50 === 49) await lasting(20);
    }
  }

  /** Writes `piece` to each, again and again; connections that were closed are opened anew. */
  every(ms: number, piece: (count: number) => Buffer, first?: Buffer): void {
    let count = 0;
    const write = (): void => {
      count += 1;
      for (const [i, socket] of this.#sockets.entries()) {
        if (socket.destroyed) {
          this.#sockets[i] = connect(this.#port, '127.0.0.1')
            .on('error', () => {})
            .resume();
          if (first !== undefined) this.#sockets[i]!.write(first);
        } else if (!socket.writableNeedDrain) socket.write(piece(count));
      }
    };
    this.#timers.push(setInterval(write, ms));
  }

  readonly end = (): void => {
    for (const timer of this.#timers) clearInterval(timer);
    for (const socket of this.#sockets) socket.destroy();
  };
}

/** Connections of which each sends `first` at once and then `piece` every `ms`. */
function swarm(
  name: string,
  count: number,
  first?: Buffer,
  every?: readonly [ms: number, piece: (count: number) => Buffer],
): Attack {
  return {
    name,
    begin: async (_, port) => {
      const attackers = new Swarm(port);
      await attackers.open(count, first);
      if (every !== undefined) attackers.every(...every, first);
      return attackers.end;
    },
  };
}

/** A real client behind a wire that carries nothing back any more: `say` sends as long as it is taken. */
function deafClient(name: string, messages: (stage: Stage) => Promise<readonly Uint8Array[]>): Attack {
  return {
    name,
    begin: async (stage, target) => {
      const [port] = (await freePorts(1)) as [number];
      const links = new Links(2);
      const proxy = await LinkProxy.open({ port, target, owner: 1, links, callerOf: () => 0 });
      const list = await messages(stage);
      const { committee } = stage.cluster.network;
      let ended = false;
      const link = await linkTo(`127.0.0.1:${port}`, committee)({ onMessage: () => {}, onClose: () => (ended = true) });
      links.set([1], [0], { held: true });
      let next = 0;
      const timer = setInterval(() => {
        while (!ended && link.send(list[next % list.length]!)) {
          next += 1;
          if (next % list.length === 0) return;
        }
      }, 5);
      return async () => {
        clearInterval(timer);
        await link.close();
        await proxy.close();
        stage.note(`${name}: ${next} messages sent${ended ? ', then sent away' : ''}`);
      };
    },
  };
}

/** Valid transfers in as few messages as hold them. */
async function submits({ cluster }: Stage): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  let proposals: Uint8Array[] = [];
  let bytes = 0;
  for (let nonce = 1; nonce <= FLOOD_PROPOSALS; nonce++) {
    const from = FLOODER + (nonce % 6);
    const transfer = { from, to: FLOODER, nonce, origin: 'https://flood.example' };
    const proposal = await transferBytes(cluster, transfer);
    if (bytes + proposal.length + 64 > MAX_CLIENT_MESSAGE_BYTES) {
      messages.push(encodeClientMessage({ kind: 'submit', requestId: messages.length + 1, proposals }));
      proposals = [];
      bytes = 0;
    }
    proposals.push(proposal);
    bytes += proposal.length + 2;
  }
  return messages;
}

async function questions(): Promise<Uint8Array[]> {
  return [
    encodeClientMessage({ kind: 'subscribe', requestId: 1, topics: TOPICS }),
    ...Array.from({ length: 63 }, (_, i) =>
      encodeClientMessage({ kind: 'queryCertificate', requestId: 2 + i, index: 0 }),
    ),
  ];
}

const ATTACKS: readonly Attack[] = [
  swarm('rubbish', 50, undefined, [100, () => randomBytes(16 * 1024)]),
  swarm('half-open', 1000),
  swarm('thousands', 3000, GREETING),
  swarm('slow greetings', 300, undefined, [200, (count) => GREETING.subarray(count % 64, (count % 64) + 1)]),
  swarm('slow frames', 300, Buffer.concat([GREETING, longFrame(100_000n, Buffer.alloc(0))]), [
    50,
    () => Buffer.alloc(1),
  ]),
  swarm('oversize frames', 50, GREETING, [50, () => longFrame(2n ** 40n, Buffer.alloc(1024))]),
  swarm('large frames', 50, GREETING, [10, () => longFrame(120_000n, Buffer.alloc(120_000))]),
  swarm('small frames', 50, GREETING, [10, () => Buffer.alloc(20_000)]),
  deafClient('flood of proposals', submits),
  deafClient('questions', questions),
];

export const ATTACKED: readonly Scenario[] = ATTACKS.map((attack) => ({
  name: `attack-${attack.name.replaceAll(' ', '-')}`,
  what: `${attack.name} at the port of one`,
  run: (stage) => withstand(stage, attack),
}));

async function withstand(stage: Stage, attack: Attack): Promise<void> {
  const { cluster, load, note } = stage;
  const pid = cluster.pid(TARGET);
  const before = rssOf(pid);
  const port = Number(cluster.endpoint(TARGET).split(':')[1]);
  const end = await attack.begin(stage, port);
  try {
    await lasting(ATTACK_MS);
    const beginMs = performance.now();
    await Promise.all([load.goesOn([TARGET]), newClient(stage)]);
    stage.took('goesOn', performance.now() - beginMs);
  } finally {
    await end();
  }
  const { now, peak } = { now: rssOf(pid), peak: rssOf(pid, 'VmHWM') };
  note(`memory ${mb(before)} before, ${mb(peak)} at most, ${mb(now)} after`);
  if (peak > MAX_RSS_BYTES) throw new Error(`${attack.name}: the node took ${mb(peak)}`);
}

/** Somebody who comes now is served too. */
async function newClient({ cluster }: Stage): Promise<void> {
  const client = await cluster.connect(TARGET);
  await client.status();
  await client.close();
}

/** Resident memory of a process, bytes: now, or at its peak. NaN where the system does not tell. */
function rssOf(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  if (!callersAreKnown) return Number.NaN;
  const match = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return 1024 * Number(match?.[1]);
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
