/** Validators of one devnet as real `pq node` processes, each reached by its peers through a proxy of this process only. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, launchNode, type NodeLaunch, shippedModel } from '../../src/cli/launch.ts';
import { type Network, networkOf } from '../../src/cli/network.ts';
import { isPqError } from '../../src/errors.ts';
import { Client } from '../../src/node/client.ts';
import { linkTo } from '../../src/node/client-link.ts';
import type { DecisionAnswer, NodeStatus } from '../../src/node/client-protocol.ts';
import type { NodeStats } from '../../src/node/events.ts';
import { callerOf } from './callers.ts';
import { Links } from './links.ts';
import { LinkProxy } from './proxy.ts';
import { until } from './until.ts';

/** From SIGTERM to SIGKILL. */
const STOP_GRACE_MS = 20_000;
/** What is shown of each log when something goes wrong. */
const TAIL_LINES = 8;

export interface ClusterOptions {
  readonly size: number;
  /** Homes and logs are made here. */
  readonly folder: string;
  /** How far the clock of each is off; 0 where none is given. */
  readonly clockOffsetsMs?: readonly number[];
}

interface Validator {
  readonly launch: NodeLaunch;
  readonly endpoint: string;
  child: ChildProcess | null;
  /** A session for questions; null until somebody asks. */
  probe: Client | null;
  clockOffsetMs: number;
  paused: boolean;
}

export class Cluster {
  readonly size: number;
  readonly folder: string;
  readonly network: Network;
  readonly links: Links;
  readonly #validators: readonly Validator[];
  readonly #proxies: LinkProxy[] = [];
  readonly #killAll = (): void => {
    for (const { child } of this.#validators) child?.kill('SIGKILL');
  };

  private constructor(options: ClusterOptions, network: Network, ports: readonly number[]) {
    const { size, folder, clockOffsetsMs = [] } = options;
    this.size = size;
    this.folder = folder;
    this.network = network;
    this.links = new Links(size);
    const advertised = ports.slice(size).map((port) => `127.0.0.1:${port}`);
    this.#validators = advertised.map((advertise, index) => ({
      launch: {
        node: index + 1,
        validators: size,
        port: ports[index]!,
        peers: advertised.filter((_, other) => other !== index),
        advertise,
        models: [shippedModel(index + 1)],
        home: join(folder, `node-${index + 1}`),
        log: join(folder, `node-${index + 1}.log`),
        quiet: true,
      },
      endpoint: `127.0.0.1:${ports[index]}`,
      child: null,
      probe: null,
      clockOffsetMs: clockOffsetsMs[index] ?? 0,
      paused: false,
    }));
    // Whatever ends this process, even an error in its own clean-up.
    process.once('exit', this.#killAll);
  }

  /** Starts all, and waits until every one has a session with every other. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const { size, folder } = options;
    mkdirSync(folder, { recursive: true });
    const ports = await freePorts(2 * size);
    const cluster = new Cluster(options, await networkOf({ validators: size }), ports);
    try {
      for (let owner = 0; owner < size; owner++) {
        const port = ports[size + owner]!;
        const proxy = await LinkProxy.open({
          port,
          target: ports[owner]!,
          owner,
          links: cluster.links,
          callerOf: (from) => cluster.#callerOf(from, port),
        });
        cluster.#proxies.push(proxy);
      }
      for (const index of cluster.all) cluster.launch(index);
      await cluster.connected(cluster.all);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Every index. */
  get all(): readonly number[] {
    return this.#validators.map((_, index) => index);
  }
  /** The indices of those that run, paused ones among them. */
  get running(): readonly number[] {
    return this.all.filter((index) => isAlive(this.#validators[index]!.child));
  }
  /** The indices of those that run and are not paused. */
  get answering(): readonly number[] {
    return this.running.filter((index) => !this.#at(index).paused);
  }
  get faulty(): number {
    return this.network.committee.faulty;
  }
  endpoint(index: number): string {
    return this.#at(index).endpoint;
  }
  home(index: number): string {
    return this.#at(index).launch.home;
  }
  log(index: number): string {
    return readFileSync(this.#at(index).launch.log, 'utf8');
  }
  pid(index: number): number {
    return this.#at(index).child?.pid ?? Number.NaN;
  }

  /** Starts one that does not run, from what is left of its home. `clockOffsetMs`: of its clock from now on. */
  launch(index: number, clockOffsetMs?: number): void {
    const validator = this.#at(index);
    validator.clockOffsetMs = clockOffsetMs ?? validator.clockOffsetMs;
    validator.paused = false;
    const { launch, clockOffsetMs: offset } = validator;
    validator.child = launchNode(offset === 0 ? launch : { ...launch, clockOffsetMs: offset }, { detached: false });
  }

  /** SIGKILL; resolves when they are gone. */
  async kill(...indexes: readonly number[]): Promise<void> {
    const children = indexes.map((index) => this.#at(index).child!);
    for (const child of children) child.kill('SIGKILL');
    await Promise.all([...children.map(gone), ...indexes.map((index) => this.#forgetProbe(index))]);
  }

  /** SIGSTOP: it holds still where it is, its connections open. */
  pause(...indexes: readonly number[]): void {
    for (const index of indexes) this.#signal(index, 'SIGSTOP');
  }

  resume(...indexes: readonly number[]): void {
    for (const index of indexes) this.#signal(index, 'SIGCONT');
  }

  #signal(index: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    const validator = this.#at(index);
    validator.child!.kill(signal);
    validator.paused = signal === 'SIGSTOP';
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(index: number): Promise<number | null> {
    const { child } = this.#at(index);
    await this.#forgetProbe(index);
    if (child === null || !isAlive(child)) return child?.exitCode ?? null;
    child.kill('SIGTERM');
    // A paused one gets to its SIGTERM only when it goes on.
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone(child);
    clearTimeout(timer);
    return child.exitCode;
  }

  /** A new session with one, once it answers; the caller closes it. Comes back by itself when the validator went away. */
  async connect(index: number): Promise<Client> {
    const connect = linkTo(this.endpoint(index), this.network.committee);
    let client: Client | null = null;
    await this.until(`a session with node ${index + 1}`, async () => {
      client = await Client.connect({ connect, reconnect: true }).catch(nullIfCoded);
      return client !== null;
    });
    return client!;
  }

  /** What a validator answers, over a session that is kept for questions; null when it does not answer. */
  async ask<Answer>(index: number, question: (probe: Client) => Promise<Answer>): Promise<Answer | null> {
    const validator = this.#at(index);
    if (!isAlive(validator.child) || validator.paused) return null;
    try {
      if (validator.probe === null) {
        const probe = await Client.connect({ connect: linkTo(validator.endpoint, this.network.committee) });
        // Two may have asked at once.
        if (validator.probe === null) validator.probe = probe;
        else await probe.close();
      }
      return await question(validator.probe);
    } catch (error) {
      if (!isPqError(error)) throw error;
      await this.#forgetProbe(index);
      return null;
    }
  }

  /** Where one stands; null when it does not answer. */
  status(index: number): Promise<NodeStatus | null> {
    return this.ask(index, (probe) => probe.status());
  }

  /** What one knows of a proposal; null when it does not answer. */
  decision(index: number, id: Uint8Array): Promise<DecisionAnswer | null> {
    return this.ask(index, (probe) => probe.decision(id));
  }

  /** Waits until `condition` holds. Fails with where everybody stands and what everybody said last. */
  until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs?: number): Promise<void> {
    return until(what, condition, () => this.describe(), deadlineMs);
  }

  /** Waits until each of `indexes` has a session with each other of them. */
  connected(indexes: readonly number[]): Promise<void> {
    return this.until(`a session between each two of nodes ${names(indexes)}`, async () => {
      for (const index of indexes) {
        const peers = (await this.status(index))?.peers;
        if (peers === undefined || indexes.some((other) => other !== index && !peers.includes(other))) return false;
      }
      return true;
    });
  }

  /** Waits until each of `indexes` has executed what the others had when this was called. */
  async caughtUp(
    indexes: readonly number[],
    others = this.all.filter((index) => !indexes.includes(index)),
  ): Promise<void> {
    const statuses = await Promise.all(others.map((index) => this.status(index)));
    const target = Math.max(0, ...statuses.map((status) => status?.commitIndex ?? 0));
    await this.until(`commit ${target} at nodes ${names(indexes)}`, async () => {
      for (const index of indexes) if (((await this.status(index))?.commitIndex ?? 0) < target) return false;
      return true;
    });
  }

  /** Where everybody stands, and the last lines of every log. */
  async describe(): Promise<string> {
    const lines = this.all.map(async (index) => {
      const { child, launch } = this.#at(index);
      const stats = await this.ask(index, (probe) => probe.stats());
      const how = isAlive(child) ? 'running' : `ended (${child?.exitCode ?? child?.signalCode ?? 'never started'})`;
      const stands = stats === null ? 'no answer' : textOf(stats);
      const tail = this.log(index).trimEnd().split('\n').slice(-TAIL_LINES).join('\n    ');
      return `  node ${index + 1} ${how}: ${stands}\n    ${tail}\n    (whole log: ${launch.log})`;
    });
    return (await Promise.all(lines)).join('\n');
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    await Promise.all(this.running.map((index) => this.kill(index)));
    await Promise.all(this.all.map((index) => this.#forgetProbe(index)));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    process.removeListener('exit', this.#killAll);
  }

  #at(index: number): Validator {
    const validator = this.#validators[index];
    if (validator === undefined) throw new RangeError(`there is no validator ${index}`);
    return validator;
  }

  #callerOf(port: number, proxyPort: number): number | undefined {
    const pids = this.#validators.map(({ child }) => child?.pid ?? 0);
    const pid = callerOf(port, proxyPort, pids);
    return pid === undefined ? undefined : pids.indexOf(pid);
  }

  async #forgetProbe(index: number): Promise<void> {
    const { probe } = this.#at(index);
    this.#at(index).probe = null;
    await probe?.close();
  }
}

/** As people count them. */
export function names(indexes: readonly number[]): string {
  return indexes.map((index) => index + 1).join(' ');
}

function textOf({ round, commitIndex, certifiedIndex, peers, mempool, opinions }: NodeStats): string {
  const { scored, late, restarts } = opinions;
  const stands = `round ${round}, commit ${commitIndex}, certified ${certifiedIndex}, peers ${names(peers)}`;
  return `${stands}, ${mempool} waiting, ${scored} scored, ${late} late, models started again ${restarts} times`;
}

function nullIfCoded(error: unknown): null {
  if (!isPqError(error)) throw error;
  return null;
}

function isAlive(child: ChildProcess | null): boolean {
  return child !== null && child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function gone(child: ChildProcess): Promise<void> {
  if (isAlive(child)) await once(child, 'exit');
}
