import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Genesis } from '../../src/core/genesis.ts';
import type { ProposalId } from '../../src/core/types.ts';
import type { DecidedProposal } from '../../src/node/client-protocol.ts';
import type { HistoryOptions } from '../../src/node/history.ts';
import { initHome } from '../../src/node/home.ts';
import type { LogLine } from '../../src/node/log.ts';
import type { Node } from '../../src/node/node.ts';
import { EchoApplication } from './echo-application.ts';
import { temporaryDirectory } from './temporary.ts';
import { seedOf, startTestValidator, testGenesis } from './test-validator.ts';

/** Homes of a network of real nodes over real sockets of the loopback. */
export class TestNetwork {
  readonly genesis: Genesis;
  readonly homes: readonly string[];
  readonly logs: LogLine[][];
  /** Of the nodes in this process, by index; a new one per start. */
  readonly applications: EchoApplication[] = [];
  /** What each node keeps of the past, by index. */
  readonly histories: Partial<HistoryOptions>[] = [];
  readonly #addresses = new Map<number, string>();

  /** Use {@link makeNetwork}. */
  constructor(genesis: Genesis, homes: readonly string[]) {
    this.genesis = genesis;
    this.homes = homes;
    this.logs = homes.map(() => []);
  }

  /** Starts validator `index`, or starts it again from its home. Stopped with the test. */
  async start(index: number): Promise<Node> {
    const application = new EchoApplication();
    this.applications[index] = application;
    const { genesis } = this;
    const home = this.homes[index]!;
    const log = (line: LogLine) => void this.logs[index]!.push(line);
    const history = this.histories[index] ?? {};
    const peers = this.#peersOf(index);
    const node = await startTestValidator({ index, genesis, home, peers, application, history, log });
    onTestFinished(() => node.stop());
    this.#addresses.set(index, node.address);
    void node.exited.then(() => this.#addresses.delete(index));
    return node;
  }

  /** Starts each of `indexes`, in order. */
  async startAll(...indexes: number[]): Promise<Node[]> {
    const nodes: Node[] = [];
    for (const index of indexes) nodes.push(await this.start(index));
    return nodes;
  }

  /** Starts validator `index` in a process of its own. */
  async spawn(index: number): Promise<{
    submit(proposals: readonly Uint8Array[]): Promise<ProposalId[]>;
    /** `kill -9`. */
    kill(): Promise<void>;
  }> {
    const script = fileURLToPath(new URL('validator-process.ts', import.meta.url));
    const parameters = [index, this.homes.length, this.homes[index]!, ...this.#peersOf(index)].map(String);
    const child = fork(script, parameters, { execArgv: [] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [{ address }] = (await once(child, 'message')) as [{ address: string }];
    this.#addresses.set(index, address);
    return {
      submit: async (proposals) => {
        child.send({ submit: proposals.map((bytes) => Buffer.from(bytes).toString('hex')) });
        const [{ taken }] = (await once(child, 'message')) as [{ taken: string[] }];
        return taken.map((hex) => new Uint8Array(Buffer.from(hex, 'hex')) as ProposalId);
      },
      kill: async () => {
        this.#addresses.delete(index);
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
    };
  }

  #peersOf(index: number): string[] {
    return [...this.#addresses].flatMap(([other, address]) => (other === index ? [] : [address]));
  }
}

/** Homes of `validators` members with a genesis document of their own. */
export async function makeNetwork(validators: number): Promise<TestNetwork> {
  const genesis = testGenesis(validators);
  const homes = Array.from({ length: validators }, () => temporaryDirectory());
  for (const [index, home] of homes.entries()) await initHome(home, { genesis, seed: seedOf(index) });
  return new TestNetwork(genesis, homes);
}

/** Submits; throws the code of the first that is refused. */
export async function submit(node: Node, proposals: readonly Uint8Array[]): Promise<ProposalId[]> {
  const results = await node.submit(proposals);
  return results.map((result) => {
    if (!result.taken) throw new Error(result.code);
    return result.id as ProposalId;
  });
}

/** Resolves when every one of `ids` is decided and certified at `node`. */
export function certified(node: Node, ids: readonly ProposalId[]): Promise<DecidedProposal[]> {
  return Promise.all(
    ids.map((id) => {
      const { promise, resolve } = Promise.withResolvers<DecidedProposal>();
      let known: { readonly index: number; readonly decided: DecidedProposal } | undefined;
      node.follow(id, {
        decided: (index, [decided]) => {
          known = { index, decided: decided! };
        },
        certified: (index) => {
          if (known !== undefined && index >= known.index) resolve(known.decided);
        },
      });
      return promise;
    }),
  );
}
