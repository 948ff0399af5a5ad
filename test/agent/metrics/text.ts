// A strict reader of the text format, for comparing pages.

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Parsed {
  /** By `name{labels}` with labels sorted. */
  readonly series: ReadonlyMap<string, Series>;
  readonly types: ReadonlyMap<string, string>;
  readonly helps: ReadonlyMap<string, string>;
}

/** Throws on anything but comments, HELP, TYPE and samples, and on a series or a family given twice. */
export function parseText(text: string): Parsed {
  const series = new Map<string, Series>();
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  if (!text.endsWith('\n')) throw new Error('the last line is not ended');
  for (const line of text.slice(0, -1).split('\n')) {
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (meta) {
      const [, kind, name = '', rest = ''] = meta;
      const into = kind === 'HELP' ? helps : types;
      if (into.has(name)) throw new Error(`${kind} of ${name} is there twice`);
      into.set(name, rest);
      continue;
    }
    if (line.startsWith('#')) continue;
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? +(\S+)$/.exec(line);
    if (!sample) throw new Error(`not a line of the format: ${JSON.stringify(line)}`);
    const [, name = '', body = '', value = ''] = sample;
    const labels = Object.fromEntries(
      [...body.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)",?/g)].map(([, key = '', raw = '']) => [key, unquote(raw)]),
    );
    const key = `${name}${JSON.stringify(Object.entries(labels).sort())}`;
    if (series.has(key)) throw new Error(`${key} is there twice`);
    series.set(key, { name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) });
  }
  return { series, types, helps };
}

function unquote(raw: string): string {
  return raw.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
}
