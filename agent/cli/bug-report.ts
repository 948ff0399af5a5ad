// The files of a bug report: one entry a file. What holds passwords, environments and files of workloads, is left out here; logs
// and events have none.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { runProgram } from '../../linux/run-program.js';
import { BerthError } from '../../protocol/errors.js';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { withoutValues } from '../control/scoped.js';
import type { BerthEvent } from '../model/event.js';
import type { Client, Context } from './command.js';
import { pages } from './pages.js';
import { matching } from './selection.js';

/** Newest events, and lines of the journal. */
const MOST_EVENTS = 5000;
const MOST_LINES = 5000;
const MOST_LOG_BYTES = 16 * 1024 * 1024;
const PAGE = 500;
const JOURNAL_MS = 15_000;
const UNITS = ['berth.service', 'berth-workloads.service'];

export interface ReportPart {
  readonly file: string;
  /** An object becomes JSON. Rejects where it cannot be had. */
  make(context: Context, signal: AbortSignal): Promise<string | object>;
}

const asked =
  (ask: (client: Client) => Promise<object>): ReportPart['make'] =>
  async (context) =>
    ask(await context.client());

export const PARTS: readonly ReportPart[] = [
  { file: 'node.json', make: asked((client) => client.call('node.describe', {})) },
  { file: 'doctor.json', make: doctor },
  { file: 'capacity.json', make: asked((client) => all(client, 'node.capacity')) },
  { file: 'top.json', make: asked((client) => all(client, 'node.top')) },
  {
    file: 'workloads.json',
    make: asked(async (client) =>
      (await matching(client, {})).map((view) => ({ ...view, spec: withoutValues(view.spec) })),
    ),
  },
  { file: 'tenants.json', make: asked((client) => client.call('tenant.list', {})) },
  { file: 'licences.json', make: asked((client) => all(client, 'licence.list')) },
  { file: 'images.json', make: asked((client) => client.call('image.list', {})) },
  { file: 'cleanup.json', make: asked((client) => client.call('node.cleanup', { dryRun: true })) },
  { file: 'events.jsonl', make: events },
  { file: 'config.json', make: configuration },
  { file: 'metrics.txt', make: metrics },
  { file: 'agent.log', make: journal },
  { file: 'supervisor.log', make: supervisorLog },
  { file: 'system.txt', make: system },
];

async function all(client: Client, method: 'node.capacity' | 'node.top' | 'licence.list'): Promise<object> {
  const answers: object[] = [];
  for await (const answer of pages(client, method, {}, PAGE)) answers.push(answer);
  return answers;
}

/** Without an agent the checks of the host that need none. */
async function doctor(context: Context): Promise<object> {
  try {
    const client = await context.client();
    return await client.call('node.doctor', {});
  } catch {
    return { conditions: await context.host.checkHost() };
  }
}

async function events(context: Context, signal: AbortSignal): Promise<string> {
  const client = await context.client();
  const { cursor } = await client.call('events.subscribe', {});
  const kept: BerthEvent[] = [];
  if (cursor > 0)
    for await (const event of client.events(0, { signal })) {
      kept.push(event);
      if (kept.length > MOST_EVENTS) kept.shift();
      if (event.cursor >= cursor) break;
    }
  return kept.map((event) => `${JSON.stringify(event)}\n`).join('');
}

const load = ({ option, host, configFlags }: Context) =>
  loadConfig({ file: option('config'), env: host.env, flags: configFlags });

async function configuration(context: Context): Promise<object> {
  const { config, origins, files, warnings } = await load(context);
  return { config, origins: Object.fromEntries(origins), files, warnings };
}

async function configOf(context: Context): Promise<Config> {
  return (await load(context)).config;
}

async function metrics(context: Context, signal: AbortSignal): Promise<string> {
  const { listen, config_file } = (await configOf(context)).web;
  if (config_file !== '') throw new BerthError('usage', 'web.config_file asks for TLS or a password');
  const answer = await fetch(`http://${listen}/metrics`, { signal }).catch((error: Error) => {
    throw new BerthError('cannot_connect', `http://${listen}/metrics: ${messageOf(error.cause ?? error)}`);
  });
  if (!answer.ok) throw new BerthError('cannot_connect', `http://${listen}/metrics answers ${answer.status}`);
  return answer.text();
}

async function journal(_context: Context, signal: AbortSignal): Promise<string> {
  const units = UNITS.flatMap((unit) => ['-u', unit]);
  const args = [...units, '-n', String(MOST_LINES), '--no-pager', '-o', 'short-iso-precise'];
  const options = { deadlineMs: JOURNAL_MS, outputBytes: MOST_LOG_BYTES, signal };
  const { code, stdout, stderr } = await runProgram('journalctl', args, options);
  if (code !== 0) throw new BerthError('internal', `journalctl ended with code ${code}: ${stderr.trim()}`);
  return stdout;
}

async function supervisorLog(context: Context): Promise<string> {
  const path = join((await configOf(context)).paths.runtime, 'supervisor.log');
  return (await readPlain(path, MOST_LOG_BYTES)).toString('utf8');
}

const SYSTEM_FILES = [
  '/etc/os-release',
  '/proc/version',
  '/proc/uptime',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/pressure/cpu',
  '/proc/pressure/memory',
  '/proc/pressure/io',
  '/proc/self/mountinfo',
  '/sys/fs/cgroup/cgroup.controllers',
];

async function system(): Promise<string> {
  const parts = await Promise.all(
    SYSTEM_FILES.map(async (path) => {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => `(${error.code})\n`);
      return `==> ${path}\n${text}\n`;
    }),
  );
  return parts.join('');
}
