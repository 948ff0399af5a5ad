// The whole agent on a state disk that fills up: a tmpfs of 8 MiB in a mount namespace of its own.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

const PORT = 19_466;
const MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));
let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const state = (): string => join(host.directory, 'state');
/** All that is free now, beside what an earlier call has taken. */
const fill = (): string =>
  host.run(
    `dd if=/dev/zero of=${state()}/fill bs=4k oflag=append conv=notrunc 2>/dev/null; df --output=avail ${state()}`,
  );
const empty = (): string => host.run(`rm -f ${state()}/fill`);

test.before(async () => {
  host = await openHost();
  host.run(`mkdir ${state()} && mount -t tmpfs -o size=8m tmpfs ${state()}`);
  const { directory, prefix, start } = host;
  const env = {
    BERTH_WEB_LISTEN: `127.0.0.1:${PORT}`,
    BERTH_LIFECYCLE_LOG_MAX: '64Ki',
    BERTH_LIFECYCLE_STOP_GRACE: '200ms',
  };
  agent = new OwnAgent({ directory, prefix, start, cgroup: `berth-test-disk-${process.pid}`, env });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client.close();
  await agent.end();
  host.end();
});

const spec = (id: string, script: string, restart: object = {}) => ({
  ...{ id, driver: 'exec' as const, network: { mode: 'none' as const }, restart },
  exec: { isolation: 'none' as const, command: ['/bin/sh', '-c', script] },
});

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await sleep(20);
  }
}

async function hasCondition(code: string): Promise<boolean> {
  const { conditions } = await client.call('node.describe', {});
  return conditions.some((condition) => condition.code === code);
}

async function untilCondition(code: string, there: boolean): Promise<void> {
  while ((await hasCondition(code)) !== there) await sleep(50);
}

/** What the agent removes meanwhile, as of a workload that was deleted just before, is room again. */
async function untilUnwritable(): Promise<void> {
  for (fill(); !(await hasCondition('journal_unwritable')); fill()) await sleep(100);
}

/** As the host's own probe would see it. */
const readyz = (): string =>
  host.run(
    `python3 -c 'import http.client as h; c = h.HTTPConnection("127.0.0.1", ${PORT}); c.request("GET", "/readyz"); print(c.getresponse().status)'`,
  );

test.serial(
  'an end on a full disk is recorded, its workload comes back, and the node says what is wrong meanwhile',
  async (t) => {
    await client.call('workload.create', {
      spec: spec('ends', 'read x < /dev/null; sleep 2; exit 3', { policy: 'always' }),
    });
    const { process: first } = await until('ends', ({ process }) => process !== null);
    t.regex(fill(), /\b0\b/);
    await untilUnwritable();
    t.is(readyz().trim(), '503');
    const { end } = await until('ends', ({ end }) => end !== null);
    t.like(end, { code: 3, cause: 'exit' });
    empty();
    await untilCondition('journal_unwritable', false);
    await until('ends', ({ process }) => process !== null && process.pid !== first?.pid);
    await untilCondition('disk_full', false);
    t.is(readyz().trim(), '200');
    await client.call('workload.delete', { id: 'ends', now: true });
  },
);

test.serial(
  'on a full disk stop, delete and cordon work, create says why not, and nothing is a defect of berth',
  async (t) => {
    for (const id of ['stops', 'goes']) await client.call('workload.create', { spec: spec(id, 'exec sleep 600') });
    for (const id of ['stops', 'goes']) await until(id, ({ state: now }) => now === 'running');
    await untilUnwritable();
    const refused = await t.throwsAsync(client.call('workload.create', { spec: spec('new', 'exec sleep 600') }));
    t.true(['disk_full', 'admission_refused'].includes((refused as { code?: string } | undefined)?.code ?? ''));
    await client.call('workload.stop', { id: 'stops' });
    await until('stops', ({ state: now }) => now === 'exited');
    await client.call('workload.delete', { id: 'goes' });
    for (const id of ['goes'])
      while ((await client.call('workload.list', {})).workloads.some((one) => one.id === id)) await sleep(20);
    await client.call('node.cordon', {});
    await client.call('node.uncordon', {});
    empty();
    await untilCondition('disk_full', false);
    await client.call('workload.create', { spec: spec('new', 'exec sleep 600') });
    await until('new', ({ state: now }) => now === 'running');
    for (const id of ['stops', 'new']) await client.call('workload.delete', { id, now: true });
  },
);

/** All that is kept of an output, as the command gives it. */
function logs(id: string): Buffer {
  const file = join(host.directory, `${id}.logs`);
  host.run(`BERTH_CONNECT=${agent.socket} ${process.execPath} ${MAIN} workload logs ${id} > ${file}`);
  return readFileSync(file);
}

const droppedBytes = (): number => {
  const get = `import urllib.request as u; print(u.urlopen("http://127.0.0.1:${PORT}/metrics").read().decode())`;
  const page = host.run(`python3 -c '${get}'`);
  return Number(/^berth_output_dropped_bytes_total (\d+)$/m.exec(page)?.[1]);
};

test.serial('logs give the bytes that a workload wrote, any bytes, over a rotation', async (t) => {
  const source = join(host.directory, 'random');
  for (const [id, length] of [
    ['whole', 60_000],
    ['rotated', 200_000],
  ] as const) {
    const written = randomBytes(length);
    t.is(new Set(written).size, 256);
    writeFileSync(source, written);
    await client.call('workload.create', { spec: spec(id, `cat ${source}`) });
    await until(id, ({ end }) => end !== null);
    const kept = logs(id);
    t.true(kept.length === length || kept.length > 64 << 10, `${kept.length}`);
    t.true(kept.equals(written.subarray(length - kept.length)));
    const { missing } = await client.call('workload.logs', { id, offset: 0, encoding: 'base64' });
    t.is(missing ?? 0, length - kept.length);
    await client.call('workload.delete', { id, now: true });
  }
});

test.serial('output that a full disk refuses is counted: in its place, and in the metrics', async (t) => {
  const [written, gate] = [join(host.directory, 'written'), join(host.directory, 'gate')];
  const wait = (file: string) => `while [ ! -e ${file} ]; do sleep 0.05; done`;
  // Without an end of a line: berth begins one of its own, and the bytes can be told apart.
  const script = `printf before; ${wait(gate)}; head -c 40000 /dev/zero | tr '\\0' x; echo > ${written}; ${wait(`${gate}2`)}; printf after`;
  await client.call('workload.create', { spec: spec('drops', script) });
  await until('drops', ({ state: now }) => now === 'running');
  const before = droppedBytes();
  // Twice: the agent gives up its reserve at the first.
  await untilUnwritable();
  t.regex(fill(), /\b0\b/);
  writeFileSync(gate, '');
  while (host.status(`test -e ${written}`) !== 0) await sleep(20);
  while (droppedBytes() === before) await sleep(100);
  empty();
  while (!logs('drops').includes('are missing here')) await sleep(100);
  writeFileSync(`${gate}2`, '');
  await until('drops', ({ end }) => end !== null);
  const text = logs('drops').toString();
  const gaps = [...text.matchAll(/^berth: (\d+) bytes of output are missing here: no space left on device$/gm)];
  const missing = gaps.reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  t.true(missing > 0);
  while (droppedBytes() - before < missing) await sleep(100);
  t.is(droppedBytes() - before, missing);
  const kept = text.replace(/\nberth: \d+ bytes .*\n/g, '');
  t.is(kept, `before${'x'.repeat(40_000 - missing)}after`);
  await client.call('workload.delete', { id: 'drops', now: true });
});
