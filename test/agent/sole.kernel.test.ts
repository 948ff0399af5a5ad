// Two agents on one host: neither works on what the other has, and neither removes what somebody uses.
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../runner/temporary.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { connect } from './told-client.js';

let host: OwnHost;
let elsewhere: OwnHost;
let first: OwnAgent;
const others: OwnAgent[] = [];

/** `at`: the host it runs on; `name`: its directories and cgroup root. */
function agentOn(at: OwnHost, directory: string, name: string, env: Readonly<Record<string, string>> = {}): OwnAgent {
  const { prefix, start } = at;
  const pool = name === 'a' ? '10.203.1.0/28' : '10.203.2.0/28';
  return new OwnAgent({
    ...{ directory, prefix, start },
    cgroup: `berth-sole-${name}-${process.pid}`,
    env: { BERTH_NETWORK_POOL: pool, BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '', ...env },
  });
}

test.before(async () => {
  const agents = temporaryDirectory('agents');
  host = await openHost({ agents });
  elsewhere = await openHost({ agents });
  first = agentOn(host, host.directory, 'a');
  await first.start();
});

test.after.always(async () => {
  for (const agent of others) await agent.end();
  await first.end();
  host.end();
  elsewhere.end();
});

/** The log of an agent that must not come up. */
async function refusal(agent: OwnAgent): Promise<string> {
  try {
    await agent.start();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  others.push(agent);
  return 'it started';
}

test.serial(
  'a second agent in the network namespace of the first is refused with its pid, whatever else it has',
  async (t) => {
    const second = agentOn(host, join(host.directory, 'b'), 'b');
    const log = await refusal(second);
    t.regex(log, /socket_in_use/);
    t.true(log.includes(`the agent with pid ${first.pid} `), log);
    t.true(log.includes(join(host.directory, 'state')), log);
  },
);

test.serial('one state directory and two runtime directories, or one cgroup root, are refused as well', async (t) => {
  const state = join(host.directory, 'state');
  const shared = agentOn(elsewhere, elsewhere.directory, 'b', { BERTH_PATHS_STATE: state });
  const log = await refusal(shared);
  t.true(log.includes(`pid ${first.pid} `) && log.includes('state directory'), log);
  const root = await refusal(agentOn(elsewhere, elsewhere.directory, 'a'));
  t.true(root.includes(`pid ${first.pid} `) && root.includes('cgroup root'), root);
});

test.serial(
  'agents in network namespaces of their own leave each other alone, and an overlapping pool is told',
  async (t) => {
    const second = agentOn(elsewhere, elsewhere.directory, 'b', { BERTH_NETWORK_POOL: '10.203.1.0/24' });
    others.push(second);
    await second.start();
    const client = await connect(second.socket);
    const described = JSON.stringify(await client.call('node.describe', {}));
    await client.close();
    t.true(described.includes('pool_shared') && described.includes(`pid ${first.pid} `), described);
  },
);

test.serial(
  'a namespace with a process in it is listed with its holder and never removed, an empty one goes',
  async (t) => {
    const { id } = JSON.parse(host.run(`cat ${join(host.directory, 'state/installation.json')}`));
    host.run('ip netns add berth-used && ip netns add berth-empty && ip netns add berth-nobodys');
    host.run(`ip -n berth-empty link set lo alias berth:${id}`);
    const child = host.start(['ip', 'netns', 'exec', 'berth-used', 'sh', '-c', 'echo; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const plan = first.berth(['cleanup', '--dry-run']).stdout;
    t.regex(plan, /would keep netns berth-used: in use: process \d+ is in it/);
    t.true(plan.includes(`would remove netns berth-empty (installation ${id}): no workload "empty" is known`), plan);
    t.regex(plan, /would keep netns berth-nobodys: without the id of an installation, and this host has installation /);
    t.is(host.status('test -e /run/netns/berth-empty'), 0);
    t.regex(first.berth(['cleanup']).stdout, /removed netns berth-empty/);
    t.is(host.status('test -e /run/netns/berth-used -a -e /run/netns/berth-nobodys'), 0);
    t.not(host.status('test -e /run/netns/berth-empty'), 0);
    child.kill('SIGKILL');
  },
);
