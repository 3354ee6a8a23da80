/** Samples as one SVG: panels one above the other, with a common axis of time. */
import type { Sample } from './samples.ts';

const WIDTH = 900;
const PANEL = 150;
const GAP = 44;
const LEFT = 60;
const RIGHT = 120;
const colors = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#17becf'];

interface Line {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
  /** Drawn as stairs. */
  readonly steps?: boolean;
}

export interface Mark {
  readonly t: number;
  readonly text: string;
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= value) ?? value;
}

function path(times: readonly number[], line: Line, x: (t: number) => number, y: (v: number) => number): string {
  let text = '';
  let last: number | undefined;
  line.values.forEach((value, i) => {
    if (value !== undefined) {
      const px = x(times[i] ?? 0).toFixed(1);
      if (line.steps === true && last !== undefined) text += `L${px},${y(last).toFixed(1)}`;
      text += `${last === undefined ? 'M' : 'L'}${px},${y(value).toFixed(1)}`;
    }
    last = value;
  });
  return text;
}

function panel(index: number, title: string, unit: string, times: readonly number[], lines: readonly Line[], marks: readonly Mark[], end: number): string {
  const top = 48 + index * (PANEL + GAP);
  const most = niceCeiling(Math.max(...lines.flatMap((line) => line.values.map((value) => value ?? 0)), 1e-3));
  const x = (t: number): number => LEFT + (t / end) * (WIDTH - LEFT - RIGHT);
  const y = (v: number): number => top + PANEL - (v / most) * PANEL;
  const parts = [`<text x="${LEFT}" y="${top - 8}" font-weight="bold">${title}</text>`];
  for (let i = 0; i <= 4; i++) {
    const value = (most * i) / 4;
    parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(3))}${i === 4 ? ` ${unit}` : ''}</text>`);
  }
  for (let t = 0; t <= end; t += 60) parts.push(`<text x="${x(t)}" y="${top + PANEL + 14}" text-anchor="middle">${t} s</text>`);
  for (const { t, text } of marks) {
    parts.push(`<line x1="${x(t)}" x2="${x(t)}" y1="${top}" y2="${top + PANEL}" stroke="#888" stroke-dasharray="3 3"/>`);
    if (index === 0) parts.push(`<text x="${x(t) + 3}" y="${top + 10}" fill="#555">${text}</text>`);
  }
  lines.forEach((line, i) => {
    const color = colors[i % colors.length];
    parts.push(`<path d="${path(times, line, x, y)}" fill="none" stroke="${color}" stroke-width="1.5"/><text x="${WIDTH - RIGHT + 8}" y="${top + 12 + 14 * i}" fill="${color}">${line.name}</text>`);
  });
  return parts.join('\n');
}

/** The whole picture. `target`: processor time per replica that the autoscaler aims at. */
export function graph(title: string, samples: readonly Sample[], marks: readonly Mark[], target: number): string {
  const times = samples.map((sample) => sample.t);
  const end = Math.max(...times, 1);
  const pods = [...new Set(samples.flatMap((sample) => Object.keys(sample.replicas)))].sort();
  const of = (what: (sample: Sample, pod: string) => number | undefined): Line[] => pods.map((pod) => ({ name: pod, values: samples.map((sample) => what(sample, pod)) }));
  const panels = [
    panel(0, 'Reads answered by all replicas', '/s', times, [{ name: 'total', values: samples.map((sample) => Object.values(sample.replicas).reduce((total, { reads }) => total + reads, 0)) }], marks, end),
    panel(1, 'Reads answered by each replica', '/s', times, of((sample, pod) => sample.replicas[pod]?.reads), marks, end),
    panel(2, 'Processor time of each replica', 'cores', times, [...of((sample, pod) => sample.replicas[pod]?.cpu), { name: 'target', values: samples.map(() => target) }], marks, end),
    panel(3, 'Replicas', '', times, [{ name: 'wanted', values: samples.map((sample) => sample.wanted), steps: true }, { name: 'ready', values: samples.map((sample) => sample.ready), steps: true }], marks, end),
    panel(4, 'Writes at all replicas: time to the acknowledgement', 'ms', times, [
      { name: 'p50', values: samples.map(({ writes }) => (writes.writes === 0 ? undefined : writes.write_ms_p50)) },
      { name: 'p99', values: samples.map(({ writes }) => (writes.writes === 0 ? undefined : writes.write_ms_p99)) },
    ], marks, end),
  ];
  const height = 48 + panels.length * (PANEL + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n<text x="${WIDTH / 2}" y="18" text-anchor="middle" font-size="13">${title}</text>\n${panels.join('\n')}\n</svg>\n`;
}
