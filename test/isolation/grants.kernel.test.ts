// A tenant's session on the socket of a real agent: it gets its sandbox, what its tenant is granted, and no file, user or network of the host.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectAs } from '../agent/control/connect-as.js';
import { ASKING, WITHIN } from '../agent/drivers/grant-specs.js';
import { OwnAgent } from '../agent/own-agent.js';
import { type OwnHost, openHost } from '../agent/own-host.js';
import { connect } from '../agent/told-client.js';

const [SOCKET, USER] = [61_001, 61_012];
const GRANTED = 'exec.user';
let host: OwnHost;
let agent: OwnAgent;

test.before(async () => {
  host = await openHost();
  // As RuntimeDirectoryMode= of the unit has it, whatever the umask.
  mkdirSync(join(host.directory, 'run'));
  for (const open of [host.directory, join(host.directory, 'run')]) chmodSync(open, 0o755);
  const { directory, prefix, start } = host;
  const env = {
    BERTH_WEB_LISTEN: '',
    BERTH_CONTROL_GROUP: String(SOCKET),
    BERTH_CONTROL_ACCESS: JSON.stringify([{ users: [String(USER)], role: 'tenant', tenants: ['acme', 'globex'] }]),
  };
  // BERTH_TENANT is no key: a workload has it.
  const args = [
    ...['--tenant.acme.allow', JSON.stringify([GRANTED])],
    ...['--drivers.mounts', JSON.stringify([directory])],
  ];
  agent = new OwnAgent({ directory, prefix, start, args, cgroup: `berth-test-grants-${process.pid}`, env });
  await agent.start();
});

test.after.always(async () => {
  await agent.end();
  host.end();
});

const spec = (tenant: string, more: object) => ({ id: 'asked', tenant, network: { mode: 'none' }, ...more });

test.serial('what neither the session nor its tenant is granted is refused, and leaves nothing', async (t) => {
  const tenant = await connectAs(t, agent.socket, [`--reuid=${USER}`, `--regid=${SOCKET}`, '--clear-groups']);
  for (const [grant, { spec: asked }] of Object.entries(ASKING))
    for (const name of ['acme', 'globex']) {
      if (grant === GRANTED && name === 'acme') continue;
      const refused = { code: 'not_permitted', message: /this session is not granted/ };
      const call = tenant.call('workload.create', { spec: spec(name, asked) });
      await t.throwsAsync(call, refused, `${grant} of ${name}`);
    }
  t.deepEqual((await tenant.call('workload.list')).workloads, []);
  for (const [id, asked] of [
    ['within', WITHIN],
    ['granted', ASKING[GRANTED].spec],
  ] as const)
    t.is((await tenant.call('workload.create', { spec: { ...spec('acme', asked), id } })).id, id);
});

test.serial('root of the host is granted what the node grants', async (t) => {
  const root = await connect(agent.socket);
  const asked = ASKING['exec.root'].spec;
  t.is((await root.call('workload.create', { spec: { ...spec('acme', asked), id: 'by-root' } })).id, 'by-root');
  await root.close();
});

test.serial('a tree that has files of berth in it gives nobody these', async (t) => {
  const root = await connect(agent.socket);
  const { directory } = host;
  for (const source of [
    directory,
    join(directory, 'state'),
    join(directory, 'run'),
    join(directory, 'run', 'workloads'),
  ]) {
    const mounts = [{ type: 'bind', source, target: '/data' }];
    const call = root.call('workload.create', { spec: { ...spec('acme', WITHIN), mounts } });
    await t.throwsAsync(call, { code: 'not_permitted', message: /files of berth itself/ }, source);
  }
  mkdirSync(join(directory, 'data'));
  const mounts = [{ type: 'bind', source: join(directory, 'data'), target: '/data' }];
  t.is((await root.call('workload.create', { spec: { ...spec('acme', WITHIN), id: 'beside', mounts } })).id, 'beside');
  await root.close();
});
