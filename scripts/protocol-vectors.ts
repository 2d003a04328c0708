/**
 * Writes test/core/protocol-vectors.json: bytes and digests of the objects that docs/protocol.md describes. Run it after a
 * change of the protocol, and only then: `node scripts/protocol-vectors.ts`.
 */
import { writeFileSync } from 'node:fs';
import { loadKernels } from '../src/wasm/load.ts';
import { protocolVectors } from '../test/support/protocol-vectors.ts';

const file = new URL('../test/core/protocol-vectors.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(protocolVectors(loadKernels({ kind: 'twin' })), null, 2)}\n`);
