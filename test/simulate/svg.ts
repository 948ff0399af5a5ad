// Line plots as SVG: axes with ticks, labels, a legend, and nothing else.

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const WIDTH = 860;
const HEIGHT = 360;
const BOX = { left: 64, right: 190, top: 36, bottom: 48 };
/** Okabe and Ito's colours: told apart with any eyes. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999900'];

/** More points than pixels say nothing: of each column the highest and the lowest are kept. */
const COLUMNS = 500;

export function toSvg({ title, x, y, series }: Plot): string {
  const all = series.flatMap(({ points }) => points);
  const xs = ticks(
    Math.min(0, ...all.map(([at]) => at)),
    all.reduce((most, [at]) => Math.max(most, at), 1),
  );
  const ys = ticks(
    0,
    all.reduce((most, [, value]) => Math.max(most, value), 1e-9),
  );
  const scale = (list: readonly number[], from: number, to: number) => (value: number) => {
    const [first = 0, last = 1] = [list[0], list.at(-1)];
    return round(from + ((value - first) / (last - first || 1)) * (to - from));
  };
  const atX = scale(xs, BOX.left, WIDTH - BOX.right);
  const atY = scale(ys, HEIGHT - BOX.bottom, BOX.top);
  const [bottom, right] = [HEIGHT - BOX.bottom, WIDTH - BOX.right];
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${BOX.left}" y="20" font-size="15">${escaped(title)}</text>`,
    ...ys.map(
      (tick) =>
        `<path d="M${BOX.left} ${atY(tick)}H${right}" stroke="#ddd"/><text x="${BOX.left - 6}" y="${atY(tick) + 4}" text-anchor="end">${show(tick)}</text>`,
    ),
    ...xs.map(
      (tick) =>
        `<path d="M${atX(tick)} ${bottom}v5" stroke="#333"/><text x="${atX(tick)}" y="${bottom + 18}" text-anchor="middle">${show(tick)}</text>`,
    ),
    `<path d="M${BOX.left} ${BOX.top}V${bottom}H${right}" fill="none" stroke="#333"/>`,
    `<text x="${(BOX.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(16 ${(BOX.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    ...series.flatMap(({ name, points }, at) => {
      const colour = COLOURS[at % COLOURS.length] ?? '#000';
      const path = thin(points)
        .map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${atX(px)} ${atY(py)}`)
        .join('');
      const legend = BOX.top + 8 + at * 18;
      return [
        `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>`,
        `<path d="M${right + 14} ${legend}h20" stroke="${colour}" stroke-width="3"/><text x="${right + 40}" y="${legend + 4}">${escaped(name)}</text>`,
      ];
    }),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

/** Five or so round numbers around both ends. */
export function ticks(least: number, most: number): number[] {
  const span = Math.max(1e-9, most - least);
  const raw = span / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const first = Math.floor(least / step);
  const count = Math.ceil((most - first * step) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

export function thin(points: Series['points']): Series['points'] {
  if (points.length <= COLUMNS * 2) return points;
  const width = Math.ceil(points.length / COLUMNS);
  const kept: (readonly [number, number])[] = [];
  for (let from = 0; from < points.length; from += width) {
    const column = points.slice(from, from + width);
    const byHeight = [...column].sort((a, b) => a[1] - b[1]);
    kept.push(...[byHeight[0], byHeight.at(-1)].filter((p) => p !== undefined).sort((a, b) => a[0] - b[0]));
  }
  return kept;
}

function show(value: number): string {
  return Math.abs(value) >= 10_000 ? `${Number((value / 1000).toFixed(1))}k` : String(Number(value.toPrecision(6)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
