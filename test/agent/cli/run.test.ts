// `berth run`: what its options ask for, and what a person gets of the workload.
import test from 'ava';
import type { WorkloadView } from '../../../agent/model/record.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';
import { type Answers, berth, type FakeAgent, fakeAgent, fakeSession, NOW, view } from './fake.js';

const specOf = async (line: string | readonly string[], env = {}): Promise<Record<string, unknown>> => {
  const words = typeof line === 'string' ? line.split(' ') : line;
  const { out, err } = await berth(['run', '--dry-run', '--json', ...words], { env });
  if (err !== '') throw new Error(err);
  const spec = JSON.parse(out);
  // What a dry run prints is what the agent takes.
  parseSpec(spec);
  return spec;
};

test('an image with its arguments, and every option', async (t) => {
  t.deepEqual(await specOf('--name web debian:13'), { id: 'web', driver: 'oci', image: 'docker://debian:13' });
  const machine = { id: 'web', driver: 'qemu', image: 'docker://debian:13' };
  t.deepEqual(await specOf('--name web --driver qemu debian:13'), machine);
  const line =
    '--name web --tenant acme --class burstable -m 256Mi --cpu 0.5 --pids 50 -p 8080:80 -p 53:5353/udp -v /srv/a:/a -v /srv/b:/b:ro ' +
    '-e A=b=c -e HERE -e NOWHERE -u 7:8 --entrypoint /bin/sh --hostname box --read-only --init --pull always --restart on-failure:3 ' +
    '--label app=web docker://registry.example.com/team/web:v1 -c date --rm -d';
  t.deepEqual(await specOf(line, { HERE: 'x' }), {
    ...{ id: 'web', tenant: 'acme', class: 'burstable', driver: 'oci', pull: 'always' },
    image: 'docker://registry.example.com/team/web:v1',
    oci: { entrypoint: ['/bin/sh'], command: ['-c', 'date', '--rm', '-d'], user: '7:8' },
    resources: { memory: { limit: 256 << 20 }, cpu: { limit: 0.5 }, pids: 50 },
    network: {
      ports: [
        { host: 8080, guest: 80, protocol: 'tcp' },
        { host: 53, guest: 5353, protocol: 'udp' },
      ],
    },
    mounts: [
      { type: 'bind', source: '/srv/a', target: '/a' },
      { type: 'bind', source: '/srv/b', target: '/b', readOnly: true },
    ],
    ...{ env: { A: 'b=c', HERE: 'x' }, hostname: 'box', readOnlyRootfs: true, init: true },
    ...{ restart: { policy: 'on-failure', maxRetries: 3 }, labels: { app: 'web' } },
  });
});

test('the words of docker and podman for environment, files, groups, limits and end', async (t) => {
  const line =
    '--name web --env-file /srv/web.env --secret db --secret key,target=/etc/key,mode=0440,uid=5,gid=6 --group-add video --group-add 44 ' +
    '--tmpfs /tmp --tmpfs /scratch:size=1Mi,mode=0700,uid=5,gid=6,noexec,ro,rw,nosuid --shm-size 8Mi -w /srv -l app=web ' +
    '--cap-drop all --cap-add CAP_NET_ADMIN --ulimit nofile=10:20 --ulimit core=0 --ulimit memlock=-1 ' +
    '--stop-signal SIGINT --stop-timeout 60 --health-interval 5s --health-timeout 1s --health-retries 4 --health-start-period 1m';
  t.deepEqual(await specOf([...line.split(' '), '--health-cmd', 'test -e /ready', 'debian:13']), {
    ...{ id: 'web', driver: 'oci', image: 'docker://debian:13', oci: { cwd: '/srv' }, envFile: '/srv/web.env' },
    secrets: [{ name: 'db' }, { name: 'key', path: '/etc/key', mode: '0440', uid: 5, gid: 6 }],
    groups: ['video', 44],
    mounts: [
      { type: 'tmpfs', target: '/tmp' },
      ...[
        {
          type: 'tmpfs',
          target: '/scratch',
          size: 1 << 20,
          mode: '0700',
          uid: 5,
          gid: 6,
          noexec: true,
          readOnly: true,
        },
      ],
      { type: 'tmpfs', target: '/dev/shm', size: 8 << 20 },
    ],
    capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
    rlimits: {
      ...{ nofile: { soft: 10, hard: 20 }, core: { soft: 0, hard: 0 } },
      memlock: { soft: 'unlimited', hard: 'unlimited' },
    },
    stop: { signal: 'SIGINT', grace: '60s' },
    health: {
      command: ['/bin/sh', '-c', 'test -e /ready'],
      ...{ interval: '5s', timeout: '1s', retries: 4, startPeriod: '1m' },
    },
    labels: { app: 'web' },
  });
  t.like(await specOf('--stop-timeout 2m -w /srv -- ls'), { exec: { cwd: '/srv' }, stop: { grace: '2m' } });
});

test('a program of the host stands behind --', async (t) => {
  t.deepEqual(await specOf('--name web -u nobody --network none -- /bin/ls -l --json --'), {
    ...{ id: 'web', driver: 'exec', network: { mode: 'none' } },
    exec: { command: ['/bin/ls', '-l', '--json', '--'], user: 'nobody' },
  });
  t.like(await specOf('--name a debian:13 -- ls -h'), { oci: { command: ['ls', '-h'] } });
});

test('without a name the id says what runs', async (t) => {
  const ids = {
    'debian:13': /^debian-[a-z0-9]{4}$/,
    'docker://registry.example.com/team/my_app:v1': /^my-app-[a-z0-9]{4}$/,
    'oci:/srv/images/Web.App:latest': /^web-app-[a-z0-9]{4}$/,
  };
  for (const [image, id] of Object.entries(ids)) t.regex(String((await specOf(image)).id), id);
  t.regex(String((await specOf(['--', '/usr/bin/python3', 'x'])).id), /^python3-[a-z0-9]{4}$/);
  t.regex(String((await specOf(['--', '/opt/___'])).id), /^run-[a-z0-9]{4}$/);
  t.regex(String((await specOf(['--', `/opt/${'x'.repeat(90)}`])).id), /^x{40}-[a-z0-9]{4}$/);
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['run', /IMAGE is missing/],
  ['run --', /COMMAND is missing after --/],
  ['run -p 80 debian', /--publish must be HOST:WORKLOAD/],
  ['run -v data debian', /--volume must be SOURCE:TARGET/],
  ['run -v ./data:/data debian', /--volume must be SOURCE:TARGET/],
  ['run -e =x debian', /--env is NAME=VALUE or NAME/],
  ['run --pull always -- ls', /--pull goes with an image only/],
  ['run --driver qemu -- ls', /--driver goes with an image only/],
  ['run --driver exec debian', /--driver/],
  ['run --entrypoint sh -- ls', /--entrypoint goes with an image only/],
  ['run --memory much debian', /--memory must be a size/],
  ['run -d --rm debian', /--rm needs a command that waits/],
  ['run --env-file web.env debian', /--env-file must be an absolute path; it is "web.env"/],
  ['run -w srv debian', /--workdir must be an absolute path/],
  ['run --secret target=/x debian', /--secret must be NAME or NAME,OPTIONS, with target=PATH/],
  ['run --secret db,mode=rw debian', /--secret must be NAME/],
  ['run --secret db,target=x debian', /--secret must be NAME/],
  ['run --group-add a:b debian', /--group-add must be the name or the number of one group/],
  ['run --tmpfs scratch debian', /--tmpfs must be TARGET or TARGET:OPTIONS/],
  ['run --tmpfs /a:sync debian', /--tmpfs must be TARGET or TARGET:OPTIONS/],
  ['run --tmpfs /a:size=64m debian', /--tmpfs must be a size such as 64Mi or 1G; it is "64m"/],
  ['run --shm-size much debian', /--shm-size must be a size/],
  ['run --cap-add NET_ADMIN,KILL debian', /--cap-add must be one capability such as NET_ADMIN/],
  ['run --cap-drop=- debian', /--cap-drop must be one capability/],
  ['run --ulimit nofile debian', /--ulimit must be NAME=SOFT or NAME=SOFT:HARD/],
  ['run --stop-timeout soon debian', /--stop-timeout must be a duration/],
  ['run --health-interval 5s debian', /--health-cmd is missing/],
  ['run --health-cmd true --health-interval 5 debian', /--health-interval must be a duration such as 500ms, 30s or 5m/],
  ['run --health-cmd true --health-retries many debian', /--health-retries must be a whole number/],
  ['run --colour debian', /has no option --colour/],
];

for (const [line, problem] of WRONG)
  test(`refused before the agent is asked: berth ${line}`, async (t) => {
    const agent = fakeAgent({});
    const { exit, err } = await berth(line, { agent });
    t.is(exit, 2);
    t.regex(err, problem);
    t.deepEqual(agent.calls, []);
  });

test('--help and --json are those of the command only before the image', async (t) => {
  t.regex((await berth('run --help')).out, /Usage: berth run/);
  t.regex((await berth('run -h debian:13')).out, /Usage: berth run/);
  t.deepEqual((await specOf('--name a debian:13 ls -h --help')).oci, { command: ['ls', '-h', '--help'] });
  const { exit, err } = await berth('run debian:13 ls --json');
  t.deepEqual([exit, err.split('\n')[0]], [5, 'berth: cannot connect to /run/berth/berth.sock: ECONNREFUSED']);
  t.is(JSON.parse((await berth('run --json debian:13')).out).error.code, 'cannot_connect');
  t.regex((await berth('run --json debian:13', { agent: fakeAgent({}) })).out, /--json goes with --detach/);
});

const missing = (id: string): never => {
  throw new BerthError('not_found', `there is no workload "${id}"`);
};
const exited = (over: Partial<NonNullable<WorkloadView['end']>> = {}): Partial<WorkloadView> => ({
  ...{ state: 'exited', process: null },
  end: { at: NOW, code: 0, signal: null, cause: 'exit', detail: '', ...over },
});

interface Life extends FakeAgent {
  readonly did: string[];
}

/**
 * A workload that comes to be with `create`, is in these states one after the other, and has written `output` by the end; it stays in
 * the last one until it is stopped or deleted.
 */
function life(states: readonly Partial<WorkloadView>[], output = 'hello\n', more: Answers = {}): Life {
  const did: string[] = [];
  let at = -1;
  let left: Partial<WorkloadView> | undefined;
  const now = (id: string): WorkloadView => view(id, left ?? states[Math.min(at, states.length - 1)]);
  const agent = fakeAgent({
    'workload.get': ({ id }) => {
      if (at < 0) return missing(id);
      if (at < states.length - 1)
        setImmediate(() => {
          at++;
          agent.emit({ type: 'workload.state', workload: id });
        });
      return now(id);
    },
    'workload.create': ({ spec }) => {
      did.push(`create ${String(spec.driver)}`);
      at = 0;
      return now(String(spec.id));
    },
    'workload.logs': ({ offset = 0 }) => {
      const bytes = Buffer.from(output).subarray(offset);
      return { next: offset + bytes.length, text: '', base64: bytes.toString('base64'), end: true };
    },
    'workload.stop': ({ id }) => {
      did.push('stop');
      left = exited({ code: 143, cause: 'stopped' });
      setImmediate(() => agent.emit({ type: 'workload.state', workload: id }));
      return now(id);
    },
    'workload.delete': ({ id, now: atOnce }) => {
      did.push(`delete${atOnce === true ? ' now' : ''}`);
      at = -1;
      setImmediate(() => agent.emit({ type: 'workload.deleted', workload: id }));
      return view(id);
    },
    ...more,
  });
  return Object.assign(agent, { did });
}

const running: Partial<WorkloadView> = { state: 'running' };
const pending: Partial<WorkloadView> = { state: 'pending', process: null };

test('its output and its exit code are those of this command', async (t) => {
  const agent = life([pending, running, exited({ code: 7 })]);
  t.deepEqual(await berth('run debian:13', { agent }), { exit: 7, out: 'hello\n', err: '' });
  t.deepEqual(agent.did, ['create oci']);
  const killed = life([running, exited({ code: null, signal: 'SIGKILL', cause: 'limit' })]);
  t.is((await berth('run -- /bin/hog', { agent: killed })).exit, 137);
});

test('--rm deletes it when it has ended, however it went', async (t) => {
  const agent = life([running, exited({ code: 3 })]);
  t.is((await berth('run --rm debian:13', { agent })).exit, 3);
  t.deepEqual(agent.did, ['create oci', 'delete']);
  const error = {
    code: 'image_pull_failed',
    message: 'the image was not pulled: gone',
    hint: 'Check the name.',
  } as const;
  const none = life([pending, { state: 'failed', process: null, error }], '');
  t.deepEqual(await berth('run --rm debian:13', { agent: none }), {
    ...{ exit: 1, out: '', err: 'berth: the image was not pulled: gone\n  hint: Check the name.\n' },
  });
  t.deepEqual(none.did, ['create oci', 'delete']);
});

test('a refusal of admission has its own exit code, and nothing is deleted', async (t) => {
  const refuse = (): never => {
    throw new BerthError('admission_refused', 'it does not fit');
  };
  const agent = life([running], '', { 'workload.create': refuse });
  t.is((await berth('run --rm debian:13', { agent })).exit, 3);
  t.deepEqual(agent.did, []);
});

test('a name that is taken is a conflict', async (t) => {
  const agent = fakeAgent({ 'workload.get': ({ id }) => view(id) });
  const { exit, err } = await berth('run --name web debian:13', { agent });
  t.is(exit, 1);
  t.regex(err, /there is a workload "web" already\n.*berth workload start web/);
});

test('detached, the id is printed when it runs', async (t) => {
  const agent = life([pending, running]);
  t.deepEqual(await berth('run -d --name web debian:13', { agent }), { exit: 0, out: 'web\n', err: '' });
  const json = await berth('run -d --name web --json debian:13', { agent: life([running]) });
  t.is(JSON.parse(json.out).workload.id, 'web');
  const late = await berth('run -d --name web --timeout 1ms debian:13', { agent: life([pending]) });
  t.regex(late.err, /web is still pending after/);
});

test('one that is deleted meanwhile is told', async (t) => {
  let looks = 0;
  const agent = life([running], 'x', {
    'workload.get': ({ id }) => (looks++ === 1 ? view(id) : missing(id)),
  });
  const { exit, err } = await berth('run --name web debian:13', { agent });
  t.is(exit, 4);
  t.regex(err, /was deleted meanwhile/);
});

/** Signals come one by one as soon as the workload has been seen to run. */
async function interrupted(line: string, agent: Life, signals: number) {
  let raise: (name: string) => void = () => undefined;
  const session = fakeSession('', {
    onSignal: (listener) => {
      raise = listener;
    },
  });
  const call = agent.client.call;
  let left = signals;
  agent.client.call = async (method, params) => {
    const answer = await call(method, params);
    if (method === 'workload.logs' && left > 0) {
      left--;
      raise('SIGINT');
    }
    return answer;
  };
  return berth(line, { agent, openSession: async () => session });
}

test('Ctrl-C stops it, and what it still writes and its end are waited for', async (t) => {
  const agent = life([running]);
  const { exit, out } = await interrupted('run --rm debian:13', agent, 1);
  t.deepEqual([exit, out, agent.did], [143, 'hello\n', ['create oci', 'stop', 'delete']]);
});

test('a second Ctrl-C waits for nothing', async (t) => {
  const agent = life([running], 'hello\n', { 'workload.stop': ({ id }) => view(id) });
  const { exit } = await interrupted('run --rm debian:13', agent, 2);
  t.deepEqual([exit, agent.did], [130, ['create oci', 'delete now']]);
});

test('a stop that the agent refuses is told', async (t) => {
  const refuse = (): never => {
    throw new BerthError('not_permitted', 'this session may not stop it');
  };
  const agent = life([running], 'hello\n', { 'workload.stop': refuse });
  const { exit, err } = await interrupted('run debian:13', agent, 1);
  t.is(exit, 6);
  t.regex(err, /may not stop it/);
});
