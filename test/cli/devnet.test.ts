import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/cli/launch.ts';
import { devnetGenesis } from '../../src/node/devnet.ts';
import { PATIENCE, Running } from './running.ts';

describe('pq', PATIENCE, () => {
  let folder: string;
  const running: Running[] = [];
  const pq = (...args: readonly string[]): Running => {
    const started = new Running(args, folder);
    running.push(started);
    return started;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pq-devnet-'));
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  it('node ×3, started in any order: a client sees decisions, every node the phases; rubbish changes nothing', async () => {
    const [first, second, third] = (await freePorts(3)) as [number, number, number];
    // The one that the others name as their peer comes up last.
    const three = pq('node', '--node', '3', '--port', String(third), '--peer', `localhost:${first}`);
    const two = pq('node', '--node', '2', '--port', String(second), '--peer', `localhost:${first}`);
    await two.says(/listens at/);
    const one = pq('node', '--node', '1', '--port', String(first));
    await one.says(/tolerates f = 0 faulty: all 3 must be up/);
    for (const node of [one, two, three]) await node.says(/INSECURE[\s\S]*(?:connected[\s\S]*){2}/);

    const client = pq('client', '--endpoint', `localhost:${first}`);
    expect(await client.code()).toBe(0);
    expect(client.output).toMatch(/10 proposals: \d+ approved, \d+ rejected, 0 in conflict, \d+ expired/);
    expect(client.output).toMatch(/p50 .*p95 .*p99/);
    for (const node of [one, two, three]) {
      for (const phase of ['PHOTON', 'WAVE', 'FOCUS', 'PRISM', 'HORIZON']) await node.says(new RegExp(phase));
      for (const voter of ['node 1', 'node 2', 'node 3'])
        await node.says(new RegExp(`${voter} votes +(?:APPROVE|REJECT|ABSTAIN).* %`));
      await node.says(/HORIZON .*quantum certificate over commit \d+, signed by nodes 1 2 3/);
    }

    for (const junk of [randomBytes(50_000), Buffer.alloc(300_000), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
      // The node may reset the connection, or wait for more: either is good.
      const socket = connect(first, '127.0.0.1').on('error', () => {});
      socket.write(junk, () => setTimeout(() => socket.destroy(), 200));
      await new Promise((resolve) => socket.once('close', resolve));
    }
    const busy = pq('node', '--node', '1', '--port', String(first), '--home', join(folder, 'another'));
    expect([await busy.code(), busy.output]).toEqual([2, expect.stringMatching(/\nerror QZMQ_PORT_IN_USE: /)]);
    const same = pq('node', '--node', '2', '--port', String((await freePorts(1))[0]));
    expect([await same.code(), same.output]).toEqual([2, expect.stringMatching(/\nerror STORE_LOCKED: /)]);
    const other = pq('client', '--endpoint', `localhost:${first}`, '--validators', '4');
    expect([await other.code(), other.output]).toEqual([
      1,
      expect.stringMatching(/\nerror QZMQ_NO_ANSWER: .*--validators 4/),
    ]);

    writeFileSync(join(folder, 'records.ndjson'), '{"origin":"https://a.example","from":3,"to":4,"amount":5}\n');
    const again = pq('client', '--endpoint', `localhost:${third}`, '--file', 'records.ndjson', '--json');
    expect(await again.code()).toBe(0);
    const report: unknown = JSON.parse(again.output.slice(again.output.indexOf('{\n')));
    expect(report).toMatchObject({
      records: 1,
      undelivered: 0,
      outcomes: [{ line: 1, origin: 'https://a.example', receipt: 0 }],
    });

    const genesis = join(folder, 'genesis.json');
    writeFileSync(genesis, JSON.stringify(devnetGenesis(3)));
    const proven = pq('client', '--endpoint', `localhost:${second}`, '--file', 'records.ndjson', '--proof', 'p.bin');
    expect([await proven.code(), proven.output]).toEqual([0, expect.stringMatching(/proof of [0-9a-f]{64}: p\.bin/)]);
    const id = /proof of ([0-9a-f]{64})/.exec(proven.output)![1]!;
    const verified = pq('verify', 'p.bin', '--genesis', genesis, '--id', id);
    expect([await verified.code(), verified.output]).toEqual([0, expect.stringContaining('VERIFIED  commit')]);
    expect(verified.output).toMatch(new RegExp(`proposal +${id}\n +decision +(?:APPROVED|REJECTED|EXPIRED) `));
    for (const node of [one, two, three]) {
      node.child.kill('SIGTERM');
      expect(await node.code()).toBe(0);
    }
  });

  it('node refuses a model that is none with 2, and leaves no process behind', async () => {
    const [port] = await freePorts(1);
    writeFileSync(join(folder, 'broken.onnx'), 'rubbish');
    const broken = pq('node', '--node', '1', '--port', String(port), '--model', 'broken.onnx');
    expect([await broken.code(), broken.output]).toEqual([2, expect.stringMatching(/\nerror MODEL_NOT_ONNX: /)]);
    const missing = pq('node', '--node', '1', '--port', String(port), '--model', 'missing.onnx');
    expect([await missing.code(), missing.output]).toEqual([2, expect.stringMatching(/\nerror MODEL_FILE_MISSING: /)]);
  });

  it('demo replays records, prints the figures, verifies the last certificate, and ends with nothing left running', async () => {
    const records = [
      'docs.example,0',
      'metamask-wallet-restore.example,1',
      'library.example.org,0',
      'claim-airdrop-uniswap-v3.example,1',
    ];
    writeFileSync(join(folder, 'records.csv'), `origin,label\n${records.join('\n')}\n`);
    const demo = pq('demo', '--file', 'records.csv', '--validators', '3', '--rate', '10', '--json', 'summary.json');
    expect([await demo.code(), demo.output]).toEqual([0, expect.stringContaining('VERIFIED  commit')]);
    for (const phase of ['PHOTON', 'WAVE', 'FOCUS', 'PRISM', 'HORIZON']) expect(demo.output).toContain(phase);
    expect(demo.output).toMatch(/finality +p50 .*p95 .*p99[\s\S]*p50 .* at light load: 4 more, 10\/s/);
    const summary = JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
    expect(Object.values(summary.decisions as Record<string, number>).reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(summary).toMatchObject({
      validators: 3,
      records: 4,
      undelivered: {},
      labels: { network: { records: 4 }, nodes: [{ validator: 0, records: 4 }, { validator: 1 }, { validator: 2 }] },
      nodes: [{ validator: 0 }, { validator: 1 }, { validator: 2 }],
      certificate: { verified: true, signers: 3 },
    });

    const verify = (...args: string[]): Promise<number | null> => pq('verify', ...args).code();
    const certificate = join(folder, '.pq/demo/certificate.bin');
    const genesis = join(folder, '.pq/demo/genesis.json');
    expect(await verify(certificate, '--genesis', genesis)).toBe(0);
    const flipped = readFileSync(certificate);
    flipped[flipped.length - 1]! ^= 1;
    writeFileSync(join(folder, 'flipped.bin'), flipped);
    expect(await verify(join(folder, 'flipped.bin'), '--genesis', genesis)).toBe(1);
  });

  it('demo that is interrupted ends its processes', async () => {
    const demo = pq('demo', '--validators', '2', '--count', '500', '--rate', '5', '--keep');
    await demo.says(/nodes are up/);
    const ports = [...demo.output.matchAll(/localhost:(\d+)/g)].map((match) => Number(match[1]));
    expect(ports.length).toBe(2);
    demo.child.kill('SIGINT');
    expect(await demo.code()).toBe(1);
    for (const port of ports) {
      const socket = connect(port, '127.0.0.1');
      await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
    }
  });

  it('testnet starts, says who stands where, crashes, pauses and stops', async () => {
    const run = async (...args: string[]): Promise<string> => {
      const ended = pq('testnet', ...args);
      expect([await ended.code(), ended.output]).toEqual([0, expect.any(String)]);
      return ended.output;
    };
    try {
      expect(await run('start', '--validators', '4')).toMatch(/(?:node \d +localhost:\d+ +running[^\n]* 3\n){4}/);
      await run('pause', '2');
      await run('kill', '3');
      expect(await run('status')).toMatch(/node 2 .*paused[\s\S]*node 3 .*stopped/);
      await run('resume', '2');
      const statuses: { node: number; state: string }[] = JSON.parse(await run('status', '--json'));
      expect(statuses.map(({ state }) => state)).toEqual(['running', 'running', 'stopped', 'running']);
      expect(await run('start')).toMatch(/node 3 starts/);
      const twice = pq('testnet', 'init');
      expect([await twice.code(), twice.output]).toEqual([2, expect.stringMatching(/^error TESTNET_EXISTS: /)]);
    } finally {
      expect(await run('stop')).toMatch(/4 of 4 nodes ran and are stopped/);
    }
    expect(await run('status')).toMatch(/(?:node \d .*stopped[^\n]*\n){4}/);
  });
});
