import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { PARTS } from '../../../agent/cli/bug-report.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { berth, fakeAgent, NOW, view } from './fake.js';

const directory = temporaryDirectory('bugreport');
// The configuration of this machine is no part of the test.
const config = join(directory, 'berth.toml');
writeFileSync(config, `[paths]\nruntime = "${directory}"\n[web]\nlisten = "127.0.0.1:1"\n`);
writeFileSync(join(directory, 'supervisor.log'), 'supervisor is ready\n');

const unpack = (file: string): Readonly<Record<string, string>> => {
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /\w$/.test(name));
  return Object.fromEntries(
    names.map((name) => [name.split('/')[1], execFileSync('tar', ['-xzOf', file, name], { encoding: 'utf8' })]),
  );
};

const EVENTS = Array.from({ length: 5002 }, (_, i) => ({
  cursor: i + 7,
  at: NOW,
  type: 'workload.state',
  data: { n: i },
}));

const full = () => {
  const secretive = view('web-1');
  const spec = { ...secretive.spec, env: { PASSWORD: 'do-not-tell' } };
  return fakeAgent(
    {
      'node.describe': () => ({ name: 'node-1' }) as never,
      'node.doctor': () => ({ conditions: [] }),
      'node.capacity': () => ({ rows: [] }) as never,
      'node.top': () => ({ workloads: [] }) as never,
      'workload.list': () => ({ workloads: [{ ...secretive, spec }] }) as never,
      'tenant.list': () => ({ tenants: [] }) as never,
      'licence.list': () => ({ licences: [] }) as never,
      'image.list': () => ({ images: [] }) as never,
      'node.cleanup': () => ({ steps: [] }) as never,
      'events.subscribe': () => ({ cursor: EVENTS.at(-1)?.cursor ?? 0 }) as never,
    },
    EVENTS,
  );
};

test('a report has every part, without values of environments, for its owner alone', async (t) => {
  const target = join(directory, 'full.tar.gz');
  const { exit, out, err } = await berth(['bugreport', '-o', target, '--config', config], { agent: full() });
  t.is(exit, 0, err);
  t.is(statSync(target).mode & 0o777, 0o600);
  const files = unpack(target);
  const { missing } = JSON.parse(files['report.json'] ?? '');
  // Without a listener there are no metrics; a machine without systemd has no journal.
  t.deepEqual(
    missing.map(({ file }: { file: string }) => file).filter((file: string) => file !== 'agent.log'),
    ['metrics.txt'],
  );
  t.deepEqual(
    PARTS.map(({ file }) => file).filter((file) => !(file in files)),
    missing.map(({ file }: { file: string }) => file),
  );
  t.is(JSON.parse(files['node.json'] ?? '').name, 'node-1');
  t.deepEqual(JSON.parse(files['workloads.json'] ?? '')[0].spec.env, { PASSWORD: '(hidden)' });
  t.false(Object.values(files).join('').includes('do-not-tell'));
  t.is(files['supervisor.log'], 'supervisor is ready\n');
  const lines = (files['events.jsonl'] ?? '').trim().split('\n');
  t.deepEqual([lines.length, JSON.parse(lines[0] ?? '').cursor], [5000, 9]);
  t.true(out.startsWith(`wrote ${target}: `), out);
});

test('without an agent the report has what the host tells', async (t) => {
  const target = join(directory, 'alone.tar.gz');
  const { exit, out } = await berth(['bugreport', '-o', target, '--config', config, '--json'], {
    checkHost: async () => [{ code: 'no_cgroup', severity: 'error', title: 'T', why: '', fix: '' }],
  });
  t.is(exit, 0);
  const { files, missing, path } = JSON.parse(out);
  t.is(path, target);
  t.true(files.includes('system.txt') && files.includes('config.json'), out);
  t.regex(missing.find(({ file }: { file: string }) => file === 'node.json').reason, /ECONNREFUSED/);
  t.is(JSON.parse(unpack(target)['doctor.json'] ?? '').conditions[0].code, 'no_cgroup');
});

test('a report that waits for an agent can be interrupted, and leaves nothing', async (t) => {
  const silent = fakeAgent({
    'node.describe': () => new Promise(() => {}),
    'events.subscribe': () => new Promise(() => {}),
  });
  const ended = new AbortController();
  const target = join(directory, 'silent.tar.gz');
  const running = berth(['bugreport', '-o', target, '--config', config], {
    agent: silent,
    interruption: () => ended.signal,
  });
  while (silent.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  ended.abort();
  t.is((await running).exit, 130);
  t.false(existsSync(target));
});

test('a file that exists stays as it is, and nothing is left behind', async (t) => {
  const target = join(directory, 'there');
  writeFileSync(target, 'mine');
  const { exit, err } = await berth(['bugreport', '-o', target, '--config', config], { agent: full() });
  t.is(exit, 2);
  t.is(err, `berth: ${target} exists already\n  hint: Name another file with -o.\n`);
  t.is(readFileSync(target, 'utf8'), 'mine');
  const nowhere = await berth(['bugreport', '-o', join(directory, 'none', 'x'), '--config', config], { agent: full() });
  t.is(nowhere.exit, 1);
  t.regex(nowhere.err, /ENOENT|no such file/i);
  t.false(existsSync(join(directory, 'none')));
});
