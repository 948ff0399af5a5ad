// Secrets planted wherever the agent is given one, and everything that it tells searched for them: log at level trace, events,
// answers of every method, errors, metrics, the status document, command lines of its processes, and files that others may read.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { WebSocket } from 'ws';
import { METHODS, type MethodName } from '../../agent/control/methods.js';
import { openPasswordHash } from '../../linux/crypt.js';
import { connectAs } from '../agent/control/connect-as.js';
import { LOOPBACK } from '../agent/control/loopback-certificate.js';
import { QUESTIONS } from '../agent/control/role-table.js';
import { OwnAgent } from '../agent/own-agent.js';
import { type Client, connect } from '../agent/told-client.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { startScheduler, type TestScheduler } from '../scheduler/scheduler.js';
import {
  page,
  SECRETS,
  startRudeScheduler,
  VARIABLES,
  WRONG_COMMANDS,
  WRONG_CONFIGURATIONS,
  type WrongCommand,
} from './secrets-planted.js';

const MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));
const directory = temporaryDirectory('secrets');
const [SOCKET, VIEWER] = [61_001, 61_011];
const file = join(directory, 'berth.toml');
const web = join(directory, 'web.yml');
const PORT = 19_473;
let scheduler: TestScheduler;
let rude: { readonly server: Server; readonly refused: () => number };
let agent: OwnAgent;
let client: Client;

const configuration = (more = ''): string => `
[log]
level = "trace"
[web]
listen = "127.0.0.1:${PORT}"
config_file = "${web}"
[control]
group = "${SOCKET}"
${more}
[[control.access]]
users = ["${VIEWER}"]
role = "viewer"
[[control.scheduler]]
url = "${scheduler.url}"
token_file = "${join(directory, 'token')}"
ca_file = "${join(directory, 'cert')}"
cert_file = "${join(directory, 'cert')}"
key_file = "${join(directory, 'key')}"
[[control.scheduler]]
id = "rude"
url = "ws://127.0.0.1:${(rude.server.address() as AddressInfo).port}"
token_file = "${join(directory, 'rude-token')}"
`;

/** Which secrets a text has. */
const found = (text: string, among: object): string[] =>
  Object.entries(among).flatMap(([name, value]) => (text.includes(value) ? [name] : []));

test.before(async () => {
  // As RuntimeDirectoryMode= of the unit has it, whatever the umask.
  mkdirSync(join(directory, 'run'));
  for (const open of [directory, join(directory, 'run')]) chmodSync(open, 0o755);
  scheduler = await startScheduler({ token: SECRETS.token, tls: { ...LOOPBACK, ca: LOOPBACK.cert } });
  rude = await startRudeScheduler();
  writeFileSync(join(directory, 'token'), `${SECRETS.token}\n`, { mode: 0o600 });
  writeFileSync(join(directory, 'rude-token'), `${SECRETS.rudeToken}\n`, { mode: 0o600 });
  writeFileSync(join(directory, 'cert'), LOOPBACK.cert);
  writeFileSync(join(directory, 'key'), LOOPBACK.key, { mode: 0o600 });
  const hash = await openPasswordHash()(SECRETS.password, SECRETS.hash);
  const tls = `tls_server_config:\n  cert_file: ${join(directory, 'cert')}\n  key_file: ${join(directory, 'key')}\n`;
  writeFileSync(web, `${tls}basic_auth_users:\n  prometheus: "${hash}"\n`, { mode: 0o600 });
  writeFileSync(file, configuration());
  mkdirSync(join(directory, 'tree'), { mode: 0o700 });
  writeFileSync(join(directory, 'tree', 'web.env'), `PASSWORD=${VARIABLES.file}\n`, { mode: 0o600 });
  for (const [place, value] of [
    ['secrets/default/mounted', SECRETS.mounted],
    ['credentials/secrets_default_loaded', SECRETS.credential],
  ] as const) {
    mkdirSync(dirname(join(directory, place)), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, place), value, { mode: 0o400 });
  }
  mkdirSync(join(directory, 'state'), { mode: 0o700 });
  agent = new OwnAgent({
    directory,
    cgroup: `berth-test-secrets-${process.pid}`,
    args: ['--config', file],
    env: {
      BERTH_NETWORK_POOL: '10.217.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_secrets',
      BERTH_NETWORK_LINK_PREFIX: 'by',
      BERTH_NETWORK_FORWARDING: 'leave',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_SECRETS_DIRECTORY: join(directory, 'secrets'),
      CREDENTIALS_DIRECTORY: join(directory, 'credentials'),
      BERTH_DRIVERS_MOUNTS: JSON.stringify([join(directory, 'tree')]),
      HTTPS_PROXY: `http://user:${SECRETS.proxy}@proxy.invalid:3128`,
      AWS_SECRET_ACCESS_KEY: SECRETS.ambient,
    },
  });
  await agent.start();
  client = await connect(agent.socket);
  await scheduler.node();
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  await scheduler?.stop();
  rude?.server.close();
  rude?.server.closeAllConnections();
});

/** A bundle with a variable in its config.json, readable by root alone, and its root filesystem. */
function makeBundle(): string {
  const bundle = join(directory, 'bundle');
  mkdirSync(join(bundle, 'rootfs/bin'), { recursive: true, mode: 0o700 });
  copyFileSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
  chmodSync(join(bundle, 'rootfs/bin/busybox'), 0o755);
  symlinkSync('busybox', join(bundle, 'rootfs/bin/sleep'));
  execFileSync('crun', ['spec', '--bundle', bundle]);
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  config.process = { ...config.process, terminal: false, args: ['/bin/sleep', '1000'] };
  config.process.env.push(`PASSWORD=${VARIABLES.bundle}`);
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return bundle;
}

const errorText = (error: object): string => JSON.stringify({ ...error, message: String(error) });

/** Runs `berth` beside the test, whose connections want to be heard meanwhile. */
async function type({ args, env = {}, input = '' }: WrongCommand, more: readonly string[] = []) {
  const environment = { ...agent.env, BERTH_CONNECT: agent.socket, ...env };
  const child = spawn(process.execPath, [MAIN, ...args, ...more], { env: environment });
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    child.stderr.setEncoding('utf8').toArray(),
    once(child, 'close'),
  ]);
  return { output: [...stdout, ...stderr].join(''), status: status as number };
}

/** A client of the local socket that brings secrets nobody asked for; what it is told. */
function odd(): Promise<string> {
  const createSocket = () => createConnection(agent.socket);
  const headers = { Authorization: `Bearer ${SECRETS.socketHeader}`, Cookie: `a=${SECRETS.socketHeader}` };
  const options = { createConnection: createSocket, headers };
  const socket = new WebSocket(`ws://localhost/?token=${SECRETS.socketQuery}`, 'berth.v1', options);
  return new Promise((resolve) => {
    socket.once('open', () => socket.send(`{"jsonrpc":"2.0","id":1,"method":"node.describe","params":{}}`));
    socket.once('message', (data) => {
      resolve(String(data));
      socket.close();
    });
    socket.once('error', (error) => resolve(String(error)));
  });
}

const workload = (id: string, exec: object) => ({
  ...{ id, driver: 'exec', network: { mode: 'none' } },
  exec: { command: ['/bin/sleep', '1000'], isolation: 'none', user: 'nobody', ...exec },
});

const container = (id: string, oci: object) => ({ id, driver: 'oci', network: { mode: 'none' }, oci });

async function settled(id: string): Promise<void> {
  while (!['running', 'failed', 'exited'].includes((await client.call('workload.get', { id })).state))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

test.afterEach.always((t) => {
  if (!t.passed) t.log(agent.log.slice(-4000));
});

/** Everything that any process may read of others. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('\n');
}

/** Files below the directories of the agent that not only root may read, as far as directories let others in. */
function readableFiles(of: string): string {
  return readdirSync(of, { withFileTypes: true })
    .map((entry) => {
      const path = join(of, entry.name);
      if (entry.isDirectory()) return (statSync(path).mode & 0o011) === 0 ? '' : readableFiles(path);
      return entry.isFile() && (statSync(path).mode & 0o044) !== 0 ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');
}

/** Every file below a directory, whoever may read it. */
function allFiles(of: string): string {
  return readdirSync(of, { withFileTypes: true, recursive: true })
    .flatMap((entry) => (entry.isFile() ? [readFileSync(join(entry.parentPath, entry.name), 'utf8')] : []))
    .join('\n');
}

test.serial(
  'no secret is in the log, the events, the answers, the errors, the metrics or a command line',
  async (t) => {
    const told: string[] = [];
    client.onEvent((event) => told.push(JSON.stringify(event)));
    await client.call('events.subscribe', { since: 0 });
    const viewer = await connectAs(t, agent.socket, [`--reuid=${VIEWER}`, `--regid=${SOCKET}`, '--clear-groups']);

    // What is wrong is said without the value.
    for (const env of [{ 'no name': VARIABLES.wrong }, VARIABLES.text, { NUL: `${VARIABLES.wrong}\0` }])
      told.push(
        await client.call('workload.create', { spec: workload('wrong', { env }) }).then(JSON.stringify, String),
      );
    for (const wrong of WRONG_CONFIGURATIONS) {
      writeFileSync(file, configuration(wrong));
      told.push(await client.call('node.reload').then(JSON.stringify, errorText));
      const { output, status } = await type({ args: ['config', 'check', '--config', file] });
      t.not(status, 0, wrong);
      told.push(output);
    }
    writeFileSync(file, configuration());
    for (const line of WRONG_COMMANDS)
      for (const json of [[], ['--json']]) {
        const { output, status } = await type(line, line.args[0] === 'agent' ? [] : json);
        t.not(status, 0, line.args.join(' '));
        t.regex(output, /berth: |"error"/, line.args.join(' '));
        told.push(output);
      }
    for (const sub of ['check', 'dump']) told.push((await type({ args: ['config', sub, '--config', file] })).output);

    writeFileSync(join(directory, 'tree', 'wrong.env'), `A=1\n${VARIABLES.wrongFile}\n`, { mode: 0o600 });
    const wrongFile = { ...workload('wrong', {}), envFile: join(directory, 'tree', 'wrong.env') };
    const refusal = await client.call('workload.create', { spec: wrongFile }).then(JSON.stringify, errorText);
    t.regex(refusal, /wrong\.env:2 must be NAME=VALUE/);
    told.push(refusal);
    const bundle = makeBundle();
    const own = {
      plain: workload('plain', { env: { PASSWORD: VARIABLES.plain } }),
      sandbox: {
        ...workload('sandbox', { env: { PASSWORD: VARIABLES.sandbox }, isolation: 'sandbox', user: undefined }),
        files: [{ path: '/conf', content: VARIABLES.content }],
      },
      oci: container('oci', {
        ...{ rootfs: join(bundle, 'rootfs'), command: ['/bin/sleep', '1000'] },
        env: { PASSWORD: VARIABLES.oci },
      }),
      bundle: container('bundle', { bundle }),
      secret: {
        ...workload('secret', { isolation: 'sandbox', user: undefined }),
        secrets: [{ name: 'mounted' }, { name: 'loaded' }],
      },
      file: { ...workload('file', {}), envFile: join(directory, 'tree', 'web.env') },
    };
    for (const [id, spec] of Object.entries(own)) {
      await client.call('workload.create', { spec: JSON.parse(JSON.stringify(spec)) });
      told.push(commandLines());
      await settled(id);
      const view = await client.call('workload.get', { id });
      t.is(view.state, 'running', `${id}: ${JSON.stringify(view.error)}`);
      const { exec, oci } = view.spec;
      if (id === 'file' || id === 'secret') told.push(JSON.stringify(view));
      else if (id !== 'bundle') t.is((exec ?? oci)?.env.PASSWORD, VARIABLES[id as keyof typeof VARIABLES]);
    }
    const changed = workload('plain', { env: { PASSWORD: VARIABLES.updated } });
    told.push(await client.call('workload.update', { id: 'plain', spec: changed }).then(JSON.stringify, errorText));
    const written = { ...own.sandbox, files: [{ path: '/conf', content: VARIABLES.otherContent }] };
    for (const dryRun of [true, false])
      told.push(
        await client
          .call('workload.update', { id: 'sandbox', spec: JSON.parse(JSON.stringify(written)), dryRun })
          .then(({ changes, refused }) => JSON.stringify({ changes, refused }), errorText),
      );
    told.push(`viewer of files ${JSON.stringify(await viewer.call('workload.get', { id: 'sandbox' }))}`);
    const reserved = workload('reserved', { env: { PASSWORD: VARIABLES.reserved } });
    told.push(JSON.stringify(await client.call('workload.reserve', { spec: reserved, ttl: 60_000 })));
    told.push(commandLines(), readableFiles(directory));

    // Not even root finds them on a disk, nor those that are in memory alone in what berth makes for the workload.
    t.true(allFiles(join(directory, 'state')).includes(VARIABLES.oci));
    t.deepEqual(found(allFiles(join(directory, 'state')), { ...SECRETS, file: VARIABLES.file }), []);
    t.true(allFiles(join(directory, 'run')).includes('secrets/0'));
    t.deepEqual(found(allFiles(join(directory, 'run')), SECRETS), []);

    for (const [method, params] of Object.entries(QUESTIONS) as [MethodName, object][]) {
      const asked =
        'id' in params ? { ...params, id: 'plain' } : 'spec' in params ? { ...params, spec: own.plain } : params;
      told.push(`viewer ${method}: ${await viewer.call(method, asked as never).then(JSON.stringify, String)}`);
      if (
        ['node.describe', 'node.capacity', 'node.top', 'node.doctor', 'tenant.list', 'licence.audit'].includes(method)
      )
        told.push(await client.call(method, asked as never).then(JSON.stringify, String));
    }
    const report = join(directory, 'report.tar.gz');
    const made = await type({ args: ['bugreport', '-o', report, '--config', file] });
    t.is(made.status, 0, made.output);
    const inside = execFileSync('tar', ['-xzOf', report], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    for (const part of ['"workload.created"', '"(hidden)"', '"origins"', 'MemTotal'])
      t.true(inside.includes(part), part);
    t.is(statSync(report).mode & 0o777, 0o600);
    told.push(`bugreport ${inside}`);
    t.is(Object.keys(QUESTIONS).length, Object.keys(METHODS).length);
    const { password, wrongPassword, cookie, webQuery } = SECRETS;
    const basic = (word: string) => `Basic ${Buffer.from(`prometheus:${word}`).toString('base64')}`;
    for (const path of [
      '/metrics',
      '/status.json',
      '/readyz?verbose',
      '/',
      `/metrics?token=${webQuery}`,
      `/${webQuery}`,
    ])
      for (const word of [password, wrongPassword]) {
        const origin = path === '/' ? { Origin: `https://${cookie}` } : {};
        const headers = { Authorization: basic(word), Cookie: `session=${cookie}`, ...origin };
        const { status, text } = await page(PORT, path, headers);
        if (path === '/metrics') t.is(status, word === password ? 200 : 401, text);
        told.push(text);
      }
    told.push(await odd());
    // Each of its answers has been heard.
    while (rude.refused() < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    await client.call('workload.release', { reservation: 'reserved' });
    for (const id of Object.keys(own)) await client.call('workload.delete', { id, now: true });
    while ((await client.call('workload.list')).workloads.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));

    for (const text of told) t.deepEqual(found(text, { ...SECRETS, ...VARIABLES }), [], text.slice(0, 400));
    t.deepEqual(found(agent.log, { ...SECRETS, ...VARIABLES }), []);
    // What was searched is what it should be.
    t.regex(agent.log, /scheduler connected/);
    t.regex(agent.log, /no scheduler: Unexpected server response: 401/);
    t.true(told.some((text) => text.includes('berth_build_info')));
    t.true(told.some((text) => text.includes('immutable_field')));
    t.true(told.some((text) => text.includes('config.rejected')));
    t.true(told.some((text) => text.includes('workload.deleted')));
    t.true(told.some((text) => text.includes('"name":"mounted"')));
    t.true(told.some((text) => text.startsWith('viewer of files') && text.includes('"path":"/conf"')));
    t.true(told.some((text) => text.includes('"field":"files"')));
    t.true(told.some((text) => text.startsWith('viewer workload.get') && text.includes('PASSWORD')));
  },
);
