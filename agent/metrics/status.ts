// The node at one moment, as a document for programs and as a page for people.
import type { CapacityRow, NodeDescription } from '../service.js';
import { formatSize } from '../workload/units.js';
import type { MetricsSource } from './collectors.js';
import type { Latest, Sampled } from './sampler.js';

/** What both forms are made of. */
export interface StatusSource {
  readonly metrics: Pick<MetricsSource, 'describe' | 'capacity'>;
  workloads(): Iterable<Sampled>;
  latest(id: string): Latest | undefined;
}

/** Bytes and seconds; null: not known. */
export interface StatusWorkload {
  readonly id: string;
  readonly tenant: string;
  readonly driver: string;
  readonly state: string;
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
  const workloads = [...source.workloads()].map((workload) => describe(workload, source.latest(workload.id)));
  return { node: source.metrics.describe(), capacity: source.metrics.capacity(), workloads };
}

/** The page `/`: no scripts, nothing loaded from elsewhere. Shows the first 500 workloads. */
export function statusPage({ node, capacity, workloads }: StatusDocument): string {
  const counts = Object.entries(node.workloads)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
  const state = node.ready ? (node.cordoned ? 'ready, cordoned' : 'ready') : 'not ready';
  const conditions = node.conditions.map(
    (c) => `<li><b>${html(c.severity)}</b> ${html(c.title)}: ${html(c.why)} <i>${html(c.fix)}</i></li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>berth: ${html(node.name)}</title><style>${STYLE}</style></head><body>
<h1>${html(node.name)}</h1>
<p>berth ${html(node.version)}, ${state}; ${counts || 'no workloads'}; ${node.leaked} leaked objects.</p>
<p>${LINKS.map((path) => `<a href="${path}">${html(path)}</a>`).join(' ')}</p>
${conditions.length > 0 ? `<h2>Conditions</h2><ul>${conditions.join('\n')}</ul>` : ''}
<h2>Capacity</h2>
<table><tr><th>scope</th><th>dimension</th><th>committed</th><th>allocatable</th><th>capacity</th><th></th></tr>
${capacity.map(capacityRow).join('\n')}</table>
<h2>Workloads</h2>
<table><tr><th>id</th><th>tenant</th><th>driver</th><th>state</th><th>restarts</th><th>address</th><th>cpu</th><th>memory</th><th>limit</th><th>pids</th></tr>
${workloads.slice(0, SHOWN).map(workloadRow).join('\n')}</table>
${workloads.length > SHOWN ? `<p>and ${workloads.length - SHOWN} more: see /status.json</p>` : ''}
</body></html>
`;
}

const SHOWN = 500;
const LINKS = ['/metrics', '/status.json', '/readyz?verbose', '/healthz'] as const;
const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2em;max-width:80em;color:#222;background:#fff}
table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:left;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}a{color:#8bf}}`;

function describe(workload: Sampled, latest: Latest | undefined): StatusWorkload {
  const memory = latest?.stats?.memory;
  const usage = latest?.stats?.cpu?.usageUsec;
  return {
    id: workload.id,
    tenant: workload.spec.tenant,
    driver: workload.spec.driver,
    state: workload.state,
    restarts: workload.restarts,
    address: workload.sandbox.address,
    cpuSeconds: usage === undefined ? null : usage / 1e6,
    memoryBytes: memory?.current ?? null,
    memoryLimitBytes: typeof memory?.max === 'number' ? memory.max : null,
    pids: latest?.stats?.pids?.current ?? null,
  };
}

function capacityRow(row: CapacityRow): string {
  const show = (value: number | null): string => {
    if (value === null) return 'no limit';
    return row.dimension === 'memory' ? formatSize(value) : String(Number(value.toFixed(2)));
  };
  const bar =
    row.allocatable === null ? '' : `<meter max="${Math.max(row.allocatable, 1e-9)}" value="${row.committed}"></meter>`;
  const cells = [row.committed, row.allocatable, row.capacity].map((value) => `<td class="n">${show(value)}</td>`);
  return `<tr><td>${html(row.scope)}</td><td>${row.dimension}</td>${cells.join('')}<td>${bar}</td></tr>`;
}

function workloadRow(w: StatusWorkload): string {
  const size = (bytes: number | null): string => (bytes === null ? '' : formatSize(bytes));
  const words = [w.id, w.tenant, w.driver, w.state].map((text) => `<td>${html(text)}</td>`).join('');
  const cpu = w.cpuSeconds === null ? '' : `${w.cpuSeconds.toFixed(1)} s`;
  const figures = [cpu, size(w.memoryBytes), size(w.memoryLimitBytes), String(w.pids ?? '')];
  const numbers = figures.map((text) => `<td class="n">${text}</td>`).join('');
  return `<tr>${words}<td class="n">${w.restarts}</td><td>${html(w.address ?? '')}</td>${numbers}</tr>`;
}

function html(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
