// The node at one moment, as a document for programs and as a page for people.
import { formatSize } from '../base/units.js';
import { placeText, startsText } from '../density/governor/format.js';
import type { CapacityRow } from '../model/capacity.js';
import type { Condition } from '../model/condition.js';
import type { StartWait } from '../model/start-wait.js';
import type { MetricsSource } from './families/index.js';
import type { NodeDescription } from './node-description.js';
import type { Latest, Sampled } from './sampler.js';

/** What both forms are made of. */
export interface StatusSource {
  readonly metrics: Pick<MetricsSource, 'describe' | 'capacity'>;
  workloads(): Iterable<Sampled>;
  latest(id: string): Latest | undefined;
  /** What waits for its turn to start, by id. */
  waiting(): ReadonlyMap<string, StartWait>;
}

/** Bytes, seconds, and Unix ms; null: not known. */
export interface StatusWorkload {
  readonly id: string;
  readonly tenant: string;
  readonly driver: string;
  readonly state: string;
  readonly waiting: StartWait | null;
  readonly startedAt: number | null;
  readonly restarts: number;
  readonly address: string | null;
  readonly cpuSeconds: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly pids: number | null;
}

/** The document of `/status.json`. */
export interface StatusDocument {
  readonly node: NodeDescription;
  readonly capacity: readonly CapacityRow[];
  readonly workloads: readonly StatusWorkload[];
}

export function statusDocument(source: StatusSource): StatusDocument {
  const waiting = source.waiting();
  const workloads = [...source.workloads()].map((workload) => ({
    ...describe(workload, source.latest(workload.id)),
    waiting: waiting.get(workload.id) ?? null,
  }));
  return { node: source.metrics.describe(), capacity: source.metrics.capacity(), workloads };
}

/** The page `/`: no scripts, nothing loaded from elsewhere. Shows 500 workloads at most, the failed ones first. */
export function statusPage({ node, capacity, workloads }: StatusDocument, now = Date.now()): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>berth: ${html(node.name)}</title><style>${STYLE}</style></head><body>
${header(node, now)}
<main>
${hostSection(capacity)}
${tenantSection(capacity)}
${workloadSection(workloads, now)}
${conditionSection(node.conditions)}
</main>
<footer>${LINKS.map((path) => `<a href="${path}">${html(path)}</a>`).join(' ')}
<span>as of ${new Date(now).toISOString().slice(0, 19).replace('T', ' ')} UTC</span></footer>
</body></html>
`;
}

const SHOWN = 500;
const LINKS = ['/metrics', '/status.json', '/readyz?verbose', '/healthz'] as const;

/** Colour of a state: good, busy, bad, cold, or none. The word itself is always there, too. */
const TONE: Readonly<Record<string, string>> = {
  running: 'good',
  frozen: 'cold',
  pending: 'busy',
  preparing: 'busy',
  starting: 'busy',
  stopping: 'busy',
  failed: 'bad',
};

const STYLE = `:root{color-scheme:light dark;--text:#1f2328;--soft:#59636e;--page:#fff;--box:#f6f8fa;--line:#d1d9e0;
--track:#dfe4ea;--fill:#2f74d0;--good:#1a7f37;--busy:#8a5d00;--bad:#c4202c;--cold:#0969da;--high:#d4900a;--full:#d6303b}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9aa4af;--page:#0d1117;--box:#151b23;--line:#30363d;
--track:#2d343d;--fill:#4a90e8;--good:#3fb950;--busy:#d9a32b;--bad:#ff6a63;--cold:#5fabff;--high:#d9a32b;--full:#f2564e}}
*{box-sizing:border-box}
body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;padding:1.4em 1.8em;max-width:82em;color:var(--text);background:var(--page)}
h1{font-size:1.7em;line-height:1.2;margin:0}
h2{font-size:1em;margin:1.4em 0 .5em}
p{margin:.3em 0 0}a{color:var(--cold)}
.top{display:flex;flex-wrap:wrap;gap:.6em;align-items:center}
.soft,th{color:var(--soft)}
.badge{border:1px solid;border-radius:1em;padding:.05em .75em;font-weight:600}
.good{color:var(--good)}.busy{color:var(--busy)}.bad{color:var(--bad)}.cold{color:var(--cold)}
.boxes{display:grid;grid-template-columns:repeat(auto-fit,minmax(13em,1fr));gap:.8em;margin:0}
.boxes div{background:var(--box);border:1px solid var(--line);border-radius:8px;padding:.6em .9em .7em}
dt{color:var(--soft);display:flex;justify-content:space-between;gap:.5em}dd{margin:0}dd strong{font-size:1.35em}
.bar{display:block;height:.5em;margin-top:.4em;border-radius:.25em;background:var(--track);overflow:hidden}
.bar span{display:block;height:100%;background:var(--fill)}
.bar .high{background:var(--high)}.bar .full{background:var(--full)}
.with{display:flex;gap:.7em;align-items:center;justify-content:flex-end}
.with .bar,.with .none{flex:0 0 4.5em;margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;white-space:nowrap;font-variant-numeric:tabular-nums}
th,td{padding:.2em .7em;text-align:left;border-bottom:1px solid var(--line)}
thead th{font-weight:500}tbody th{color:var(--text);font-weight:600}
th:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
.n{text-align:right}.n .none{display:block}
thead .barred{padding-right:5.9em}thead .barred:last-child{padding-right:5.2em}.tight{width:auto;min-width:60%}
details{margin-top:1.4em;border:1px solid var(--line);border-radius:8px;padding:.5em .9em}
summary{font-weight:600;cursor:pointer}
details ul{margin:.5em 0;padding:0;list-style:none}details li{margin:.6em 0}
code{font:13px/1.4 ui-monospace,monospace;background:var(--box);border:1px solid var(--line);border-radius:4px;padding:.05em .4em;overflow-wrap:anywhere;white-space:pre-wrap}
footer{display:flex;flex-wrap:wrap;gap:.3em 1.2em;margin-top:1.4em}footer span{margin-left:auto;color:var(--soft)}`;

function describe(workload: Sampled, latest: Latest | undefined): Omit<StatusWorkload, 'waiting'> {
  const memory = latest?.stats?.memory;
  const usage = latest?.stats?.cpu?.usageUsec;
  return {
    id: workload.id,
    tenant: workload.spec.tenant,
    driver: workload.spec.driver,
    state: workload.state,
    startedAt: workload.process?.startedAt ?? null,
    restarts: workload.restarts,
    address: workload.sandbox.address,
    cpuSeconds: usage === undefined ? null : usage / 1e6,
    memoryBytes: memory?.current ?? null,
    memoryLimitBytes: typeof memory?.max === 'number' ? memory.max : null,
    pids: latest?.stats?.pids?.current ?? null,
  };
}

function header(node: NodeDescription, now: number): string {
  const errors = node.conditions.filter(({ severity }) => severity === 'error').length;
  const badges = [
    node.ready ? '<span class="badge good">ready</span>' : '<span class="badge bad">not ready</span>',
    ...(node.cordoned ? ['<span class="badge busy">cordoned</span>'] : []),
    ...(node.drain === null ? [] : [`<span class="badge busy">${html(node.drain.phase)}</span>`]),
    ...(errors > 0 ? [`<a class="badge bad" href="#conditions">${count(errors, 'error')}</a>`] : []),
  ];
  const counts = Object.entries(node.workloads)
    .filter(([, number]) => number > 0)
    .map(([state, number]) => `<span class="${TONE[state] ?? 'soft'}">${number} ${html(state)}</span>`);
  const leaked = `<span class="${node.leaked > 0 ? 'bad' : 'soft'}">${count(node.leaked, 'leaked object')}</span>`;
  const drivers = node.drivers.map(({ name, usable, reason }) => {
    if (!usable) return `<span class="busy">${html(name)} unusable: ${html(reason)}</span>`;
    // Of "tcg: why not kvm" the first word; the why is among the conditions.
    const [how = ''] = reason.split(':');
    return html(how === '' || how === 'ready' ? name : `${name} (${how})`);
  });
  return `<header><div class="top"><h1>${html(node.name)}</h1>${badges.join('')}</div>
<p>${[...(counts.length > 0 ? counts : ['no workloads']), leaked].join(' · ')}</p>
<p class="soft">berth ${html(node.version)}, up ${age(now - node.startedAt)} · drivers: ${drivers.join(', ')}</p>
${startsLine(node)}</header>`;
}

function startsLine({ starts }: NodeDescription): string {
  const { slowed, lines } = startsText(starts);
  return `<p class="${slowed ? 'busy' : 'soft'}">starts: ${lines.map(html).join('<br>')}</p>`;
}

const LABEL: Readonly<Partial<Record<CapacityRow['dimension'], string>>> = {
  workloads: 'Workloads',
  cpu: 'CPU',
  memory: 'Memory',
  addresses: 'Addresses',
};

/** The others are shown when this much of them is promised: then they are what stops the next workload. */
const SCARCE = 0.8;

function hostSection(capacity: readonly CapacityRow[]): string {
  const boxes = capacity
    .filter((row) => row.scope === 'host' && (LABEL[row.dimension] !== undefined || isScarce(row)))
    .map(hostBox);
  return section('host', 'Capacity: committed of allocatable', `<dl class="boxes">${boxes.join('\n')}</dl>`);
}

function isScarce({ allocatable, committed }: CapacityRow): boolean {
  return allocatable !== null && committed > 0 && committed >= allocatable * SCARCE;
}

function hostBox({ dimension, committed, allocatable, capacity }: CapacityRow): string {
  const show = (value: number): string => amount(dimension, value);
  const unit = dimension === 'cpu' ? ' cores' : '';
  const of = allocatable === null ? ', no limit' : ` of ${show(allocatable)}${unit}`;
  // What may be promised differs from what is there by the reserve and the overcommit.
  const has =
    allocatable === null || capacity === null || allocatable === capacity
      ? ''
      : `<span>host has ${show(capacity)}</span>`;
  return `<div><dt>${LABEL[dimension] ?? dimension.replaceAll('_', ' ')} ${has}</dt><dd><strong>${show(committed)}</strong>${of}${bar(committed, allocatable)}</dd></div>`;
}

const PROMISED = ['workloads', 'cpu', 'memory'] as const;

function tenantSection(capacity: readonly CapacityRow[]): string {
  const tenants = new Map<string, Map<string, CapacityRow>>();
  for (const row of capacity) {
    const [kind, name = '', pool] = row.scope.split('/');
    if (kind !== 'tenant' || pool !== undefined) continue;
    const rows = tenants.get(name) ?? new Map<string, CapacityRow>();
    tenants.set(name, rows.set(row.dimension, row));
  }
  if (tenants.size === 0) return '';
  const cell = (row: CapacityRow | undefined): string => {
    if (row === undefined) return figure('');
    const { dimension, committed, allocatable } = row;
    return limited((value) => amount(dimension, value), committed, allocatable);
  };
  const rows = [...tenants].map(
    ([name, of]) =>
      `<tr><th scope="row">${html(name)}</th>${PROMISED.map((dimension) => cell(of.get(dimension))).join('')}</tr>`,
  );
  const heads = [{ text: 'tenant' }, ...PROMISED.map((text) => ({ text, kind: 'n barred' }))];
  return section('tenants', 'Tenants: committed of quota', grid('tenants', heads, rows, 'tight'));
}

const COLUMNS: readonly Head[] = [
  { text: 'id' },
  { text: 'tenant' },
  { text: 'driver' },
  { text: 'state' },
  { text: 'cpu', kind: 'n' },
  { text: 'memory', kind: 'n barred' },
  { text: 'pids', kind: 'n' },
  { text: 'address' },
  { text: 'restarts', kind: 'n' },
  { text: 'uptime', kind: 'n' },
];

function workloadSection(workloads: readonly StatusWorkload[], now: number): string {
  if (workloads.length === 0) return section('workloads', 'Workloads', '<p class="soft">none</p>');
  const failed = (w: StatusWorkload): number => (w.state === 'failed' ? 0 : 1);
  const { compare } = new Intl.Collator('en', { numeric: true });
  const sorted = [...workloads].sort(
    (a, b) => failed(a) - failed(b) || compare(a.tenant, b.tenant) || compare(a.id, b.id),
  );
  const rows = sorted.slice(0, SHOWN).map((workload) => workloadRow(workload, now));
  const more = sorted.length - SHOWN;
  const rest = more > 0 ? `<p>and ${more} more: see <a href="/status.json">/status.json</a></p>` : '';
  return section('workloads', 'Workloads', grid('workloads', COLUMNS, rows) + rest);
}

function workloadRow(w: StatusWorkload, now: number): string {
  const cpu = w.cpuSeconds === null ? '' : `${grouped(w.cpuSeconds, 1)} s`;
  const uptime = w.startedAt === null ? '' : age(now - w.startedAt);
  const place = w.waiting === null ? '' : ` (${placeText(w.waiting).replace(',', ', ')})`;
  return [
    `<tr><th scope="row">${html(w.id)}</th><td>${html(w.tenant)}</td><td>${html(w.driver)}</td>`,
    `<td class="${TONE[w.state] ?? 'soft'}">${html(w.state)}${place}</td>${figure(cpu)}`,
    w.memoryBytes === null ? figure('') : limited(formatSize, w.memoryBytes, w.memoryLimitBytes),
    `${figure(String(w.pids ?? ''))}<td>${html(w.address ?? '')}</td>`,
    `${figure(String(w.restarts))}${figure(uptime)}</tr>`,
  ].join('');
}

const SEVERITY: Readonly<Record<Condition['severity'], { readonly tone: string; readonly noun: string }>> = {
  error: { tone: 'bad', noun: 'error' },
  warning: { tone: 'busy', noun: 'warning' },
  info: { tone: 'soft', noun: 'note' },
};

/** Last on the page, and folded unless there is an error: it is about the host, and long. */
function conditionSection(conditions: readonly Condition[]): string {
  if (conditions.length === 0) return '';
  const of = (severity: string): Condition[] => conditions.filter((c) => c.severity === severity);
  const groups = Object.entries(SEVERITY).map(([severity, shown]) => ({ ...shown, found: of(severity) }));
  const summary = groups.flatMap(({ noun, found }) => (found.length > 0 ? [count(found.length, noun)] : [])).join(', ');
  const items = groups.flatMap(({ tone, noun, found }) =>
    found.map((c) => {
      const fix = c.fix === '' ? '' : `<br>fix: ${fixText(c.fix)}`;
      return `<li><b class="${tone}">${noun}</b> <b>${html(c.title)}</b><br>${html(c.why)}${fix}</li>`;
    }),
  );
  const open = of('error').length > 0 ? ' open' : '';
  return `<details id="conditions"${open}><summary>${summary}</summary><ul>${items.join('\n')}</ul></details>`;
}

/** A fix is a command, or a sentence with commands in backquotes. */
function fixText(fix: string): string {
  const parts = fix.split(/`([^`]+)`/);
  if (parts.length === 1) return `<code>${html(fix)}</code>`;
  return parts.map((part, i) => (i % 2 === 1 ? `<code>${html(part)}</code>` : html(part))).join('');
}

interface Head {
  readonly text: string;
  /** Classes of the heading. */
  readonly kind?: string;
}

function section(id: string, title: string, body: string): string {
  return `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>\n${body}</section>`;
}

/** A table that scrolls by itself where the window is narrow; the keyboard must reach it to do so. */
function grid(id: string, heads: readonly Head[], rows: readonly string[], kind = ''): string {
  const cells = heads.map((head) => `<th scope="col" class="${head.kind ?? ''}">${head.text}</th>`).join('');
  return `<div class="scroll" role="region" aria-labelledby="${id}" tabindex="0"><table class="${kind}"><thead><tr>${cells}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

const figure = (text: string): string => `<td class="n">${text}</td>`;

/** A figure with its limit and a bar, or alone where there is none. */
function limited(show: (value: number) => string, value: number, limit: number | null): string {
  const text = limit === null ? show(value) : `${show(value)} <span class="soft">of ${show(limit)}</span>`;
  const share = limit === null ? '<span class="none"></span>' : bar(value, limit);
  return `<td class="n"><div class="with"><span>${text}</span>${share}</div></td>`;
}

/** Decoration: the figures stand beside it. Empty without a limit. */
function bar(value: number, limit: number | null): string {
  if (limit === null) return '';
  const share = limit > 0 ? value / limit : value > 0 ? 1 : 0;
  const kind = share >= 1 ? 'full' : share >= 0.8 ? 'high' : '';
  const width = Math.min(100, Math.max(0, share * 100)).toFixed(1);
  return `<span class="bar" aria-hidden="true"><span class="${kind}" style="width:${width}%"></span></span>`;
}

function amount(dimension: CapacityRow['dimension'], value: number): string {
  return dimension === 'memory' || dimension === 'disk' ? formatSize(value) : grouped(value, 2);
}

/** 65533 -> `65,533`; at most so many decimals. */
function grouped(value: number, decimals: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: decimals });
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** 93_000 -> `1m 33s`: the two largest units. */
function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

function html(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
