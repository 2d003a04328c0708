/** The rows as a picture: latency over what was finalized, one line per workload and size. */
import type { Row } from './figures.ts';

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [784, 420, 88, 24, 190, 48];
const COLORS = ['#2563eb', '#d97706', '#059669', '#7c3aed', '#dc2626', '#0891b2', '#65a30d', '#be185d', '#475569'];

interface Line {
  readonly label: string;
  readonly points: readonly (readonly [perSecond: number, latencyMs: number])[];
}

/** An SVG of p50 (solid) and p99 (dashed) in milliseconds over finalized proposals a second, both logarithmic. */
export function chart(rows: readonly Row[]): string {
  const series = [...Map.groupBy(rows, ({ name, params }) => `${name}, n = ${params.validators}`)];
  const lines = (read: (row: Row) => number): Line[] =>
    series.map(([label, own]) => ({
      label,
      points: own.map((row) => [row.values.finalizedPerSecond, read(row)] as const),
    }));
  const [median, tail] = [lines(({ values }) => values.p50Ms), lines(({ values }) => values.p99Ms)];
  const all = [...median, ...tail].flatMap(({ points }) => points);
  const x = scale(
    all.map(([perSecond]) => perSecond),
    LEFT,
    WIDTH - RIGHT,
  );
  const y = scale(
    all.map(([, latency]) => latency),
    HEIGHT - BOTTOM,
    TOP,
  );
  const path = ({ points }: Line): string =>
    points.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}`).join('');
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>Finality latency over finalized proposals a second</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...x.ticks.map((tick) => label(x.at(tick), HEIGHT - BOTTOM + 18, String(tick), 'middle')),
    ...x.ticks.map((tick) => rule(x.at(tick), TOP, x.at(tick), HEIGHT - BOTTOM)),
    ...y.ticks.map((tick) => label(LEFT - 8, y.at(tick) + 4, String(tick), 'end')),
    ...y.ticks.map((tick) => rule(LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick))),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'finalized proposals a second', 'middle'),
    `<text transform="rotate(-90)" x="${-(TOP + HEIGHT - BOTTOM) / 2}" y="16" text-anchor="middle" fill="#334155">milliseconds from submission to certificate</text>`,
    ...median.map((line, i) => `<path d="${path(line)}" fill="none" stroke="${colorOf(i)}" stroke-width="2"/>`),
    ...tail.map(
      (line, i) =>
        `<path d="${path(line)}" fill="none" stroke="${colorOf(i)}" stroke-width="1.5" stroke-dasharray="4 3"/>`,
    ),
    ...median.map((line, i) => legend(i, line.label)),
    label(WIDTH - RIGHT + 14, TOP + 20 * (median.length + 1), 'solid p50, dashed p99', 'start'),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function colorOf(i: number): string {
  return COLORS[i % COLORS.length]!;
}

function legend(i: number, text: string): string {
  const [x, y] = [WIDTH - RIGHT + 14, TOP + 20 * i + 8];
  return `<path d="M${x} ${y}h18" stroke="${colorOf(i)}" stroke-width="2"/>${label(x + 24, y + 4, text, 'start')}`;
}

function label(x: number, y: number, text: string, anchor: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#334155">${text}</text>`;
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="#e2e8f0"/>`;
}

/** A logarithmic scale from the power of ten below all values to the one above. */
function scale(values: readonly number[], from: number, to: number) {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  const at = (value: number): number =>
    from + ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (to - from);
  return { ticks, at };
}
