/** Some validators of one devnet as processes of this machine, with a client on each: what the demonstration runs on. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Committee } from '../core/committee.ts';
import { isPqError, PqError } from '../errors.ts';
import { Client } from '../node/client.ts';
import { linkTo } from '../node/client-link.ts';
import { freePorts, launchNode, shippedModel } from './launch.ts';

/** How long all validators together may take to be up and connected. */
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** From SIGTERM to SIGKILL. */
const STOP_GRACE_MS = 5000;

interface RunningNode {
  /** From 1. */
  readonly node: number;
  readonly endpoint: string;
  readonly log: string;
  readonly child: ChildProcess;
}

export class Testbed {
  readonly #committee: Committee;
  readonly #nodes: readonly RunningNode[];
  readonly #clients: Client[] = [];
  readonly #killAll = (): void => {
    for (const { child } of this.#nodes) child.kill('SIGKILL');
  };

  private constructor(committee: Committee, nodes: readonly RunningNode[]) {
    this.#committee = committee;
    this.#nodes = nodes;
    // Whatever ends this process, even an error in its own clean-up.
    process.once('exit', this.#killAll);
  }

  /** Starts one process for each validator of the committee; homes and logs are made under `folder`. */
  static async start(
    committee: Committee,
    folder: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Testbed> {
    const ports = await freePorts(committee.size);
    const first = `localhost:${ports[0]}`;
    const nodes = ports.map((port, i): RunningNode => {
      const node = i + 1;
      const log = join(folder, `node-${node}.log`);
      const launch = {
        node,
        validators: committee.size,
        port,
        peers: i === 0 ? [] : [first],
        models: [shippedModel(node)],
        home: join(folder, `node-${node}`),
        log,
        quiet: true,
        environment,
      };
      return { node, endpoint: `localhost:${port}`, log, child: launchNode(launch, { detached: false }) };
    });
    return new Testbed(committee, nodes);
  }

  get endpoints(): readonly string[] {
    return this.#nodes.map(({ endpoint }) => endpoint);
  }

  get logs(): readonly string[] {
    return this.#nodes.map(({ log }) => log);
  }

  /** A new session with every node, once all are up and connected with each other. Throws `NODE_EXITED`, `TESTBED_TIMEOUT`. */
  async ready(signal: AbortSignal): Promise<Client[]> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    const clients: Client[] = [];
    for (const node of this.#nodes) clients.push(await this.#connect(node, deadlineMs, signal));
    for (const [i, client] of clients.entries()) {
      while (!(await this.#isReady(client))) await this.#pause(this.#nodes[i]!, deadlineMs, signal);
    }
    return clients;
  }

  /** One more session with a node (from 0). */
  async client(index: number): Promise<Client> {
    const { endpoint } = this.#nodes[index]!;
    const client = await Client.connect({ connect: linkTo(endpoint, this.#committee) });
    this.#clients.push(client);
    return client;
  }

  /** Throws `NODE_EXITED` if a process has ended. */
  requireRunning(): void {
    for (const { node, child, log } of this.#nodes) {
      if (child.exitCode === null && child.signalCode === null) continue;
      const how = child.signalCode === null ? `with code ${child.exitCode}` : `by ${child.signalCode}`;
      throw new PqError('NODE_EXITED', `Node ${node} ended ${how}: ${lastWordOf(log)} (whole log: ${log})`, {
        node,
      });
    }
  }

  /** Closes the sessions and ends the processes: kindly first. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
    await Promise.all(this.#nodes.map(({ child }) => endProcess(child)));
    process.removeListener('exit', this.#killAll);
  }

  async #connect(node: RunningNode, deadlineMs: number, signal: AbortSignal): Promise<Client> {
    for (;;) {
      try {
        return await this.client(node.node - 1);
      } catch (error) {
        if (!isPqError(error)) throw error;
        await this.#pause(node, deadlineMs, signal);
      }
    }
  }

  async #isReady(client: Client): Promise<boolean> {
    const status = await client.status();
    return status.ready && status.peers.length === this.#committee.size - 1;
  }

  async #pause(node: RunningNode, deadlineMs: number, signal: AbortSignal): Promise<void> {
    this.requireRunning();
    if (performance.now() > deadlineMs) {
      const what = `Node ${node.node} is not connected with all others after ${READY_TIMEOUT_MS / 1000} s`;
      throw new PqError('TESTBED_TIMEOUT', `${what}; ${lastWordOf(node.log)} (whole log: ${node.log}).`, {
        node: node.node,
      });
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await ended;
  clearTimeout(timer);
}

/** The last thing that a node said: its error, if it ended with one. */
function lastWordOf(log: string): string {
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  return last === '' ? 'its log is empty' : `it said last: ${last}`;
}
