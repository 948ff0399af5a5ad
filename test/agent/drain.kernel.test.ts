// A drain of a whole agent with real workloads, killed in the middle of it, and lifted, as a person would do it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';

const directory = mkdtempSync(join(tmpdir(), 'berth-drain-'));
const table = `berth_e${process.pid}`;
const agent = new OwnAgent({
  directory,
  cgroup: `berth-e${process.pid}`,
  env: {
    BERTH_NETWORK_POOL: '10.201.10.0/28',
    BERTH_NETWORK_TABLE: table,
    BERTH_NETWORK_LINK_PREFIX: 'be',
    BERTH_NETWORK_FORWARDING: 'leave',
    BERTH_NETWORK_SLOTS: '0',
    BERTH_WEB_LISTEN: '',
    BERTH_LIFECYCLE_STOP_GRACE: '1h',
  },
});

function berth(line: string, input?: unknown) {
  const { status, stdout, stderr } = agent.berth(line.split(' '), input);
  return { exit: status, out: stdout, err: stderr };
}

const json = (line: string, input?: unknown) => JSON.parse(berth(`${line} --json`, input).out);
const shown = (id: string): WorkloadView => json(`workload show ${id}`).workload;

/** Ends when it is asked to, or never. */
const spec = (id: string, stubborn: boolean, over: object = {}) => ({
  ...{ id, tenant: 'acme', driver: 'exec', network: { mode: 'host' }, restart: { policy: 'always' } },
  exec: {
    isolation: 'none',
    command: stubborn ? ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 1; done'] : ['/bin/sleep', '600'],
  },
  ...over,
});

test.before(() => agent.start());

test.after.always(async () => {
  berth('workload delete --all --now');
  await agent.end();
  spawnSync('/usr/sbin/nft', ['delete', 'table', 'inet', table]);
  rmSync(directory, { recursive: true, force: true });
});

test.serial(
  'stopped in order, over a kill of the agent; killed at the deadline; and as before when it is lifted',
  async (t) => {
    for (const one of [
      spec('low', true, { class: 'besteffort' }),
      spec('web', false, { priority: 10 }),
      spec('cold', false, { priority: 20 }),
      spec('late', false),
    ])
      t.is(berth('workload create -f -', one).exit, 0, one.id);
    t.is(berth('workload freeze cold').exit, 0);
    t.is(berth('workload stop late').exit, 0);
    const { plan } = json('node drain --dry-run');
    t.deepEqual(
      plan.map(({ id }: { id: string }) => id),
      ['low', 'web', 'cold'],
    );
    t.is(json('node status').node.drain, null);

    t.is(berth('node drain --detach').exit, 0);
    t.like(json('node status').node.drain, { phase: 'draining', total: 3, stopped: 0, left: [{ id: 'low' }] });
    await agent.kill('SIGKILL');
    await agent.start();
    t.regex(berth('node status').out, /State {7}ready, cordoned, draining \(0 of 3 stopped, 1 stopping\)/);
    const codes = json('node status').node.conditions.map(({ code }: { code: string }) => code);
    t.true(codes.includes('node_drained'));
    t.is(shown('web').state, 'running', 'the class below has not gone yet');
    t.is(berth('workload create -f -', spec('new', false)).exit, 3);

    const { exit, out } = berth('node drain --deadline 0s');
    t.is(exit, 0);
    t.regex(out, /drained: 3 workloads stopped\n$/);
    for (const id of ['low', 'web', 'cold']) t.like(shown(id), { state: 'exited', end: { cause: 'drained' } }, id);
    t.is(shown('low').end?.signal, 'SIGKILL');
    t.is(shown('late').end?.cause, 'stopped');
    await agent.kill('SIGKILL');
    await agent.start();
    t.like(json('node status').node.drain, { phase: 'drained', stopped: 3 });

    t.is(json('node uncordon').resumed, 3);
    t.is(berth('workload wait low web --for running').exit, 0);
    t.is(berth('workload wait late --for exited').exit, 0);
    const types = json('events').events.map(({ type }: { type: string }) => type);
    t.is(types.filter((type: string) => type === 'node.drained').length, 1);
    t.is(types.filter((type: string) => type === 'workload.evicted').length, 3);
  },
);
