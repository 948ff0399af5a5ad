import { formatSize } from '../../base/units.js';
import { describeProgram } from '../../model/driver-kinds.js';
import type { WorkloadView } from '../../model/record.js';
import type { Saved } from '../../model/snapshot.js';
import type { Answer, Context } from '../command.js';
import {
  cpuOf,
  endSentence,
  formatAge,
  formatTime,
  memoryOf,
  memoryThen,
  preemptorOf,
  pressureThen,
  stateCell,
  victimOf,
  waitOf,
  wish,
} from '../format.js';
import { networkRows } from '../network-rows.js';
import type { Cell } from '../table.js';
import { facts } from '../table.js';

export async function run(context: Context): Promise<Answer> {
  const client = await context.client();
  const workload = await client.call('workload.get', { id: context.args[0] ?? '' });
  return { document: { workload }, text: facts(rows(workload, context.host.now()), context.style) };
}

function rows(w: WorkloadView, now: number): (readonly [string, string | Cell | undefined])[] {
  const { spec, sandbox, process, end, error, evicted, preemption } = w;
  const since = (ms: number) => `${formatTime(ms)} (${formatAge(now - ms)} ago)`;
  const { colour } = stateCell(w);
  const wanted = wish(w);
  const labels = Object.entries(spec.labels).map(([key, value]) => `${key}=${value}`);
  const limits = Object.entries(w.limits ?? {}).map(([file, value]) => `${file} ${value}`);
  return [
    ['Id', w.id],
    ['Tenant', spec.tenant],
    ['State', { colour, text: `${w.state} since ${since(w.since)}${wanted === '' ? '' : `, to be ${wanted}`}` }],
    ['Error', error === null ? undefined : { text: `${error.message} (${error.code})\n${error.hint}`, colour: 'red' }],
    [
      'Ready',
      w.ready === undefined ? undefined : { text: w.ready ? 'yes' : 'no', colour: w.ready ? 'green' : 'yellow' },
    ],
    ['Waits', waitOf(w)],
    [
      'Evicted',
      evicted && w.desired === 'stopped' && end === null ? `${since(evicted.at)}\n${evicted.detail}` : undefined,
    ],
    ['Ended', end === null ? undefined : `${since(end.at)}\n${endSentence(end)} (cause: ${end.cause})`],
    ['Snapshot', w.saved ? `${w.saved.name} of ${w.saved.of} (${SAVED[w.saved.phase]})` : undefined],
    ['Made room', end?.by && preemptorOf(end)],
    [
      'Preempted',
      preemption?.victims.map(({ id, class: of, priority }) => `${id} (${of}, priority ${priority})`).join('\n'),
    ],
    ['Victim', end === null ? undefined : victimOf(end)],
    ['Memory then', end === null ? undefined : memoryThen(end)],
    ['Worst then', end === null ? undefined : pressureThen(end)],
    ['Restarts', `${w.restarts}, policy ${spec.restart.policy}${restartLimit(w)}`],
    ['Next try', nextTry(w, now)],
    ['Driver', spec.driver],
    ['Runs', describeProgram(w.spec)],
    ['Image', w.image?.digest],
    ['Class', `${spec.class}, priority ${spec.priority}`],
    ['CPU', cpuOf(w)],
    ['Memory', memoryOf(w)],
    ['Merged', w.ksm && `${formatSize(w.ksm.profit)} saved, ${w.ksm.mergingPages} pages`],
    ['Labels', labels.join('\n')],
    ['Limits', limits.join('\n')],
    ['Pid', process === null ? undefined : `${process.pid}, started ${since(process.startedAt)}`],
    ...networkRows(w),
    ['Cgroup', sandbox.cgroupPath],
    ['Namespace', sandbox.netnsPath ?? undefined],
    ['Created', since(w.createdAt)],
    ['Generation', String(w.generation)],
  ];
}

const SAVED: Readonly<Record<Saved['phase'], string>> = {
  writing: 'berth writes it',
  waiting: 'the next start goes on from it',
  resuming: 'the guest goes on from it',
};

function restartLimit({ spec: { restart } }: WorkloadView): string {
  if (restart.policy === 'never') return '';
  return restart.maxRetries === undefined ? ', without end' : `, at most ${restart.maxRetries} without a good run`;
}

/** Undefined: its restart policy has nothing to do. */
function nextTry({ id, restart: { attempts, nextAt, gaveUp } }: WorkloadView, now: number): Cell | undefined {
  if (gaveUp)
    return { colour: 'red', text: `gave up after ${attempts}; start it again with \`berth workload start ${id}\`` };
  if (nextAt === null) return undefined;
  return { text: `number ${attempts} at ${formatTime(nextAt)} (in ${formatAge(nextAt - now)})` };
}
