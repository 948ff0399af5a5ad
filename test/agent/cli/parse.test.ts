import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { find } from '../../../agent/cli/parse.js';
import { shortNames } from '../../../agent/cli/short-names.js';
import { COMMANDS } from '../../../agent/cli/table/all.js';
import { VERSION } from '../../../agent/cli/version.js';
import { berth, fakeAgent, view } from './fake.js';

test('help lists every command, and every command has help and a working loader', async (t) => {
  const { out, exit } = await berth('help');
  t.is(exit, 0);
  for (const command of COMMANDS) {
    const name = command.path.join(' ');
    t.true(out.includes(`  ${name} `), name);
    for (const line of [`help ${name}`, `${name} --help`, `${name} -h x --nonsense`]) {
      const help = await berth(line);
      t.is(help.exit, 0, line);
      t.true(help.out.startsWith(`${command.summary}.\n\nUsage: berth ${name}`), line);
      for (const option of command.options) t.true(help.out.includes(`--${option.name}`), `${line} ${option.name}`);
    }
    t.is(typeof (await command.load()).run, 'function', name);
    t.true(command.examples.length > 0, name);
  }
});

test('a command about workloads has a name of one word, which does the same', async (t) => {
  for (const command of COMMANDS.filter(({ path }) => path[0] === 'workload')) {
    const long = command.path.join(' ');
    const verb = command.path[1] ?? '';
    const help = await berth(`${verb} --help`);
    t.is(help.exit, 0, verb);
    t.true(help.out.startsWith(`${command.summary}.\n\nUsage: berth ${verb}`), verb);
    t.true(help.out.includes(`Short for \`berth ${long}\`.`), verb);
  }
  const found = ['ls', 'ps', 'rm', 'inspect', 'list'].map((word) => find(COMMANDS, [word, 'web-1'])?.summary);
  const long = ['list', 'list', 'delete', 'show', 'list'].map((verb) => find(COMMANDS, ['workload', verb])?.summary);
  t.deepEqual(found, long);
  const agent = () => fakeAgent({ 'workload.get': () => view('web-1') });
  t.deepEqual(await berth('show web-1', { agent: agent() }), await berth('workload show web-1', { agent: agent() }));
});

test('in every group ls and rm are other names of list and delete', async (t) => {
  for (const { path, summary } of COMMANDS)
    for (const [verb, other] of [
      ['list', 'ls'],
      ['delete', 'rm'],
    ])
      if (path.length === 2 && path[1] === verb)
        t.is(find(COMMANDS, [path[0] ?? '', other ?? '', 'x'])?.summary, summary);
  const agent = () => fakeAgent({ 'volume.list': () => ({ volumes: [] }) });
  t.deepEqual(await berth('volume ls', { agent: agent() }), await berth('volume list', { agent: agent() }));
  t.regex((await berth('help volume rm')).out, /Short for `berth volume delete`/);
});

test('a short name never hides another command', (t) => {
  const firsts = COMMANDS.map(({ path }) => path[0]);
  const words = shortNames(COMMANDS).map(({ path }) => path[0] ?? '');
  t.deepEqual(
    words.filter((word) => firsts.includes(word)),
    [],
  );
  t.deepEqual(words, [...new Set(words)]);
});

test('commands that do not exist yet are unknown', async (t) => {
  for (const name of ['drain', 'node pause']) {
    const { exit, err } = await berth(name);
    t.is(exit, 2, name);
    t.true(err.startsWith(`berth: there is no command "${name}"\n  hint: `), err);
  }
});

const MISTAKES: readonly (readonly [string, string, string])[] = [
  ['workload lits', 'there is no command "workload lits"', 'Did you mean `berth workload list`?'],
  ['worklaod list', 'there is no command "worklaod"', 'Did you mean `berth workload list`?'],
  ['pull', 'there is no command "pull"', 'Did you mean `berth image pull`?'],
  ['inspekt web-1', 'there is no command "inspekt"', 'Did you mean `berth inspect`?'],
  [
    'rm',
    'ID is missing: name workloads, or choose them by -l, --tenant, --driver, --state, --class',
    'Run `berth help rm`.',
  ],
  ['evnets', 'there is no command "evnets"', 'Did you mean `berth events`?'],
  ['xyzzy', 'there is no command "xyzzy"', 'Run `berth help`.'],
  ['workload show', 'ID is missing', 'Run `berth help workload show`.'],
  ['workload list x', 'unexpected argument "x"', 'Run `berth help workload list`.'],
  ['workload create', '-f FILE is missing', 'Run `berth help workload create`.'],
  ['workload create -f', '-f needs a value: FILE', 'Run `berth help workload create`.'],
  ['workload create -f --detach', '-f needs a value: FILE', 'Run `berth help workload create`.'],
  ['workload list --stat running', '`berth workload list` has no option --stat', 'Did you mean --state?'],
  ['workload list -z', '`berth workload list` has no option -z', 'Run `berth help workload list`.'],
  ['workload list --json=yes', '--json takes no value', 'Run `berth help workload list`.'],
  [
    'workload wait a --for ever',
    '--for is one of running, ready, exited, deleted; it is "ever"',
    'Run `berth help workload wait`.',
  ],
  ['completion ksh', 'SHELL is one of bash, zsh, fish; it is "ksh"', 'Run `berth help completion`.'],
  [
    'workload delete',
    'ID is missing: name workloads, or choose them by -l, --tenant, --driver, --state, --class',
    'Run `berth help workload delete`.',
  ],
  ['workload delete a --all', 'either IDs or --all, not both', 'Run `berth help workload delete`.'],
  [
    'workload stop a --timeout 5',
    '--timeout must be a duration such as 500ms, 30s or 5m; it is "5"',
    'Run `berth help workload stop`.',
  ],
  [
    'events --since x',
    '--since is a cursor, a whole number, or a duration such as 30s, 5m or 2h; it is "x"',
    'Run `berth help events`.',
  ],
  ['help nothing', 'there is no command "nothing"', 'Run `berth help`.'],
];
for (const [line, message, hint] of MISTAKES) {
  test(`usage: berth ${line}`, async (t) => {
    t.deepEqual(await berth(line, { agent: fakeAgent({}) }), {
      exit: 2,
      out: '',
      err: `berth: ${message}\n  hint: ${hint}\n`,
    });
    const { exit, out, err } = await berth(`${line} --json`, { agent: fakeAgent({}) });
    t.is(exit, 2);
    t.is(err, '');
    t.is(JSON.parse(out).error.hint, hint);
  });
}

test('a group without a command is a usage error that shows the group', async (t) => {
  const { exit, out, err } = await berth('node');
  t.is(exit, 2);
  t.is(out, '');
  t.true(err.startsWith('Usage: berth node COMMAND'));
  t.is((await berth('help node')).exit, 0);
  t.is(JSON.parse((await berth('node --json')).out).error.code, 'usage');
  t.is((await berth('')).exit, 0);
});

test('global options may stand anywhere, and -- ends the options', async (t) => {
  const agent = fakeAgent({ 'workload.list': () => ({ workloads: [] }), 'workload.get': () => view('--json') });
  for (const line of ['--json workload list', 'workload --json list', 'workload list --json'])
    t.deepEqual(JSON.parse((await berth(line, { agent })).out), { workloads: [] });
  const addresses: string[] = [];
  const connect = async (address: string) => {
    addresses.push(address);
    return agent.client;
  };
  await berth('--connect ws://a workload list', { connect });
  await berth('workload list --connect=/b.sock', { connect, env: { BERTH_CONNECT: '/c.sock' } });
  await berth('workload list', { connect, env: { BERTH_CONNECT: '/c.sock' } });
  await berth('workload list', { connect, env: { BERTH_CONNECT: '' } });
  t.deepEqual(addresses, ['ws://a', '/b.sock', '/c.sock', '/run/berth/berth.sock']);
  await berth('workload show -- --json', { agent });
  t.deepEqual(agent.calls.at(-1), { method: 'workload.get', params: { id: '--json' } });
});

test('version, in every form, is that of the package', async (t) => {
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  t.is(VERSION, JSON.parse(text).version);
  for (const line of ['version', '--version']) {
    t.is((await berth(line)).out, `berth ${VERSION} node ${process.version}\n`);
    t.is(JSON.parse((await berth(`${line} --json`)).out).version, VERSION);
  }
});

test('the bash completion is valid and completes words, options, values and ids', async (t) => {
  const { out } = await berth('completion bash');
  execFileSync('bash', ['-n'], { input: out });
  const complete = (words: readonly string[]): string[] => {
    const script = `${out}
berth() { printf 'ID TENANT\\nweb-1 acme\\nweb-2 acme\\n'; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _berth; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  };
  t.deepEqual(complete(['berth', 'wor']), ['workload']);
  t.deepEqual(complete(['berth', 'workload', 'st']), ['start', 'stop']);
  t.deepEqual(complete(['berth', 'workload', 'list', '--st']), ['--state']);
  t.deepEqual(complete(['berth', 'workload', 'list', '--state', 'fr']), ['frozen']);
  t.deepEqual(complete(['berth', 'workload', 'show', 'web']), ['web-1', 'web-2']);
  t.deepEqual(complete(['berth', 'workload', 'logs', '-f', 'web-1']), ['web-1']);
  t.deepEqual(complete(['berth', 'completion', 'z']), ['zsh']);
  for (const shell of ['zsh', 'fish']) t.true((await berth(`completion ${shell}`)).out.includes('berth workload list'));
});
