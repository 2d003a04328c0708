import { onTestFinished } from 'vitest';
import { Agent } from '../../src/agent/agent.ts';
import { toHex } from '../../src/core/bytes.ts';
import { DEFAULT_PARAMETERS, type Genesis } from '../../src/core/genesis.ts';
import { identityFromSeed } from '../../src/crypto/identity.ts';
import { initHome } from '../../src/node/home.ts';
import type { LogLine } from '../../src/node/log.ts';
import { type Node, startNode } from '../../src/node/node.ts';
import { EchoApplication } from './echo-application.ts';
import { temporaryDirectory } from './temporary.ts';

/** Seeds, genesis and homes of a network of real nodes in this process, over real sockets of the loopback. */
export interface TestNetwork {
  readonly genesis: Genesis;
  /** Starts validator `index`, or starts it again from its home. Stopped with the test. */
  start(index: number): Promise<Node>;
  readonly applications: EchoApplication[];
  readonly logs: LogLine[][];
  homeOf(index: number): string;
}

export const seedOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);

/** p = 1 for bodies that begin with 0xff, else 0. */
function judgeBodies(): Agent {
  const agent = new Agent();
  agent.addModel({
    name: 'bodies',
    kind: 'other',
    sha256: '00'.repeat(32),
    score: async (items) =>
      Float64Array.from(items, (item) => (item.kind === 'other' && item.body[0] === 0xff ? 1 : 0)),
  });
  return agent;
}

export async function makeNetwork(validators: number): Promise<TestNetwork> {
  const genesis: Genesis = {
    version: 1,
    chainName: 'test',
    timeMs: 1_767_225_600_000,
    validators: Array.from({ length: validators }, (_, index) => {
      const { signing, ed25519, gate } = identityFromSeed(seedOf(index));
      return {
        name: `validator-${index}`,
        stake: 1,
        publicKey: toHex(signing.publicKey),
        ed25519Key: toHex(ed25519.publicKey),
        gateKey: toHex(gate.publicKey),
      };
    }),
    parameters: DEFAULT_PARAMETERS,
    application: { name: 'kv', state: {} },
  };
  const homes = Array.from({ length: validators }, () => temporaryDirectory());
  for (const [index, home] of homes.entries()) await initHome(home, { genesis, seed: seedOf(index) });
  const applications: EchoApplication[] = [];
  const logs: LogLine[][] = homes.map(() => []);
  const running = new Map<number, Node>();
  const start = async (index: number): Promise<Node> => {
    applications[index] = new EchoApplication();
    const node = await startNode({
      home: homes[index]!,
      genesis,
      identity: identityFromSeed(seedOf(index)),
      listen: { host: '127.0.0.1', port: 0 },
      peers: [...running.values()].map(({ address }) => address),
      agent: judgeBodies(),
      application: applications[index],
      log: (line) => logs[index]!.push(line),
    });
    running.set(index, node);
    void node.exited.then(() => running.delete(index));
    onTestFinished(() => node.stop());
    return node;
  };
  return { genesis, start, applications, logs, homeOf: (index) => homes[index]! };
}
