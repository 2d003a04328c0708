import { Agent } from '../../src/agent/agent.ts';
import { encodePair, SET_KIND } from '../../src/app/kv.ts';
import { toHex } from '../../src/core/bytes.ts';
import { DEFAULT_PARAMETERS, type Genesis } from '../../src/core/genesis.ts';
import { encodeProposal } from '../../src/core/proposal.ts';
import { type Identity, identityFromSeed } from '../../src/crypto/identity.ts';
import type { HistoryOptions } from '../../src/node/history.ts';
import type { Log } from '../../src/node/log.ts';
import { type Node, startNode } from '../../src/node/node.ts';
import { EchoApplication } from './echo-application.ts';

/** Validators of tests, in this process or in one of their own. */
export const seedOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);

export function testGenesis(validators: number): Genesis {
  return {
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
    application: { name: 'kv', state: [] },
  };
}

/** p = 1 for bodies that begin with 0xff, else 0. */
function judgeOfBodies(): Agent {
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

export interface TestValidator {
  readonly index: number;
  readonly genesis: Genesis;
  readonly home: string;
  /** Default: that of the seed of `index`. */
  readonly identity?: Identity;
  /** Addresses of others. */
  readonly peers: readonly string[];
  /** Null: the one that the genesis document names. */
  readonly application?: EchoApplication | null;
  readonly history?: Partial<HistoryOptions>;
  readonly log?: Log;
}

export function startTestValidator({ index, genesis, home, peers, ...rest }: TestValidator): Promise<Node> {
  return startNode({
    home,
    genesis,
    identity: rest.identity ?? identityFromSeed(seedOf(index)),
    listen: { host: '127.0.0.1', port: 0 },
    peers,
    agent: judgeOfBodies(),
    ...(rest.application === null ? {} : { application: rest.application ?? new EchoApplication() }),
    ...(rest.history === undefined ? {} : { history: rest.history }),
    ...(rest.log === undefined ? {} : { log: rest.log }),
  });
}

const OF_NOBODY = { version: 1, sender: new Uint8Array(0), signature: new Uint8Array(0) } as const;

/** A proposal that expires in 25 s; models reject it if the body begins with 0xff. */
export function proposalOf(...body: number[]): Uint8Array {
  return encodeProposal({ ...OF_NOBODY, kind: 1, expiryMs: Date.now() + 25_000, body: Uint8Array.from(body) });
}

/** One that `kv` takes: writes `value` under `key`; models reject it for a key of 255 bytes. */
export function settingOf(key: string, value: string): Uint8Array {
  const body = encodePair(Buffer.from(key), Buffer.from(value));
  return encodeProposal({ ...OF_NOBODY, kind: SET_KIND, expiryMs: Date.now() + 25_000, body });
}
