// `berth top` and prediction on a whole agent, the command in a terminal of its own (script(1)).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { TopDocument } from '../../agent/metrics/top.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';

let host: OwnHost;
let agent: OwnAgent;
const config = (): string => join(host.directory, 'berth.toml');
const checkpoint = (): string => join(host.directory, 'state', 'prediction.json');

const agentOn = ({ directory, prefix, start }: OwnHost): OwnAgent =>
  new OwnAgent({
    ...{ directory, prefix, start },
    cgroup: `berth-top-${process.pid}`,
    args: ['--config', join(directory, 'berth.toml')],
    env: {
      BERTH_NETWORK_POOL: '10.201.10.0/28',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_METRICS_INTERVAL: '1s',
      BERTH_METRICS_CADVISOR: 'true',
      BERTH_WEB_LISTEN: '127.0.0.1:9466',
    },
  });

function berth(line: string, input?: unknown) {
  const { status, stdout, stderr } = agent.berth(line.split(' '), input);
  return { exit: status, out: stdout, err: stderr };
}

const json = (line: string, input?: unknown) => JSON.parse(berth(`${line} --json`, input).out);
const ADVISE = '[density]\nprediction = "advise"\n';

/** The row of a workload, once it has been sampled twice. */
async function busyRow(id: string): Promise<TopDocument['workloads'][number] | undefined> {
  for (let tries = 0; tries < 30; tries++) {
    const row = (json('top') as TopDocument).workloads.find((one) => one.id === id);
    if (row !== undefined && row.cpu !== null) return row;
  }
  return undefined;
}

test.before(async () => {
  host = await openHost();
  writeFileSync(join(host.directory, 'berth.toml'), ADVISE);
  agent = agentOn(host);
  await agent.start();
  const command = ['/bin/sh', '-c', 'while :; do :; done'];
  const spec = {
    id: 'busy',
    tenant: 'acme',
    driver: 'exec',
    network: { mode: 'none' },
    exec: { isolation: 'none', command },
  };
  const { exit, err } = berth('workload create -f -', { ...spec, resources: { cpu: { request: 0.2 } } });
  if (exit !== 0) throw new Error(err);
});

test.after.always(async () => {
  berth('workload delete --all --now');
  await agent.end();
  host.end();
});

test.serial('what a workload uses comes from the samples, the host beside it, and its start was counted', async (t) => {
  const row = await busyRow('busy');
  t.like(row, { state: 'running', tenant: 'acme', cpuLimit: null, waiting: null });
  t.true((row?.cpu ?? 0) > 0 && (row?.cpu ?? 9) < 1.5, `${row?.cpu}`);
  // Some kernels lend this tree no memory controller.
  t.true(row?.memoryBytes === null || (row?.memoryBytes ?? 0) > 0);
  const { host, starts } = json('top') as TopDocument;
  t.true(host.cpu !== null && host.cpu > 0 && host.cpu <= host.cpus);
  t.true((host.memoryUsedBytes ?? 0) > 0 && (host.memoryUsedBytes ?? 0) < host.memoryBytes);
  t.is(starts.totals.granted, 1);
  t.like(json('node status').node.starts, { enabled: true, queued: 0 });
});

test.serial('the same samples are on the page of cAdvisor', async (t) => {
  await busyRow('busy');
  const text = host.run('curl -sf http://127.0.0.1:9466/metrics/cadvisor');
  const [line = ''] = text.split('\n').filter((one) => one.startsWith('container_cpu_usage_seconds_total{'));
  t.regex(line, new RegExp(`[{,]id="/berth-top-${process.pid}/acme/busy",name="busy",cpu="total"} +[0-9]+[.][0-9]`));
  t.true(Number(line.split(' ').at(-1)) > 0);
});

/** Runs it with a terminal of 100 x 20, types `keys` once it shows something, and gives all that the terminal got. */
async function inTerminal(line: string, keys: string): Promise<{ shown: string; exit: number | null }> {
  const command = `stty cols 100 rows 20; ${[process.execPath, ...berthMain, ...line.split(' ')].join(' ')}; r=$?; stty -a; exit $r`;
  const env = { ...process.env, ...agent.env, BERTH_CONNECT: agent.socket, TERM: 'xterm' };
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = shown;
    shown += text;
    if (!before.includes('q quit') && shown.includes('q quit')) child.stdin.write(keys);
  });
  const [exit] = await once(child, 'close');
  return { shown, exit };
}
const berthMain = [new URL('../../agent/main.js', import.meta.url).pathname];

for (const [what, keys, code] of [
  ['q', 'q', 0],
  ['ctrl-c', '\x03', 130],
] as const)
  test.serial(`in a terminal: its own screen, and after ${what} everything is as it was`, async (t) => {
    const { shown, exit } = await inTerminal('top', keys);
    t.is(exit, code);
    const [enter, leave] = [shown.indexOf('\x1b[?1049h'), shown.lastIndexOf('\x1b[?1049l')];
    t.true(enter >= 0 && leave > enter, JSON.stringify(shown));
    t.true(shown.slice(enter, leave).includes('busy'));
    // stty -a names what is off with a dash.
    t.regex(shown.slice(leave), /(?<!-)icanon/);
    t.regex(shown.slice(leave), /(?<!-)\becho\b/);
  });

test.serial(
  'prediction learns, is honest about it, outlives the agent, and says when its file is damaged',
  async (t) => {
    const { prediction } = json('node capacity');
    t.like(prediction, { mode: 'advise', forecast: { workloads: 1, unknown: 1 } });
    t.is(prediction.advice[0].ratio, null);
    t.regex(berth('node capacity').out, /^burstable +cpu +learning +0.2 /m);
    await agent.kill('SIGTERM');
    t.true(existsSync(checkpoint()));
    writeFileSync(checkpoint(), 'torn');
    await agent.start();
    const { events } = json('events');
    const damaged = events.filter(({ type }: { type: string }) => type === 'journal.damaged');
    t.is(damaged.length, 1);
    t.is(damaged[0].data.path, checkpoint());
    t.true(existsSync(damaged[0].data.movedTo));
    t.is(json('node capacity').prediction.mode, 'advise');
  },
);

test.serial('SIGHUP turns it off and on', async (t) => {
  const hangUp = async (toml: string): Promise<unknown> => {
    writeFileSync(config(), toml);
    const reloads = () =>
      json('events').events.filter(({ type }: { type: string }) => type === 'config.reloaded').length;
    const before = reloads();
    agent.signal('SIGHUP');
    for (let tries = 0; tries < 100 && reloads() === before; tries++);
    return json('node capacity').prediction;
  };
  t.is(await hangUp(''), null);
  t.like(await hangUp(ADVISE), { mode: 'advise' });
});
