// Docs/microvms.md, from nothing to a snapshot and back, with a guest under TCG on a whole agent; and an agent that is killed.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { guestAssets, tcgGuestArguments } from '../lab/guest.js';
import { eventually } from './drivers/host.js';
import { OwnAgent } from './own-agent.js';
import { connect } from './told-client.js';
import { when } from './workload/draining-life.js';

const DOCUMENT = fileURLToPath(new URL('../../../docs/microvms.md', import.meta.url));
const BOOT_MS = 120_000;
const directory = mkdtempSync(join(tmpdir(), 'berth-snapshots-'));
const agent = new OwnAgent({
  directory,
  cgroup: `berth-s${process.pid}`,
  env: {
    BERTH_NETWORK_POOL: '10.201.12.0/28',
    BERTH_NETWORK_TABLE: `berth_s${process.pid}`,
    BERTH_NETWORK_LINK_PREFIX: 'bs',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_WEB_LISTEN: '',
    BERTH_METRICS_INTERVAL: '1s',
    BERTH_DRIVERS_QEMU_ACCEL: 'tcg',
  },
});

const berth = (line: string) => {
  const { status, stdout, stderr } = agent.berth(line.split(' '), undefined, { timeout: BOOT_MS });
  return { exit: status, out: stdout, err: stderr };
};
const shown = (id: string): WorkloadView => JSON.parse(berth(`workload show ${id} --json`).out).workload;
const answers = (view: WorkloadView) =>
  eventually(async () => (await fetch(`http://${view.sandbox.address}/`)).text(), BOOT_MS);
/** Of all runs. */
const boots = (id: string) => berth(`workload logs ${id}`).out.split('berth-guest ready').length - 1;
function snapshotsOf(id: string): string[] {
  const snapshots = join(directory, 'state/snapshots', id);
  return existsSync(snapshots) ? readdirSync(snapshots) : [];
}

/** What the document says to type, and the specification that it shows. */
function recipe(): { readonly commands: readonly string[]; readonly spec: Record<string, unknown> } {
  const parts = readFileSync(DOCUMENT, 'utf8').split(/^# /m);
  const part = parts.find((text) => text.startsWith('Snapshots of microVMs')) ?? '';
  const indented = part.split('\n').filter((line) => line.startsWith('    '));
  const commands = indented.map((line) => line.trim()).filter((line) => line.startsWith('berth '));
  const json = indented.slice(indented.findIndex((line) => line.trim() === '{'));
  return { commands: commands.map((line) => line.slice('berth '.length)), spec: JSON.parse(json.join('\n')) };
}

/** `over` its section of QEMU, `beside` it. */
async function specIn(id: string, over: object = {}, beside: object = {}): Promise<string> {
  const { spec } = recipe();
  const append = `console=ttyS0 ${await tcgGuestArguments()}`;
  const qemu = { ...(spec.qemu as object), ...(await guestAssets()), append, ...over };
  const path = join(directory, `${id}.json`);
  writeFileSync(path, JSON.stringify({ ...spec, ...beside, id, qemu }));
  return path;
}

test.before(() => agent.start());

test.after.always(async () => {
  await agent.end();
  rmSync(directory, { recursive: true, force: true });
});

test.serial('a guest that does nothing is suspended, and a start resumes it where it stood', async (t) => {
  t.timeout(BOOT_MS * 2);
  const path = await specIn('vm-idle', {}, { idle: { suspendAfter: '3s' } });
  t.is(berth(`workload create -f ${path}`).exit, 0);
  await eventually(async () => (shown('vm-idle').end?.cause === 'suspended' ? true : undefined), BOOT_MS);
  t.is(boots('vm-idle'), 1);
  const { events } = JSON.parse(berth('events --workload vm-idle --type workload.idle --json').out);
  t.is(events.length, 1);
  t.true(events[0].data.idleMs >= 3000);
  t.is(berth('workload start vm-idle').exit, 0);
  t.regex(await answers(shown('vm-idle')), /hello from guest/);
  t.is(boots('vm-idle'), 1);
  t.is(berth('workload delete vm-idle').exit, 0);
  t.deepEqual(snapshotsOf('vm-idle'), []);
});

test.serial('each command of the document does what it says', async (t) => {
  t.timeout(BOOT_MS * 3);
  const path = await specIn('vm-1');
  const { commands } = recipe();
  t.is(commands.length, 9);
  let before: WorkloadView | undefined;
  for (const command of commands) {
    const { exit, out, err } = berth(command.replace('vm-1.json', path));
    t.is(exit, 0, `${command}: ${err}`);
    if (command.startsWith('workload create')) {
      before = shown('vm-1');
      t.regex(await answers(before), /hello from guest/);
      await eventually(async () => (boots('vm-1') === 1 ? true : undefined), BOOT_MS);
    }
    if (command === 'workload show vm-1')
      t.regex(out, /cause: suspended[\s\S]*0001 of vm-1 \(the next start goes on from it/);
    if (command === 'workload snapshots') t.regex(out, /vm-1 +0001 +[\d.]+Mi .*QEMU \d.*suspended/);
    if (command.startsWith('workload start')) {
      const after = shown('vm-1');
      t.is(after.sandbox.address, before?.sandbox.address ?? null);
      t.not(after.process?.pid, before?.process?.pid);
      t.regex(await answers(after), /hello from guest/);
      t.is(boots('vm-1'), 1, 'it has not booted again');
    }
    if (command === 'workload snapshots vm-1') t.regex(out, /kept/);
  }
});

test.serial('clones go on from one snapshot, each with an address of its own', async (t) => {
  t.timeout(BOOT_MS * 3);
  t.is(berth(`workload create -f ${await specIn('template')}`).exit, 0);
  const template = shown('template');
  t.regex(await answers(template), /hello from guest/);
  t.is(berth('workload snapshot template --keep-running').exit, 0);
  for (const id of ['clone-1', 'clone-2']) {
    const { exit, err } = berth(`workload create -f ${await specIn(id, { snapshot: 'template/0001' })}`);
    t.is(exit, 0, err);
  }
  const clones = ['clone-1', 'clone-2'].map(shown);
  t.is(new Set([template, ...clones].map(({ sandbox }) => sandbox.address)).size, 3);
  for (const one of [template, ...clones]) t.regex(await answers(one), /hello from guest/, one.id);
  t.is(boots('clone-1'), 0);
  t.like(clones[0]?.sandbox, { guestAddress: template.sandbox.address });
  t.is(berth('workload delete template clone-1 clone-2 --now').exit, 0);
});

test.serial('an agent that is killed while it saves leaves a guest that runs, or one that goes on later', async (t) => {
  t.timeout(BOOT_MS * 4);
  const path = await specIn('vm-2');
  t.is(berth(`workload create -f ${path}`).exit, 0);
  t.regex(await answers(shown('vm-2')), /hello from guest/);
  for (const seen of ['state', 'manifest.json']) {
    const client = await connect(agent.socket);
    const asked = client.call('workload.snapshot', { id: 'vm-2' }).catch(() => undefined);
    const file = () =>
      snapshotsOf('vm-2').some((name) => existsSync(join(directory, 'state/snapshots/vm-2', name, seen)));
    await when(file);
    await agent.kill('SIGKILL');
    await asked;
    await agent.start();
    const rested = await eventually(async () => {
      const view = shown('vm-2');
      return view.state === 'running' && !view.saved ? view : view.state === 'exited' ? view : undefined;
    }, BOOT_MS);
    if (rested.state === 'exited') {
      t.is(rested.saved?.phase, 'waiting');
      t.is(berth('workload start vm-2').exit, 0);
    } else t.deepEqual(snapshotsOf('vm-2'), []);
    t.regex(await answers(shown('vm-2')), /hello from guest/);
    t.is(boots('vm-2'), 1);
  }
  t.is(berth('workload delete vm-2 --now').exit, 0);
});
