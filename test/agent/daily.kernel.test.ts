// A day with workloads as a person types it: every line of the table, one after the other, in one shell.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { DAILY_TASKS } from './daily-tasks.js';
import { busyboxLayer, writeLayout } from './images/layout.js';
import { dir } from './images/tar-writer.js';
import { OwnAgent } from './own-agent.js';
import { openHost } from './own-host.js';

const MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));

const specOf = (image: string): string => `id: web
driver: oci
image: ${image}
oci:
  command: [sh, -c, "trap 'exit 0' TERM; echo started; sleep 1000000 & wait"]
health: { command: [ls, /tmp], interval: 5s }
labels: { app: web }
`;

let host: Awaited<ReturnType<typeof openHost>>;
let agent: OwnAgent;
let image: string;

test.before(async () => {
  host = await openHost();
  const { directory } = host;
  const layout = join(directory, 'image');
  const places = ['data', 'scratch', 'run', 'root'].map((name) => dir(name));
  await writeLayout(layout, { layers: [await busyboxLayer(places)] });
  image = `oci:${layout}:latest`;
  mkdirSync(join(directory, 'data'));
  mkdirSync(join(directory, 'secrets', 'default'), { recursive: true, mode: 0o700 });
  const files = { 'data/greeting': 'hello\n', 'web.env': 'COLOUR=red\n', 'secrets/default/db': 'hunter2\n' };
  for (const [name, text] of Object.entries({ ...files, 'web.yaml': specOf(image) }))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  agent = new OwnAgent({
    ...{ directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-daily-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.238.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_testday',
      BERTH_NETWORK_LINK_PREFIX: 'bdy',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_WEB_LISTEN: '',
      BERTH_IMAGES_MIN_FREE: '0',
      BERTH_SECRETS_DIRECTORY: join(directory, 'secrets'),
      BERTH_DRIVERS_MOUNTS: JSON.stringify([directory]),
      BERTH_DRIVERS_CAPABILITIES: JSON.stringify(['NET_ADMIN']),
    },
  });
  await agent.start();
});

test.after.always(async () => {
  await agent?.end();
  host?.end();
});

/** Of all lines together. */
const LONGEST_MS = 280_000;

/** Exit code and output of each line, up to the first that does not come to its end. */
async function typed(lines: readonly string[]): Promise<{ readonly exit: number; readonly said: string }[]> {
  const script = join(host.directory, 'day.sh');
  const berth = `berth() { '${process.execPath}' '${MAIN}' "$@"; }; export -f berth`;
  const each = lines.map((line) => `out=$({ ${line}; } 2>&1 < /dev/null); echo "$? $(base64 -w0 <<< "$out")"`);
  writeFileSync(script, [berth, ...each, ''].join('\n'));
  const [program = '', ...args] = host.prefix;
  const { PATH } = process.env;
  // script(1) runs its command with $SHELL, which must know the function.
  const env = { PATH, SHELL: '/bin/bash', IMAGE: image, DIR: host.directory, BERTH_CONNECT: agent.socket };
  const limit = { timeout: LONGEST_MS, killSignal: 'SIGKILL' as const };
  const { stdout } = await promisify(execFile)(program, [...args, 'bash', script], { env, ...limit }).catch(
    (error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  );
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [exit, said = ''] = line.split(' ');
      return { exit: Number(exit), said: Buffer.from(said, 'base64').toString('utf8').replaceAll('\r', '').trimEnd() };
    });
}

test('every line of a day does what the line of docker or kubectl does', async (t) => {
  t.timeout(300_000);
  t.true(DAILY_TASKS.length >= 40);
  const answers = await typed(DAILY_TASKS.map((task) => task.typed));
  t.is(answers.length, DAILY_TASKS.length, `no end: ${DAILY_TASKS[answers.length]?.typed}`);
  const wrong = DAILY_TASKS.flatMap((task, n) => {
    const { exit, said } = answers[n] ?? { exit: Number.NaN, said: '' };
    return exit === (task.exit ?? 0) && task.says.test(said) ? [] : [`${task.typed}\nexit code ${exit}\n${said}`];
  });
  t.deepEqual(wrong, []);
});
