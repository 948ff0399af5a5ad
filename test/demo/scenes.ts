// What the demo shows, scene by scene. Each looks at the host itself, not only at what berth says of it.
import { type BerthOnTarget, create, leftovers, reach, removeAll } from '../host/berth.js';
import { queryOne, startPrometheus } from '../host/prometheus.js';
import type { Target } from '../host/target.js';
import { expect, type Story } from './story.js';
import { containers, hog, microvm, PREPARE, services, tooMuch } from './workloads.js';

const TREE = '/sys/fs/cgroup/berth.slice/berth-workloads.service';

export async function play(
  story: Story,
  target: Target,
  install: () => Promise<BerthOnTarget>,
): Promise<BerthOnTarget> {
  const berth = await agent(story, target, install);
  const { node } = berth;
  await story.scene('A central scheduler is connected', async () => {
    const { protocol, node: description } = await hello(berth);
    return `${description.name} speaks ${protocol} over a websocket that it opened itself`;
  });
  await target.ssh(PREPARE);
  await story.scene('Twelve processes of two tenants', (say) => startServices(berth, say));
  await story.scene('Two containers', () => startContainers(berth));
  await story.scene('A microVM', () => startMicrovm(berth));
  await story.scene('A limit that bites', async (say) => {
    await create(node, hog);
    const { end, state } = await reach(node, hog.id, ['failed', 'exited']);
    expect(end?.cause === 'limit', `the hog should have ended at its limit, not by ${end?.cause}: ${end?.detail}`);
    say(`record: ${end.detail}`);
    const { workloads } = await node.call('workload.list', { state: 'running' });
    expect(workloads.length === 15, `15 others should still run, ${workloads.length} do`);
    return `${hog.id} is ${state}; the 15 others were not touched`;
  });
  await story.scene('A refusal with its reason', () => refuse(berth));
  await story.scene('A live resize', () => resize(berth));
  await story.scene('kill -9 of the agent', () => killAgent(berth));
  await story.scene('The memory of one workload, from Prometheus', () => measure(berth));
  await story.scene('Everything deleted, nothing left', () => clean(berth));
  return berth;
}

async function agent(story: Story, target: Target, install: () => Promise<BerthOnTarget>): Promise<BerthOnTarget> {
  let berth: BerthOnTarget | undefined;
  await story.scene('The agent, installed from its Debian package', async (say) => {
    say('building the package, installing it, systemctl enable and restart');
    berth = await install();
    const active = await target.waitFor('systemctl is-active berth', { what: 'berth.service to be active' });
    expect(active.stdout.trim() === 'active', 'berth.service is not active');
    const { stdout } = await target.ssh('berth version');
    return `${stdout.trim()} is active and ready`;
  });
  if (berth === undefined) throw new Error('not installed');
  return berth;
}

function hello({ node }: BerthOnTarget) {
  return node.call('node.describe', {}).then((description) => ({ protocol: 'berth.v1', node: description }));
}

async function startServices({ node, target }: BerthOnTarget, say: (line: string) => void): Promise<string> {
  await Promise.all(services.map((spec) => create(node, spec)));
  const views = await Promise.all(services.map(({ id }) => reach(node, id)));
  const bad = views.filter(({ state }) => state !== 'running');
  expect(
    bad.length === 0,
    `not running: ${bad.map(({ id, end, error }) => `${id} ${end?.detail ?? error?.message}`).join('; ')}`,
  );
  const first = views[0];
  expect(first !== undefined, 'no workload');
  const limit = (await target.ssh(`cat ${TREE}/acme/${first.id}/cpu.max ${TREE}/acme/${first.id}/memory.max`)).stdout;
  say(`cpu.max and memory.max of ${first.id} in the kernel: ${limit.trim().replace('\n', ' and ')}`);
  expect(limit.includes('50000 100000') && limit.includes(String(32 * 2 ** 20)), `limits are ${limit}`);
  const page = await target.ssh(`curl -sf --max-time 20 http://${first.sandbox.address}/`);
  return `12 running; ${first.sandbox.address} says "${page.stdout.trim()}"`;
}

async function startContainers({ node, target }: BerthOnTarget): Promise<string> {
  const pages: string[] = [];
  for (const spec of containers) {
    await create(node, spec);
    const view = await reach(node, spec.id);
    expect(view.state === 'running', `${spec.id} is ${view.state}: ${view.error?.message ?? view.end?.detail}`);
    const { stdout } = await target.waitFor(`curl -sf --max-time 20 http://${view.sandbox.address}/`);
    pages.push(`${view.sandbox.address} says "${stdout.trim()}"`);
  }
  return pages.join(', ');
}

async function startMicrovm({ node, target }: BerthOnTarget): Promise<string> {
  const [kernel, initrd] = ['/usr/share/berth-lab/vmlinuz', '/usr/share/berth-lab/initrd.cpio.gz'];
  const spec = microvm(kernel, initrd);
  await create(node, spec);
  const view = await reach(node, spec.id);
  expect(view.state === 'running', `${spec.id} is ${view.state}: ${view.error?.message ?? view.end?.detail}`);
  const request = `curl -sf --max-time 10 http://${view.sandbox.address}/`;
  const { stdout } = await target.waitFor(request, {
    timeoutMs: 300_000,
    everyMs: 2000,
    what: 'the guest to answer over its tap',
  });
  const { drivers } = await node.call('node.describe', {});
  const how = drivers.find(({ name }) => name === 'qemu')?.reason ?? '';
  return `a Linux kernel of its own (${how.split(':')[0]}), ${view.sandbox.address} says "${stdout.trim()}"`;
}

async function refuse({ node }: BerthOnTarget): Promise<string> {
  const before = await promised(node);
  try {
    await create(node, tooMuch);
  } catch (error) {
    expect(error instanceof Error && 'code' in error && error.code === 'admission_refused', String(error));
    expect((await promised(node)) === before, 'the ledger changed');
    return error.message;
  }
  throw new Error(`${tooMuch.id} was admitted`);
}

/** What is committed of everything, as text; what the host uses meanwhile is not the ledger's. */
async function promised(node: BerthOnTarget['node']): Promise<string> {
  const { rows } = await node.call('node.capacity', {});
  return JSON.stringify(
    rows.map(({ scope, dimension, committed, reserved }) => [scope, dimension, committed, reserved]),
  );
}

async function resize({ node, target }: BerthOnTarget): Promise<string> {
  const spec = services[0];
  expect(spec !== undefined, 'no workload');
  const file = `${TREE}/${spec.tenant}/${spec.id}/memory.max`;
  const before = await target.ssh(`cat ${file}`);
  const pid = (await node.call('workload.get', { id: spec.id })).process?.pid;
  const resources = { ...spec.resources, memory: { limit: '48Mi' } };
  const view = await node.call('workload.update', { id: spec.id, spec: { ...spec, resources } });
  const after = await target.ssh(`cat ${file}`);
  expect(after.stdout.trim() === String(48 * 2 ** 20), `memory.max is ${after.stdout}`);
  expect(view.process?.pid === pid, 'the process changed');
  return `memory.max of ${spec.id} from ${before.stdout.trim()} to ${after.stdout.trim()}, same process ${pid}`;
}

async function identities({ node }: BerthOnTarget): Promise<Map<string, string>> {
  const { workloads } = await node.call('workload.list', { state: 'running' });
  return new Map(workloads.map(({ id, process }) => [id, `${process?.pid}/${process?.startTime}`]));
}

async function killAgent(berth: BerthOnTarget): Promise<string> {
  const { target, node } = berth;
  const before = await identities(berth);
  const connections = node.connections;
  const pid = (await target.ssh('systemctl show -P MainPID berth')).stdout.trim();
  await target.ssh(`kill -9 ${pid}`);
  await target.waitFor(`test "$(systemctl show -P MainPID berth)" != ${pid} && systemctl is-active berth`, {
    what: 'systemd to start the agent again',
    timeoutMs: 300_000,
  });
  await target.waitFor('berth node status', { what: 'the agent to answer', timeoutMs: 300_000 });
  await node.call('session.ping', {});
  const after = await identities(berth);
  expect(node.connections > connections, 'the scheduler saw no new connection');
  for (const [id, identity] of before) expect(after.get(id) === identity, `${id} was ${identity}, is ${after.get(id)}`);
  const pids = [...before.values()].map((identity) => identity.split('/')[0]).join(' ');
  await target.ssh(`for pid in ${pids}; do kill -0 $pid || exit 1; done`);
  return `${before.size} workloads alive, each with the same pid and start time`;
}

async function measure({ target }: BerthOnTarget): Promise<string> {
  const port = await startPrometheus(target);
  const query = 'berth_workload_memory_bytes{workload="acme-box"}';
  const bytes = await queryOne(port, query);
  return `${query} is ${bytes}`;
}

async function clean({ node, target }: BerthOnTarget): Promise<string> {
  const count = await removeAll(node);
  const left = await leftovers(target);
  expect(left === '', `left behind:\n${left}`);
  await node.call('node.cleanup', {});
  const { leaked } = await node.call('node.describe', {});
  expect(leaked === 0, `${leaked} leaked objects`);
  return `${count} deleted; no namespace, link, route, cgroup or file of theirs is left; berth_leaked_objects 0`;
}
