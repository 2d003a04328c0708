/** Validators and a client as processes of this machine, for one workload. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../../src/cli/launch.ts';
import type { Load, LoadOrder } from './client.ts';
import type { Workload } from './workload.ts';

/** For a profile: `PQ_BENCH_NODE_FLAGS="--cpu-prof --cpu-prof-dir=…"`. */
const FLAGS_GIVEN = process.env.PQ_BENCH_NODE_FLAGS?.split(' ') ?? [];

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export class BenchNetwork {
  readonly #folder: string;
  readonly #children: ChildProcess[] = [];
  #client: ChildProcess | undefined;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'pq-bench-'));
  }

  /** Resolves when all validators are connected. */
  static async start(workload: Workload, validators: number): Promise<BenchNetwork> {
    const network = new BenchNetwork();
    const addresses: string[] = [];
    for (let index = 0; index < validators; index++) {
      const home = join(network.#folder, `node-${index}`);
      const first = addresses[0] ?? '';
      addresses.push(
        (await network.#fork<{ address: string }>('./node.ts', [workload, validators, index, home, 0, first])).address,
      );
    }
    await network.#fork('./client.ts', [workload, validators, ...addresses]);
    network.#client = network.#children.at(-1);
    return network;
  }

  /** One load after the other. */
  async load(order: LoadOrder): Promise<Load> {
    const answer = once(this.#client!, 'message');
    this.#client!.send(order);
    return ((await answer) as [Load])[0];
  }

  /**
   * Megabytes of the largest validator that are its own: without the pages of the store's file that the system keeps in
   * memory for it and takes back when others need them. 0 where that is not told (other systems than Linux).
   */
  anonymousMb(): number {
    if (process.platform !== 'linux') return 0;
    const nodes = this.#children.filter((child) => child !== this.#client);
    const kilobytes = nodes.map(({ pid }) => {
      return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    });
    return (Math.max(...kilobytes) * 1024) / 1e6;
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Starts a process and waits for its first message. */
  async #fork<Message>(name: string, args: readonly unknown[]): Promise<Message> {
    const log = openSync(join(this.#folder, 'log'), 'a');
    const child = fork(script(name), args.map(String), {
      stdio: ['ignore', log, 'inherit', 'ipc'],
      execArgv: [...NODE_FLAGS, ...FLAGS_GIVEN],
    });
    closeSync(log);
    this.#children.push(child);
    const exited = once(child, 'exit').then(() => {
      throw new Error(`${name} ${args.join(' ')} ended before it was up`);
    });
    return ((await Promise.race([once(child, 'message'), exited])) as [Message])[0];
  }
}
