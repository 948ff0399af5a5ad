// What a spec gives a workload beside its program, as the workload itself sees it, and who comes in later.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Client, connect } from '../../agent/control/client.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';

const KINDS = ['box', 'plain', 'con'] as const;
type Kind = (typeof KINDS)[number];

let host: OwnHost;
let agent: OwnAgent;
let client: Client;
let tree: string;
const id = (name: string, kind: Kind): string => `${name}-${kind}`;

/** A workload that runs `line` and then waits. */
function specOf(name: string, kind: Kind, line: string, more: Readonly<Record<string, unknown>>, env = {}) {
  const command = ['/bin/sh', '-c', `${line}; echo done; exec sleep 1000000`];
  const section = {
    box: { driver: 'exec', exec: { command, env } },
    plain: { driver: 'exec', exec: { command, env, isolation: 'none', user: 'nobody' } },
    con: { driver: 'oci', oci: { rootfs: join(host.directory, 'rootfs'), command, env } },
  }[kind];
  return { id: id(name, kind), network: { mode: 'none' }, ...section, ...more };
}

/** What the workload has written when it has done its line. */
async function said(workload: string): Promise<string> {
  for (;;) {
    const { state, error } = await client.call('workload.get', { id: workload });
    const output = state === 'pending' ? '' : outputOf(workload);
    if (output.endsWith('done\n')) return output;
    if (state === 'failed' || state === 'exited') throw new Error(`${JSON.stringify(error)}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function outputOf(workload: string): string {
  const directory = join(host.directory, 'state', 'logs');
  const file = readdirSync(directory).find((name) => name === `${workload}.log`);
  return file === undefined ? '' : readFileSync(join(directory, file), 'utf8');
}

/** What one more program inside writes. */
function inside(workload: string, line: string): string {
  const { stdout, stderr, status } = agent.berth(['workload', 'exec', workload, '--', '/bin/sh', '-c', line]);
  return status === 0 ? stdout : stderr;
}

test.before(async () => {
  host = await openHost();
  chmodSync(host.directory, 0o755);
  const rootfs = join(host.directory, 'rootfs');
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const name of ['sh', 'cat', 'sleep', 'stat', 'id', 'env', 'ls', 'touch', 'mount', 'grep'])
    symlinkSync('busybox', join(rootfs, 'bin', name));
  tree = join(host.directory, 'tree');
  mkdirSync(tree);
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-given-${process.pid}`,
    env: {
      ...{ BERTH_NETWORK_POOL: '10.221.0.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
      BERTH_DRIVERS_MOUNTS: JSON.stringify([tree]),
    },
  });
  await agent.start();
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

for (const kind of KINDS)
  test.serial(
    `${kind}: the environment is of the file, the section of the driver and env, in this order`,
    async (t) => {
      const envFile = join(tree, `${kind}.env`);
      writeFileSync(envFile, '# of the operator\nA=file\nB=file\nC=file\nBERTH_TENANT=forged\n', { mode: 0o600 });
      const spec = specOf('env', kind, 'env', { envFile, env: { C: 'env' } }, { B: 'section', C: 'section' });
      await client.call('workload.create', { spec: spec as never });
      const seen = /^A=file$|^B=section$|^C=env$|^BERTH_TENANT=default$/gm;
      t.is((await said(spec.id)).match(seen)?.length, 4, outputOf(spec.id));
      // Who comes in later finds the same, whatever the file says by then.
      writeFileSync(envFile, 'A=other\n');
      t.is(inside(spec.id, 'env').match(seen)?.length, 4, inside(spec.id, 'env'));
      const { spec: stored } = await client.call('workload.get', { id: spec.id });
      t.false(JSON.stringify(stored).includes('"A"'));
      writeFileSync(envFile, 'no variable\n');
      const again = await client.call('workload.update', { id: spec.id, spec: { ...spec, priority: 7 } as never });
      t.is(again.spec.priority, 7, 'a change of what runs does not ask the file');
      const refused = { ...spec, id: id('bad', kind) };
      const error = await t.throwsAsync(client.call('workload.create', { spec: refused as never }));
      t.regex(String(error), /envFile: .*\.env:1 must be NAME=VALUE/);
      await t.throwsAsync(client.call('workload.get', { id: refused.id }));
    },
  );
