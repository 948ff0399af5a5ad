// As much of PromQL as our own queries use, to see which series and labels they name.

export interface Matcher {
  readonly label: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

/** `sum by (labels) (body)`; also `on (labels)`, whose `body` is the whole expression. */
export interface Grouping {
  readonly labels: readonly string[];
  readonly body: string;
}

/** Series of berth, and those of recording rules, whose names have colons. */
export function selectorsOf(expr: string): Selector[] {
  const found = expr.matchAll(/(?<![\w:"$])((?:[a-z0-9_]+:)?berth_[\w:]+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = '', body = '']) => ({ name, matchers: matchersOf(body) }));
}

function matchersOf(body: string): Matcher[] {
  return [...body.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', op = '', value = '']) => ({
    label,
    op: op as Matcher['op'],
    value,
  }));
}

export function groupingsOf(expr: string): Grouping[] {
  return [...expr.matchAll(/\b(by|on) \(([^)]*)\)\s*/g)].map((match) => {
    const [whole, word, list = ''] = match;
    const labels = list.split(',').map((label) => label.trim());
    return { labels, body: word === 'on' ? expr : enclosed(expr, match.index + whole.length) };
  });
}

/** What stands between the parenthesis at `from` and its partner. */
function enclosed(expr: string, from: number): string {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < expr.length; at += 1) {
    const c = expr[at];
    if (c === '"') quoted = !quoted;
    if (quoted) continue;
    if (c === '(') depth += 1;
    if (c === ')') depth -= 1;
    if (depth === 0) return expr.slice(from + 1, at);
  }
  throw new Error(`no closing parenthesis: ${expr}`);
}
