/** A validator in a process of its own, to be killed: takes `{ submit: hex[] }`, says `{ address }` and `{ taken: hex[] }`. */
import { toHex } from '../../src/core/bytes.ts';
import { startTestValidator, testGenesis } from './test-validator.ts';

const [index, validators, home, ...peers] = process.argv.slice(2) as [string, string, string, ...string[]];
const genesis = testGenesis(Number(validators));
const node = await startTestValidator({ index: Number(index), genesis, home, peers });
process.on('message', (message: { readonly submit: readonly string[] }) => {
  void node.submit(message.submit.map((hex) => Buffer.from(hex, 'hex'))).then((results) => {
    process.send?.({ taken: results.flatMap((result) => (result.taken ? [toHex(result.id)] : [])) });
  });
});
process.send?.({ address: node.address });
