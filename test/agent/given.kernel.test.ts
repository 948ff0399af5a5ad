// What a spec gives a workload beside its program, as the workload itself sees it, and who comes in later.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

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
  const section: Readonly<Record<Kind, { driver: string; exec?: object; oci?: object }>> = {
    box: { driver: 'exec', exec: { command, env } },
    plain: { driver: 'exec', exec: { command, env, isolation: 'none', user: 'nobody' } },
    con: { driver: 'oci', oci: { rootfs: join(host.directory, 'rootfs'), command, env } },
  };
  return { id: id(name, kind), network: { mode: 'none' }, ...section[kind], ...more };
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
  mkdirSync(join(rootfs, 'etc'));
  writeFileSync(join(rootfs, 'etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:1234:1235::/home/web:/bin/sh\n');
  writeFileSync(join(rootfs, 'etc', 'group'), 'root:x:0:\nweb:x:1235:\nteam:x:77:web\nvideo:x:78:\n');
  tree = join(host.directory, 'tree');
  mkdirSync(tree);
  for (const tenant of ['default', 'acme'])
    mkdirSync(join(host.directory, 'secrets', tenant), { recursive: true, mode: 0o700 });
  const credentials = join(host.directory, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  writeFileSync(join(credentials, 'secrets_default_loaded'), 'by systemd\n', { mode: 0o400 });
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-given-${process.pid}`,
    env: {
      ...{ BERTH_NETWORK_POOL: '10.221.0.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
      BERTH_DRIVERS_MOUNTS: JSON.stringify([tree]),
      BERTH_SECRETS_DIRECTORY: join(host.directory, 'secrets'),
      CREDENTIALS_DIRECTORY: credentials,
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

const CONTAINERS = ['box', 'con'] as const;

for (const kind of CONTAINERS)
  test.serial(`${kind}: files are as the spec says, and cannot be written to`, async (t) => {
    const files = [
      { path: '/app/conf', content: 'ä line\n', mode: '0640', uid: 5, gid: 6 },
      { path: '/app/bytes', contentBase64: Buffer.from('of bytes\n').toString('base64') },
      { path: '/run/deep/er/tool', content: '#!/bin/sh\necho from the tool\n', mode: '0755' },
    ];
    const line = `stat -c '%n %a %u:%g' /app/* /run/deep/er/tool; cat /app/bytes; /run/deep/er/tool; touch /app/conf;
      echo x >> /app/bytes; grep -c ' /app/bytes ro,nosuid,nodev' /proc/self/mountinfo; [ -r /app/conf ] && cat /app/conf`;
    const spec = specOf('files', kind, line, { files });
    await client.call('workload.create', { spec: spec as never });
    const output = await said(spec.id);
    const lines = [
      ...['/app/bytes 644 0:0', '/app/conf 640 5:6', '/run/deep/er/tool 755 0:0', 'of bytes', 'from the tool', '1'],
      ...(kind === 'con' ? ['ä line'] : []),
      'done',
    ];
    t.deepEqual(
      output.split('\n').filter((one) => one !== '' && !/Read-only|Permission|read-only|can't/i.test(one)),
      lines,
      output,
    );
    t.true((output.match(/Read-only|Permission|can't/gi) ?? []).length >= 2, output);
    const { id: workload } = spec;
    await client.call('workload.delete', { id: workload, now: true });
  });

const secretFile = (tenant: string, name: string): string => join(host.directory, 'secrets', tenant, name);

for (const kind of CONTAINERS)
  test.serial(
    `${kind}: a secret is in the memory of the workload, for its user alone, read again at each start`,
    async (t) => {
      const name = `of-${kind}`;
      writeFileSync(secretFile('default', name), 'first\n', { mode: 0o600 });
      const secrets = [{ name }, { name: 'loaded', path: '/app/loaded', mode: '0440', uid: 5, gid: 6 }];
      const place = `/run/secrets/${name}`;
      const line = `cat ${place}; stat -c '%a %u:%g' ${place} /app/loaded; stat -f -c %T ${place}; id -u; touch ${place}; echo x > ${place};
      grep -o ' ${place} ro,[a-z,]*' /proc/self/mountinfo; grep -c ',noswap' /proc/self/mountinfo`;
      const spec = specOf('secrets', kind, line, { secrets, files: [{ path: '/app/x', content: '' }] });
      await client.call('workload.create', { spec: spec as never });
      const output = await said(spec.id);
      const uid = /^(\d+)$/m.exec(output)?.[1];
      t.regex(output, /^first$/m);
      t.regex(output, new RegExp(`^400 ${uid}:${uid}$`, 'm'), output);
      t.regex(output, /^440 5:6$/m);
      t.regex(output, /^tmpfs$/m);
      t.regex(output, /Read-only|can't|Permission/i);
      t.regex(output, new RegExp(`${place} ro,nosuid,nodev,noexec`), output);
      t.is(uid === '0', kind === 'con');
      const [major = 0, minor = 0] = release().split('.').map(Number);
      t.is(/^0$/m.test(output.slice(output.indexOf(` ${place} ro`))), major < 6 || (major === 6 && minor < 4), output);
      if (kind === 'con') t.deepEqual(readdirSync(join(host.directory, 'rootfs', 'run', 'secrets')), []);
      // Not on the host: neither the mount, nor a file with what it says.
      t.notRegex(host.run('cat /proc/self/mountinfo'), /secrets\/\d|\bsecrets\b tmpfs|tmpfs secrets/);
      t.is(
        host.status(`grep -rqs first ${join(host.directory, 'run')} ${join(host.directory, 'state', 'workloads')}`),
        1,
      );
      // Whoever comes in, and the workload over a restart of the agent, has what was read at the start.
      writeFileSync(secretFile('default', name), 'second\n', { mode: 0o600 });
      t.is(inside(spec.id, `cat ${place}`), 'first\n');
      await client.close();
      await agent.kill('SIGKILL');
      await agent.start();
      client = await connect(agent.socket);
      t.is(inside(spec.id, `cat ${place}`), 'first\n');
      await client.call('workload.restart', { id: spec.id });
      for (let read = ''; read !== 'second\n'; read = inside(spec.id, `cat ${place}`))
        await new Promise((resolve) => setTimeout(resolve, 50));
      // One that is gone by then fails the start, and says which.
      host.run(`rm ${secretFile('default', name)}`);
      await client.call('workload.restart', { id: spec.id });
      for (;;) {
        const { state, error } = await client.call('workload.get', { id: spec.id });
        if (state === 'failed') {
          t.is(error?.code, 'secret_missing');
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await client.call('workload.delete', { id: spec.id, now: true });
    },
  );

test.serial('a secret that is not there for the tenant is refused, by its name, before anything is made', async (t) => {
  const at = (name: string): string => secretFile('default', name);
  writeFileSync(secretFile('acme', 'theirs'), 'zq-theirs\n', { mode: 0o600 });
  writeFileSync(at('large'), 'x'.repeat(65_537));
  symlinkSync('large', at('link'));
  mkdirSync(at('directory'));
  const refusal = async (name: string): Promise<string> => {
    const spec = specOf('refused', 'box', 'true', { secrets: [{ name }] });
    const error = await t.throwsAsync<Error & { code?: string }>(
      client.call('workload.create', { spec: spec as never }),
    );
    t.is(error?.code, 'secret_missing', String(error));
    return String(error);
  };
  t.regex(await refusal('theirs'), /secret "theirs" of tenant "default" is not on this node/);
  t.regex(await refusal('large'), /has more than 65536 bytes/);
  t.regex(await refusal('link'), /is a symbolic link/);
  t.regex(await refusal('directory'), /is not a regular file/);
  t.deepEqual(
    (await client.call('workload.list')).workloads.map(({ id: one }) => one).filter((one) => one.startsWith('refused')),
    [],
  );
  const theirs = {
    ...specOf('theirs', 'box', 'cat /run/secrets/theirs', { secrets: [{ name: 'theirs' }] }),
    tenant: 'acme',
  };
  await client.call('workload.create', { spec: theirs as never });
  t.is(await said(theirs.id), 'zq-theirs\ndone\n');
});

const numberOf = (file: string, name: string): string =>
  new RegExp(`^${name}:[^:]*:(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? '';

for (const kind of KINDS)
  test.serial(`${kind}: additional groups are those of the spec, by name and number`, async (t) => {
    const spec = specOf('groups', kind, 'id -G', { groups: ['video', 4242] });
    if (kind === 'con') spec.oci = { ...spec.oci, user: 'web' };
    await client.call('workload.create', { spec: spec as never });
    const main = (await said(spec.id)).split('\n')[0]?.split(' ') ?? [];
    const video = kind === 'con' ? '78' : numberOf('/etc/group', 'video');
    const own = { box: [main[0]], plain: [numberOf('/etc/group', 'nogroup')], con: ['1235', '77'] }[kind];
    t.deepEqual(main.sort(), [...own, video, '4242'].sort());
    t.deepEqual(inside(spec.id, 'id -G').trim().split(' ').sort(), main);
    if (kind === 'con') t.is(inside(spec.id, 'id -u; echo $HOME'), '1234\n/home/web\n');
    const refused = { ...specOf('nogroups', kind, 'true', {}), groups: ['video', 'nobodys'] };
    t.regex(
      String(await t.throwsAsync(client.call('workload.create', { spec: refused as never }))),
      /groups\.1: there is no group "nobodys" in \/etc\/group of /,
    );
    await client.call('workload.delete', { id: spec.id, now: true });
  });

test.serial('a user that the container does not have is refused by its name', async (t) => {
  for (const [user, problem] of [
    ['nobodys', /oci\.user: there is no user "nobodys" in \/etc\/passwd of the container/],
    ['web:nobodys', /oci\.user: there is no group "nobodys" in \/etc\/group of the container/],
  ] as const) {
    const spec = specOf('nouser', 'con', 'true', {});
    const oci = { ...spec.oci, user };
    t.regex(String(await t.throwsAsync(client.call('workload.create', { spec: { ...spec, oci } as never }))), problem);
  }
});
