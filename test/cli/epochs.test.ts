import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/cli/launch.ts';
import { devnetGenesis } from '../../src/node/devnet.ts';
import { PATIENCE, Running } from './running.ts';

const SIZE = ['--validators', '4'];

// Dozens of processes, one after the other.
describe('pq committee', { timeout: 2 * PATIENCE.timeout }, () => {
  let folder: string;
  let ports: readonly number[];
  const running: Running[] = [];
  const pq = (...args: readonly string[]): Running => {
    const started = new Running(args, folder);
    running.push(started);
    return started;
  };
  const run = async (...args: readonly string[]): Promise<string> => {
    const ended = pq(...args);
    expect([await ended.code(), ended.output]).toEqual([0, expect.any(String)]);
    return ended.output;
  };
  const at = (node: number) => ['--endpoint', `localhost:${ports[node - 1]}`, ...SIZE];
  const node = (number: number, ...more: readonly string[]) => {
    const peer = ['--peer', `localhost:${ports[number === 1 ? 1 : 0]}`];
    return pq('node', '--node', String(number), '--port', String(ports[number - 1]), ...peer, ...SIZE, ...more);
  };
  const committee = async (number: number, ...more: readonly string[]) =>
    JSON.parse(await run('committee', 'show', ...at(number), '--json', ...more));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pq-epochs-'));
    ports = await freePorts(6);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  it('changes stakes, lets one leave and one join, renews keys, over restarts; and all of it is proven from genesis', async () => {
    const nodes = [1, 2, 3, 4].map((number) => node(number));
    for (const each of nodes) await each.says(/(?:connected[\s\S]*){3}/);
    expect(await committee(2)).toMatchObject({ epoch: 0, quorum: 3, total: 4 });

    // A stake, and somebody who leaves: two changes in one step.
    const first = await run('committee', 'propose', ...at(1), '--stake', '2=3', '--leave', '4');
    expect(first).toMatch(/^APPROVED \(QUORUM\).*\ncommit \d+ ends epoch 0: 3 validators/);
    for (const each of nodes)
      await each.says(/EPOCH 1 begins behind commit \d+, by stake: node-1 \(1\), node-2 \(3\), node-3 \(1\)/);
    expect(await committee(3)).toMatchObject({ epoch: 1, quorum: 4, total: 5 });
    expect(await run('committee', 'evidence', ...at(3))).toBe('this node saw nobody sign two blocks of one round\n');

    // Who left follows, and answers; it takes nothing that it could not bring to anybody.
    const genesis = join(folder, 'genesis.json');
    writeFileSync(genesis, JSON.stringify(devnetGenesis(4)));
    writeFileSync(join(folder, 'one.csv'), 'https://library.example.org\n');
    const vain = pq('client', ...at(4), '--file', 'one.csv');
    expect([await vain.code(), vain.output]).toEqual([1, expect.stringContaining('NODE_NOT_SIGNING')]);
    await run('client', ...at(2), '--file', 'one.csv', '--proof', 'proof.bin');
    await run('committee', 'chain', ...at(4), '--out', 'chain.bin');
    const refused = pq('verify', 'proof.bin', '--genesis', genesis);
    expect([await refused.code(), refused.output]).toEqual([1, expect.stringContaining('CERTIFICATE_EPOCH')]);
    const proven = await run('verify', 'proof.bin', '--genesis', genesis, '--epochs', 'chain.bin');
    expect(proven).toMatch(/VERIFIED {2}commit \d+ is final[\s\S]*epoch +1, followed from genesis/);
    const other = pq('verify', 'proof.bin', '--genesis', genesis, '--epochs', 'proof.bin');
    expect([await other.code(), other.output]).toEqual([1, expect.stringContaining('CHAIN_FILE')]);

    // Somebody new, who was there before anybody knew.
    const fifth = node(5, '--joining');
    await fifth.says(/not one of the 4 yet/);
    await run('committee', 'consent', ...at(1), '--node', '5', '--stake', '2', '--out', 'five.json');
    await run('committee', 'propose', ...at(3), '--join', 'five.json', '--parameter', 'openMs=3000');
    await fifth.says(/EPOCH 2 begins .*node-5 \(2\)/);
    // Genesis does not know it: whoever asks it needs to know how it came.
    await run('committee', 'chain', ...at(1), '--out', 'chain.bin');
    const known = ['--epochs', 'chain.bin'];
    expect(await committee(5, ...known)).toMatchObject({ epoch: 2, quorum: 5, parameters: { openMs: 3000 } });

    // All of them die at once; with the new member, who must be among the quorum, the network goes on.
    for (const each of [...nodes, fifth]) await each.stop('SIGKILL');
    const again = [node(1), node(2), node(5, '--joining')];
    for (const each of again) await each.says(/(?:connected[\s\S]*){2}/);
    await run('client', ...at(1), '--file', 'one.csv');
    expect(await committee(5, ...known)).toMatchObject({ epoch: 2 });

    // Validator 3 does not come back: its key is lost. Another one takes its place.
    await run('committee', 'consent', ...at(1), '--node', '6', '--rotate', '3', '--out', 'six.json');
    const old = pq('committee', 'propose', ...at(1), '--join', 'five.json');
    expect([await old.code(), old.output]).toEqual([1, expect.stringMatching(/error UPGRADE_DUPLICATE: /)]);
    await run('committee', 'propose', ...at(2), '--rotate', '3=six.json');
    const sixth = node(6, '--joining');
    await sixth.says(/EPOCH 3 begins .*node-3 \(1\)/);
    await run('client', ...at(2), '--file', 'one.csv', '--proof', 'later.bin');
    await run('committee', 'chain', ...at(1), '--out', 'chain.bin');
    expect(await run('verify', 'later.bin', '--genesis', genesis, '--epochs', 'chain.bin')).toMatch(/epoch +3, /);
    await sixth.says(/node 3 votes .*\(this node\)/);
  });

  it('says what is wrong with a proposal before anybody is asked', async () => {
    const nodes = [1, 2, 3].map((number) => node(number, '--quiet'));
    for (const each of nodes) await each.says(/listens at/);
    await run('committee', 'consent', ...at(1), '--node', '5', '--out', 'five.json');
    writeFileSync(join(folder, 'rubbish.json'), '{"name":"x"}');
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [[], 2, /error USAGE_UPGRADE: /],
      [['--stake', '3'], 2, /error USAGE_STAKE: /],
      [['--parameter', 'speed=9'], 2, /error USAGE_PARAMETER: /],
      [['--rotate', 'five.json'], 2, /error USAGE_ROTATE: /],
      [['--join', 'rubbish.json'], 2, /error FILE_KEYS: /],
      [['--leave', '9'], 1, /error UPGRADE_AUTHOR: /],
      [['--parameter', 'leadersPerRound=5'], 1, /error UPGRADE_PARAMETERS: /],
      // Signed for a new place, not for this one.
      [['--rotate', '2=five.json'], 1, /error PROPOSAL_UPGRADE_CONSENT: |error UPGRADE_CONSENT: /],
    ];
    for (const [changes, code, says] of cases) {
      const ended = pq('committee', 'propose', ...at(1), ...changes);
      expect([await ended.code(), ended.output]).toEqual([code, expect.stringMatching(says)]);
    }
  });
});
