import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER_CONTEXT } from '../../src/core/block.ts';
import { toHex } from '../../src/core/bytes.ts';
import type { ProposalId } from '../../src/core/types.ts';
import { type Identity, identityFromSeed } from '../../src/crypto/identity.ts';
import { isPqError } from '../../src/errors.ts';
import { homePaths } from '../../src/node/home.ts';
import type { LogLine } from '../../src/node/log.ts';
import type { Node } from '../../src/node/node.ts';
import { Sessions } from '../../src/node/sessions.ts';
import { Database } from '../../src/store/database.ts';
import { LmdbMap } from '../../src/store/lmdb-map.ts';
import { SignedRecordFile } from '../../src/store/signed-record.ts';
import { Store } from '../../src/store/store.ts';
import { seedOf, startTestValidator, testGenesis } from '../node/test-validator.ts';
import type { Edge } from './edge.ts';
import type { Asked, Order, Told } from './life.ts';

/** Small ones, so that a new one is needed every second or so. */
const SEGMENT_BYTES = 256 * 1024;
const HISTORY = { retain: 40, snapshotEvery: 15 } as const;

export async function runVictim(order: Order, edge: Edge): Promise<void> {
  const { index, validators, home, peers } = order;
  watch(order, edge);
  const node = await startTestValidator({
    index,
    genesis: testGenesis(validators),
    home,
    peers,
    identity: watchedIdentity(index, edge),
    application: null,
    history: HISTORY,
    log: (line) => tell({ log: line }),
  }).catch((error: { readonly code?: string; readonly message: string }) => {
    const { code = 'INTERNAL', message } = error;
    tell({ log: { level: 'error', code, message } satisfies LogLine }, () => process.exit(1));
    return null;
  });
  if (node === null) return;
  edge.disarm();
  process.on('message', (asked: Asked) => {
    if ('stop' in asked) void node.stop();
    else if ('follow' in asked) for (const id of asked.follow) follow(node, edge, Buffer.from(id, 'hex'));
    // A node that dies of a full disk refuses with that; it says so in its log.
    else submit(node, edge, asked.submit).catch(ignoreStore);
  });
  tell({ address: node.address });
  const code = await node.exited;
  tell({ exited: code }, () => process.exit(code));
}

/** Puts names to the steps between memory and disk that are not calls of Node's own functions. */
function watch(order: Order, edge: Edge): void {
  const open = Database.open.bind(Database);
  Database.open = (directory, options) => open(directory, { segmentBytes: SEGMENT_BYTES, ...options });
  const { write } = LmdbMap.prototype;
  const path = join(homePaths(order.home).data, 'lmdb', 'data.mdb');
  LmdbMap.prototype.write = async function (this: LmdbMap, operations) {
    edge.reach('index before');
    const copy = order.journal.replace(/\.journal$/, '.data.mdb');
    if (existsSync(path)) copyFileSync(path, copy);
    edge.journal.write({ kind: 'index', path, copy });
    const written = write.call(this, operations);
    edge.reachSoon('index during');
    await written;
    edge.reach('index after');
    edge.journal.write({ kind: 'indexed' });
  };
  around(Store.prototype, 'prune', edge);
  around(Sessions.prototype, 'send', edge);
}

/** Names the steps before and after a method, which does not wait. */
function around<Name extends string>(
  prototype: Record<Name, (...args: never[]) => unknown>,
  name: Name,
  edge: Edge,
): void {
  const method = prototype[name];
  prototype[name] = function (this: unknown, ...args: never[]) {
    edge.reach(`${name} before`);
    const result = method.apply(this, args);
    edge.reach(`${name} after`);
    return result;
  };
}

/** Signs as always, and tells the journal what: before the signature is there, so that none is missed. */
function watchedIdentity(index: number, edge: Edge): Identity {
  const identity = identityFromSeed(seedOf(index));
  const { signing } = identity;
  let last = { epoch: 0, round: 0, digest: '', votedIndex: 0, votedDigest: '' };
  const { write } = SignedRecordFile.prototype;
  SignedRecordFile.prototype.write = function (this: SignedRecordFile, record) {
    const { epoch, round, digest, votedIndex, votedDigest } = record;
    last = { epoch, round, digest: toHex(digest), votedIndex, votedDigest: toHex(votedDigest) };
    return write.call(this, record);
  };
  return {
    ...identity,
    signing: {
      publicKey: signing.publicKey,
      sign: async (message, context) => {
        // Sessions are signed for too.
        if (context !== HEADER_CONTEXT) return signing.sign(message, context);
        edge.reach('sign before');
        if (toHex(message) !== last.digest) throw new Error('a signature that the record does not name');
        edge.journal.write({ kind: 'signed', ...last });
        const signature = await signing.sign(message, context);
        edge.reach('sign after');
        return signature;
      },
    },
  };
}

async function submit(node: Node, edge: Edge, proposals: readonly string[]): Promise<void> {
  const results = await node.submit(proposals.map((hex) => Buffer.from(hex, 'hex')));
  edge.reach('accepted');
  const taken = results.flatMap((result) => (result.taken ? [result.id] : []));
  tell({ taken: taken.map(toHex) }, () => edge.reach('acknowledged'));
  for (const id of taken) follow(node, edge, id);
}

function ignoreStore(error: unknown): void {
  if (!isPqError(error) || !/^(?:STORE|NODE)_/.test(error.code)) throw error;
}

function follow(node: Node, edge: Edge, id: Uint8Array): void {
  node.follow(id as ProposalId, {
    decided: (index, [decided]) => {
      tell({ decided: { id: toHex(id), index, decision: decided!.decision } }, () => edge.reach('decided'));
    },
    certified: () => {
      edge.arm();
      tell({ works: true });
    },
  });
}

/** `then`: it is in the pipe, and the other process will read it whatever becomes of this one. */
function tell(told: Told, then?: () => void): void {
  process.send!(told, () => then?.());
}
