// Secrets planted wherever the agent is given one, and everything that it tells searched for them: log at level trace, events,
// answers of every method, errors, metrics, the status document, command lines of its processes, and files that others may read.
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Client, connect } from '../../agent/control/client.js';
import { METHODS, type MethodName } from '../../agent/control/methods.js';
import { connectAs } from '../agent/control/connect-as.js';
import { LOOPBACK } from '../agent/control/loopback-certificate.js';
import { QUESTIONS } from '../agent/control/role-table.js';
import { OwnAgent } from '../agent/own-agent.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { startScheduler, type TestScheduler } from '../scheduler/scheduler.js';

/** None is a part of another, and none comes about by chance. */
const secret = (of: string): string => `zq-${of}-7f3e9b`;
const SECRETS = {
  token: secret('bearer'),
  hash: '$2y$04$abcdefghijklmnopqrstuuZqPasswordHash7f3e9bxxxxxxxxxxx',
  key: (LOOPBACK.key.split('\n')[1] ?? '').slice(0, 40),
  proxy: secret('proxy'),
  ambient: secret('ambient'),
  url: secret('url'),
  query: secret('query'),
  misplacedToken: secret('misplaced-token'),
  misplacedUrl: secret('misplaced-url'),
  unknownKey: secret('unknown-key'),
} as const;
/** Of workloads: told to whoever may change the workload, and to nobody else. */
const VARIABLES = {
  plain: secret('env-none'),
  sandbox: secret('env-sandbox'),
  wrong: secret('env-wrong'),
  text: secret('env-text'),
};

const directory = temporaryDirectory('secrets');
const [SOCKET, VIEWER] = [61_001, 61_011];
const file = join(directory, 'berth.toml');
const web = join(directory, 'web.yml');
const PORT = 19_473;
let scheduler: TestScheduler;
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
`;

/** Which secrets a text has. */
const found = (text: string, among: object): string[] =>
  Object.entries(among).flatMap(([name, value]) => (text.includes(value) ? [name] : []));

test.before(async () => {
  // As RuntimeDirectoryMode= of the unit has it, whatever the umask.
  mkdirSync(join(directory, 'run'));
  for (const open of [directory, join(directory, 'run')]) chmodSync(open, 0o755);
  scheduler = await startScheduler({ token: SECRETS.token, tls: { ...LOOPBACK, ca: LOOPBACK.cert } });
  writeFileSync(join(directory, 'token'), `${SECRETS.token}\n`, { mode: 0o600 });
  writeFileSync(join(directory, 'cert'), LOOPBACK.cert);
  writeFileSync(join(directory, 'key'), LOOPBACK.key, { mode: 0o600 });
  writeFileSync(web, `basic_auth_users:\n  prometheus: "${SECRETS.hash}"\n`, { mode: 0o600 });
  writeFileSync(file, configuration());
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
});

const workload = (id: string, exec: object) => ({
  ...{ id, driver: 'exec', network: { mode: 'none' } },
  exec: { command: ['/bin/sleep', '1000'], isolation: 'none', user: 'nobody', ...exec },
});

async function settled(id: string): Promise<void> {
  while (!['running', 'failed', 'exited'].includes((await client.call('workload.get', { id })).state))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

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
    for (const wrong of [
      `[[control.scheduler]]\nurl = "wss://user:${SECRETS.url}@scheduler.invalid"`,
      `[[control.scheduler]]\nurl = "wss://scheduler.invalid?token=${SECRETS.query}"`,
      `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken_file = "${SECRETS.misplacedToken}"`,
      `scheduler = "wss://user:${SECRETS.misplacedUrl}@scheduler.invalid"`,
      `socket = "wss://user:${SECRETS.misplacedUrl}@scheduler.invalid"`,
      `[[control.scheduler]]\nurl = "wss://scheduler.invalid"\ntoken = "${SECRETS.unknownKey}"`,
    ]) {
      writeFileSync(file, configuration(wrong));
      told.push(
        await client
          .call('node.reload')
          .then(JSON.stringify, (error) => JSON.stringify({ ...error, message: String(error) })),
      );
      const { stdout, stderr, status } = agent.berth(['config', 'check', '--config', file]);
      t.not(status, 0, wrong);
      told.push(stdout, stderr);
    }
    writeFileSync(file, configuration());
    for (const sub of ['check', 'dump']) told.push(agent.berth(['config', sub, '--config', file]).stdout);

    const own = {
      plain: workload('plain', { env: { PASSWORD: VARIABLES.plain } }),
      sandbox: workload('sandbox', { env: { PASSWORD: VARIABLES.sandbox }, isolation: 'sandbox', user: undefined }),
    };
    for (const [id, { exec, ...rest }] of Object.entries(own)) {
      const { user, ...others } = exec as { user?: string };
      const spec = { ...rest, exec: { ...others, ...(user === undefined ? {} : { user }) } };
      await client.call('workload.create', { spec } as never);
      told.push(commandLines());
      await settled(id);
      t.is(
        (await client.call('workload.get', { id })).spec.exec?.env.PASSWORD,
        VARIABLES[id as keyof typeof VARIABLES],
      );
    }
    told.push(commandLines(), readableFiles(directory));

    for (const [method, params] of Object.entries(QUESTIONS) as [MethodName, object][]) {
      const asked =
        'id' in params ? { ...params, id: 'plain' } : 'spec' in params ? { ...params, spec: own.plain } : params;
      told.push(`viewer ${method}: ${await viewer.call(method, asked as never).then(JSON.stringify, String)}`);
      if (
        ['node.describe', 'node.capacity', 'node.top', 'node.doctor', 'tenant.list', 'licence.audit'].includes(method)
      )
        told.push(await client.call(method, asked as never).then(JSON.stringify, String));
    }
    t.is(Object.keys(QUESTIONS).length, Object.keys(METHODS).length);
    for (const page of ['metrics', 'status.json', 'readyz?verbose', ''])
      told.push(await fetch(`http://127.0.0.1:${PORT}/${page}`).then((answer) => answer.text()));
    for (const id of Object.keys(own)) await client.call('workload.delete', { id, now: true });
    while ((await client.call('workload.list')).workloads.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));

    for (const text of told) t.deepEqual(found(text, { ...SECRETS, ...VARIABLES }), [], text.slice(0, 400));
    t.deepEqual(found(agent.log, { ...SECRETS, ...VARIABLES }), []);
    // What was searched is what it should be.
    t.regex(agent.log, /scheduler connected/);
    t.true(told.some((text) => text.includes('config.rejected')));
    t.true(told.some((text) => text.includes('workload.deleted')));
    t.true(told.some((text) => text.startsWith('viewer workload.get') && text.includes('PASSWORD')));
  },
);
