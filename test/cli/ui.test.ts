import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/bench/harness.ts';
import { errorLine, exitCodeOf, UsageError } from '../../src/cli/exit.ts';
import { printGroup } from '../../src/cli/ui/benchmark.ts';
import { bytes, confidence, duration, percent, plural } from '../../src/cli/ui/format.ts';
import { PhasePrinter, type Telling } from '../../src/cli/ui/phases.ts';
import { table } from '../../src/cli/ui/table.ts';
import { harmless, Terminal } from '../../src/cli/ui/terminal.ts';
import { PqError } from '../../src/errors.ts';
import type { BlockName, NodeEvent } from '../../src/node/events.ts';

class Recorder {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

const ESCAPE = '\u001b';

describe('a terminal', () => {
  it('has colours on a terminal only, and not with NO_COLOR', () => {
    expect(new Terminal(new Recorder(true), {}).paint('red', 'x')).toContain(ESCAPE);
    expect(new Terminal(new Recorder(false), {}).paint('red', 'x')).toBe('x');
    expect(new Terminal(new Recorder(true), { NO_COLOR: '1' }).paint('red', 'x')).toBe('x');
    expect(new Terminal(new Recorder(true), { NO_COLOR: '' }).paint('red', 'x')).toContain(ESCAPE);
  });

  it('keeps the status line below what is printed', () => {
    const recorder = new Recorder(true);
    const terminal = new Terminal(recorder, {});
    terminal.status('10 of 20', 0);
    terminal.line('something');
    terminal.clearStatus();
    terminal.line('end');
    expect(recorder.text).toBe(`\r${ESCAPE}[K10 of 20\r${ESCAPE}[Ksomething\n10 of 20\r${ESCAPE}[Kend\n`);
  });

  it('says the status now and then where it cannot repaint', () => {
    const recorder = new Recorder(false);
    const terminal = new Terminal(recorder, {});
    for (let ms = 0; ms < 12_000; ms += 100) terminal.status(`at ${ms}`, ms);
    expect(recorder.text).toBe('at 0\nat 5000\nat 10000\n');
  });

  it('is not steered by what others sent', () => {
    expect(harmless(`a${ESCAPE}[2Jb\r\n\u202ec`)).toBe('a·[2Jb···c');
  });
});

describe('figures', () => {
  it('read well', () => {
    expect([9731, 10_000, 9999, 0].map(confidence)).toEqual(['97.3 %', '100 %', '99.9 %', '0.0 %']);
    expect([0, 999, 1000, 11_190, 2_500_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 KB', '11.2 KB', '2.5 MB']);
    expect([1.25, 84.4, 2345, Number.NaN].map(duration)).toEqual(['1.3 ms', '84 ms', '2.35 s', '–']);
    expect([percent(0.9731), plural(1, 'block'), plural(2, 'block')]).toEqual(['97.3 %', '1 block', '2 blocks']);
  });

  it('stand in columns', () => {
    expect(table(['', 'a', 'long'], [['row', '12345', '1']])).toEqual(['         a  long', 'row  12345     1']);
  });
});

describe('errors', () => {
  it('are one line with a code, and end with 2 when the usage is wrong, else with 1', () => {
    const usage = new UsageError('RECORD_NONE', 'give\nrecords');
    expect([errorLine(usage), exitCodeOf(usage)]).toEqual(['error RECORD_NONE: give·records', 2]);
    expect(exitCodeOf(new PqError('GENESIS_FIELD', ''))).toBe(2);
    expect(exitCodeOf(new PqError('CLIENT_DISCONNECTED', ''))).toBe(1);
    const system = Object.assign(new Error('listen EADDRINUSE: address already in use'), { code: 'EADDRINUSE' });
    expect(errorLine(system)).toContain('error EADDRINUSE: the port is in use');
    expect(errorLine(new TypeError('x is not a function'))).toContain('error INTERNAL: x is not a function');
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
  });
});

const block = (round: number, author: number): BlockName => ({
  round,
  author,
  digest: `${round}${author}`.padStart(64, '0'),
});
const id = (first: string): string => first.repeat(64);

/** The life of a block of validator 0 with two proposals, as its own node reports it. */
function lifeOf(name: BlockName, ids: readonly string[], commit: number, atMs: number): NodeEvent[] {
  const decided = ids.map((one, i) => ({
    id: one,
    decision: i === 0 ? ('APPROVED' as const) : ('CONFLICT' as const),
    reason: i === 0 ? ('QUORUM' as const) : ('CLAIMED' as const),
    confidence: 9600,
    receipt: 0,
  }));
  const opinions = ids.map((one) => ({ id: one, summary: `transfer ${one[0]}`, verdict: 'APPROVE' as const, p: 0.03 }));
  return [
    {
      type: 'photon',
      atMs,
      block: name,
      parents: 4,
      votes: 3,
      proposals: ids,
      summaries: ids.map((one) => `transfer ${one[0]}`),
      confidence: 9730,
      bytes: 11_190,
    },
    { type: 'dag', atMs: atMs + 1, block: name, parents: 4, proposals: ids.length, size: 181 },
    { type: 'opinion', atMs: atMs + 2, block: name, confidence: 9730, proposals: opinions },
    { type: 'wave', atMs: atMs + 10, voter: 1, target: name, approves: 2, rejects: 0, abstains: 0, confidence: 9410 },
    { type: 'wave', atMs: atMs + 11, voter: 2, target: name, approves: 1, rejects: 1, abstains: 0, confidence: 8120 },
    { type: 'prism', atMs: atMs + 40, index: commit, leader: block(name.round, 2), blocks: 5, decisions: decided },
    { type: 'horizon', atMs: atMs + 60, index: commit, digest: id('f'), signers: [0, 1, 2], bytes: 11_600 },
  ];
}

function tell(events: readonly NodeEvent[], telling: Telling): { text: string; told: number } {
  const recorder = new Recorder();
  const printer = new PhasePrinter(new Terminal(recorder, {}), 0, telling);
  for (const event of events) printer.handle(event);
  return { text: recorder.text, told: printer.told };
}

describe('the phases', () => {
  it('of an own block are told from Photon to Horizon, with every vote', () => {
    const { text, told } = tell(lifeOf(block(57, 0), [id('a'), id('b')], 17, 1000), { kind: 'all' });
    expect(told).toBe(1);
    const at = (part: string): number => {
      expect(text).toContain(part);
      return text.indexOf(part);
    };
    const order = [
      at('PHOTON   this node proposes 2 proposals in 11.2 KB'),
      at('own models are 97.3 % sure'),
      at('PRISM    entered the DAG: 4 parents, 181 blocks held'),
      at('WAVE     own models of this node  APPROVE 2  97.3 %'),
      at('node 2 votes  APPROVE 2  94.1 %'),
      at('node 3 votes  APPROVE 1 REJECT 1  81.2 %'),
      at('FOCUS    2 of 2 proposals decided'),
      at('APPROVED  96.0 %  transfer a'),
      at('CONFLICT  96.0 % (claimed)  transfer b'),
      at('PRISM    commit 17: 5 blocks in order behind leader r57·n3; 1 conflict'),
      at('HORIZON  final after 60 ms: quantum certificate over commit 17, signed by nodes 1 2 3, 11.6 KB'),
    ];
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(text.split('\n').filter((line) => line.includes('r57·n1')).length).toBeGreaterThan(8);
  });

  it('of an own block that entered the DAG before it was said to be emitted lack nothing', () => {
    const [photon, dag, ...rest] = lifeOf(block(57, 0), [id('a')], 17, 1000);
    const { text } = tell([dag!, { ...photon!, confidence: 0 } as NodeEvent, ...rest], { kind: 'all' });
    expect(text).toContain('own models have no opinion on it yet');
    expect(text.indexOf('PHOTON')).toBeLessThan(text.indexOf('PRISM    entered the DAG: 4 parents'));
    expect(text.match(/entered the DAG/g)?.length).toBe(1);
  });

  it("of another node's block are told too", () => {
    const events = lifeOf(block(58, 1), [id('c')], 18, 0).slice(1);
    const { text, told } = tell(events, { kind: 'all' });
    expect(text).toContain('PHOTON   node 2 proposes 1 proposal');
    expect(text).toContain('node 2 votes  APPROVE');
    expect(text).toContain('APPROVE  3.0 % to be rejected  transfer c');
    expect(text).toContain('APPROVED  96.0 %  transfer c');
    expect(told).toBe(1);
  });

  it('of blocks without proposals are not', () => {
    expect(tell(lifeOf(block(1, 0), [], 1, 0), { kind: 'all' }).text).toBe('');
    expect(
      tell([{ type: 'dag', atMs: 0, block: block(1, 1), parents: 1, proposals: 0, size: 1 }], { kind: 'all' }).text,
    ).toBe('');
  });

  it('wait for the commit that holds the last proposal', () => {
    const name = block(5, 0);
    const [photon, ...rest] = lifeOf(name, [id('a'), id('b')], 3, 0);
    const late = rest.flatMap((event): NodeEvent[] => {
      if (event.type !== 'prism') return [event];
      const [first, second] = event.decisions;
      return [
        { ...event, decisions: [first!] },
        { type: 'horizon', atMs: 41, index: 3, digest: id('f'), signers: [0], bytes: 1 },
        { ...event, index: 4, decisions: [second!] },
      ];
    });
    expect(tell([photon!, ...late], { kind: 'all' })).toMatchObject({ told: 0 });
    const end: NodeEvent = { type: 'horizon', atMs: 90, index: 4, digest: id('f'), signers: [0], bytes: 1 };
    expect(tell([photon!, ...late, end], { kind: 'all' }).told).toBe(1);
  });

  it('are sampled one block at a time', () => {
    const lives = Array.from({ length: 20 }, (_, i) =>
      lifeOf(block(i + 1, 0), [id((i % 10).toString())], i + 1, 100 * i),
    );
    const { told, text } = tell(lives.flat(), { kind: 'sample', gapMs: 500 });
    // All are own blocks, so each waits in vain for its turn: begun at 0, 1000, …
    expect(told).toBe(2);
    expect(text.match(/PHOTON {3}this node proposes/g)?.length).toBe(2);
    const overlapping = [...lives[0]!.slice(0, 3), ...lives[9]!, ...lives[0]!.slice(3)];
    expect(tell(overlapping, { kind: 'sample', gapMs: 500 }).text).not.toContain('r10·n1');
  });

  it('are sampled from own blocks and those of others in turn', () => {
    const lives = Array.from({ length: 30 }, (_, i) => {
      const own = i % 3 === 2;
      const life = lifeOf(block(i + 1, own ? 0 : 1), [id((i % 10).toString())], i + 1, 100 * i);
      return own ? life : life.slice(1);
    });
    const { text } = tell(lives.flat(), { kind: 'sample', gapMs: 500 });
    const order = [...text.matchAll(/PHOTON {3}(this node|node 2) proposes/g)].map((match) => match[1]);
    expect(order).toEqual(['node 2', 'this node', 'node 2', 'this node', 'node 2']);
  });

  it('come with alarms and evidence, which cannot steer the terminal', () => {
    const events: NodeEvent[] = [
      { type: 'alarm', atMs: 0, fatal: true, code: 'STATE_FORK', message: `no${ESCAPE}[2J` },
      { type: 'evidence', atMs: 0, author: 3, round: 9, digests: [id('a'), id('b')] },
      { type: 'peer', atMs: 0, validator: 1, up: false },
    ];
    expect(tell(events, { kind: 'sample', gapMs: 500 }).text).toBe(
      'FATAL STATE_FORK: no·[2J\nEQUIVOCATION: node 4 signed two blocks of round 9\nnode 2 is gone\n',
    );
  });
});

describe('a benchmark', () => {
  const rows = [32, 512].map((bytes) => ({
    name: 'hash',
    params: { bytes },
    unit: 'µs per hash',
    values: { twin: 10, simd: 2, noble: 12 },
    spread: { twin: [9, 11], simd: [2, 2], noble: [12, 12] },
    libraries: ['hash-wasm', 'noble'],
    targets: {},
  })) satisfies Row[];

  it('is a table where there is room, with figures below their columns', () => {
    const recorder = new Recorder();
    printGroup(new Terminal(recorder, {}), { title: 'Hashes', rows }, 100);
    expect(recorder.text.split('\n').slice(0, 4)).toEqual([
      'Hashes',
      '                 twin  simd  hash-wasm  noble  twin/simd  library/simd',
      'hash  bytes 32   10.0  2.00        not   12.0       5.0×    noble 6.0×',
      '  µs per hash    ±10%   ±0%  installed    ±0%',
    ]);
  });

  it('goes row by row in a narrow terminal', () => {
    const recorder = new Recorder();
    printGroup(new Terminal(recorder, {}), { title: 'Hashes', rows }, 60);
    const lines = recorder.text.split('\n');
    expect(lines.slice(1, 4)).toEqual([
      'hash  bytes 32, µs per hash',
      '  twin 10.0 ±10%  simd 2.00 ±0%  hash-wasm not installed',
      '  noble 12.0 ±0%  twin/simd 5.0×  library/simd noble 6.0×',
    ]);
    expect(lines.every((line) => line.length <= 60)).toBe(true);
  });
});
