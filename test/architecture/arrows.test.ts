// The house rules that a reviewer would otherwise have to remember.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const ROOMS = ['agent', 'protocol', 'cgroups', 'netns', 'systemd', 'linux', 'dashboards', 'docs', 'test'];

/** What each room may import from, beside itself. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  linux: [],
  cgroups: ['linux'],
  netns: ['linux'],
  systemd: ['linux'],
  agent: ['protocol', 'cgroups', 'netns', 'systemd', 'linux'],
  protocol: [],
  dashboards: [],
  docs: ['agent', 'systemd'],
  test: ROOMS,
};

/** Packages that may be loaded at run time, and by whom. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  koffi: ['linux'],
  esbuild: ['systemd/deb'],
  '@grafana/grafana-foundation-sdk': ['dashboards'],
};

function sources(): { path: string; text: string }[] {
  return ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
      .map((name) => ({ path: `${room}/${name}`, text: readFileSync(join(root, room, name), 'utf8') })),
  );
}

function imports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

function target(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const step of specifier.split('/')) {
    if (step === '..') parts.pop();
    else if (step !== '.') parts.push(step);
  }
  return parts.join('/');
}

test('imports point one way between the rooms', (t) => {
  const wrong: string[] = [];
  for (const { path, text } of sources()) {
    const room = path.split('/')[0] ?? '';
    for (const specifier of imports(text)) {
      if (!specifier.startsWith('.')) continue;
      const other = target(path, specifier).split('/')[0] ?? '';
      if (other !== room && !MAY[room]?.includes(other)) wrong.push(`${path} imports ${specifier}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('native code and build tools are loaded only where they belong', (t) => {
  const wrong: string[] = [];
  for (const { path, text } of sources()) {
    if (path.startsWith('test/')) continue;
    for (const specifier of imports(text))
      for (const [name, places] of Object.entries(PACKAGES))
        if ((specifier === name || specifier.startsWith(`${name}/`)) && !places.some((place) => path.startsWith(place)))
          wrong.push(`${path} imports ${specifier}`);
  }
  t.deepEqual(wrong, []);
});

/** A delay that is written down in the source: a number, a constant, or no more than one. */
const FIXED = /^(?:[\d_]+|[A-Z][A-Z0-9_]*(?:\.\w+)?|Math\.min\((?:[\d_]+|[A-Z][A-Z0-9_]*),.*\))?$/s;
/** Delays under other names, each at most as long as said. */
const BOUNDED: Readonly<Record<string, string>> = {
  'agent/control/dial.ts: delayMs': 'two minutes, the longest back-off',
  'agent/control/server.ts: graceMs': 'five seconds',
  'agent/control/server.ts: graceMs + HANG_UP_MS': 'six seconds',
  'agent/control/connections.ts: this.#limits.handshakeMs': 'a constant of limits.ts',
  'agent/daemon/chores.ts: this.#options.everyMs': 'given by tests only',
  'agent/daemon/chores.ts: deadlineMs': 'given by tests only',
  'agent/control/coalescer.ts: ms': 'constants of the same room',
  'systemd/supervisor/unwritten.ts: this.#retryMs': 'given by tests only',
  'agent/daemon/shutdown.ts: ms': 'what a step of the shutdown may take, a constant',
  'agent/limits/protection.ts: this.#options.collectMs ?? COLLECT_MS': 'given by tests only',
  'agent/network/drift.ts: this.#debounceMs': 'given by tests only',
  'agent/host/inventory.ts: timeoutMs': 'a constant of its caller',
  'agent/host/inventory.ts: intervalMs': 'a constant of its caller',
  'agent/placement/rebalance.ts: time': 'a minute, the longest back-off',
  'agent/pressure/perform.ts: ms': 'constants of the same file',
  'agent/daemon/adapters/overhead.ts: ms': 'constants of overhead.ts',
  'agent/density/prediction/open.ts: ms': 'a constant of prediction.ts',
  'agent/workload/reserving.ts: wait': 'a minute',
  'cgroups/leaks.ts: delay': 'the longest back-off',
  'cgroups/shrink.ts: pauseMs': 'a constant of the same file',
  'netns/slots/pool.ts: ms': 'the longest back-off',
  'netns/monitor/monitor.ts: options.intervalMs ?? INTERVAL_MS': 'given by tests only',
  'systemd/supervisor/watch.ts: this.#periodMs': 'given by tests only',
  'systemd/supervisor/client.ts: deadlineMs': 'constants of its callers',
  'systemd/supervisor/client.ts: this.#retryMs': 'the longest back-off',
};

/** The arguments of the call that begins at `at`, which is behind its parenthesis. */
function argumentsAt(text: string, at: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = at;
  for (let i = at; i < text.length; i++) {
    const char = text[i] ?? '';
    if (depth === 0 && (char === ',' || char === ')')) {
      found.push(text.slice(from, i).trim());
      from = i + 1;
      if (char === ')') return found;
    } else if ('([{'.includes(char)) depth++;
    else if (')]}'.includes(char)) depth--;
  }
  return found;
}

test('no delay of a configuration, a person or a peer reaches a timer of Node, which counts to 24 days only', (t) => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { path, text } of sources()) {
    if (!/^(?:agent|cgroups|netns|systemd)\//.test(path)) continue;
    for (const match of text.matchAll(/(?<![.\w])(setTimeout|setInterval|sleep|AbortSignal\.timeout)\(/g)) {
      const given = argumentsAt(text, match.index + match[0].length);
      const promised =
        /import \{[^}]*setTimeout[^}]*\} from 'node:timers\/promises'/.test(text) && match[1] === 'setTimeout';
      const delay = match[1] === 'sleep' || match[1] === 'AbortSignal.timeout' || promised ? given[0] : given[1];
      seen++;
      if (!FIXED.test(delay ?? '') && !Object.hasOwn(BOUNDED, `${path}: ${delay}`)) wrong.push(`${path}: ${delay}`);
    }
  }
  t.deepEqual(wrong, [], 'linux/timers.ts has timers for any length');
  t.true(seen > 10);
});

/** Who may ask for the time on the wall, which anybody may set: for a time stamp, or to follow a calendar. */
const WALL_CLOCK: Readonly<Record<string, string>> = {
  'agent/images/images.ts': 'stamps a pull and the last use of an image, which are days ago',
  'agent/daemon/observe.ts': 'stamps the samples that cAdvisor stamps',
  'agent/daemon/agent.ts': 'stamps an answer and an eviction',
  'agent/daemon/assembly/assembly.ts': 'stamps the start of the agent',
  'agent/daemon/calendar.ts': 'chores at a time of day; a jump of the clock is noticed by the steady one',
  'agent/base/log.ts': 'stamps lines',
  'agent/control/event-log.ts': 'stamps events',
  'agent/control/server.ts': 'stamps answers',
  'agent/density/checkpoint.ts': 'names a damaged file',
  'agent/base/accounts.ts': 'compares with the time of a file',
  'agent/base/clock.ts': 'deadlines across a boot, which are never longer than what was asked for',
  'agent/density/steady-wall.ts': 'where the steady clock starts',
  'agent/process-host.ts': 'ages that a person reads in a table',
  'agent/metrics/status.ts': 'ages that a person reads on a page',
  'agent/pressure/ports.ts': 'stamps figures',
  'agent/workload/actor.ts': 'stamps states and ends',
  'agent/workload/admission.ts': 'stamps a record',
  'agent/workload/changed.ts': 'stamps a change of state',
  'agent/workload/draining.ts': 'stamps a drain and who stops for it',
  'agent/workload/end-news.ts': 'stamps an end',
  'agent/workload/end.ts': 'stamps an end',
  'agent/workload/eviction.ts': 'stamps an eviction',
  'agent/workload/journal.ts': 'names a damaged file',
  'agent/workload/kill-decision.ts': 'stamps a kill; whether it is stale is asked of the clock since boot first',
  'agent/workload/manager.ts': 'stamps a record',
  'agent/workload/missed-ends.ts': 'stamps an end',
  'agent/workload/preempting.ts': 'stamps an eviction',
  'agent/workload/saving.ts': 'stamps a snapshot',
  'agent/workload/recover.ts': 'stamps states and ends',
  'systemd/deb/build.ts': 'stamps the package',
  'systemd/supervisor/output-file.ts': 'stamps output for people',
  'systemd/supervisor/table.ts': 'stamps a start and an end, beside the clock since boot',
};

test('no interval is measured with the clock on the wall', (t) => {
  const found = new Set<string>();
  for (const { path, text } of sources())
    if (/^(?:agent|cgroups|linux|netns|systemd)\//.test(path) && /\bDate\.now\b|\bnew Date\(\)/.test(text))
      found.add(path);
  t.deepEqual([...found].sort(), Object.keys(WALL_CLOCK).sort(), 'performance.now() is set by nobody');
});

test('no file is longer than 400 lines', (t) => {
  const long = sources()
    .filter(({ text }) => text.split('\n').length > 401)
    .map(({ path }) => path);
  t.deepEqual(long, []);
});

test('every folder with code at the first two levels says in a README of at most 30 lines what lives there', (t) => {
  const folders = ROOMS.flatMap((room) => {
    const inner = room === 'agent' ? readdirSync(join(root, room), { withFileTypes: true }) : [];
    return [room, ...inner.filter((entry) => entry.isDirectory()).map((entry) => `${room}/${entry.name}`)];
  });
  for (const folder of folders) {
    const readme = join(root, folder, 'README.md');
    t.true(existsSync(readme), `${folder} has no README.md`);
    if (existsSync(readme))
      t.true(readFileSync(readme, 'utf8').trimEnd().split('\n').length <= 30, `${folder}/README.md is too long`);
  }
});

test('dependencies are pinned exactly and none needs an install script', (t) => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
    t.regex(String(version), /^\d+\.\d+\.\d+$/, `${name} is not pinned`);
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const production = Object.entries<{
    dev?: boolean;
    devOptional?: boolean;
    optional?: boolean;
    hasInstallScript?: boolean;
  }>(lock.packages).filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional);
  const required = production.filter(([, entry]) => !entry.optional);
  t.true(required.length <= 30, `${required.length} packages are installed in production`);
  const scripted = production.filter(([, entry]) => entry.hasInstallScript).map(([path]) => path);
  t.deepEqual(scripted, ['node_modules/koffi']);
  t.false(manifest.allowScripts.koffi);
});

test('a signal that follows others lets go of them', (t) => {
  const joined = sources().filter(({ text }) => /\bAbortSignal\.any\(/.test(text));
  t.deepEqual(
    joined.map(({ path }) => path).filter((path) => !path.startsWith('test/')),
    [],
    'linux/signals.ts does it without an entry in each of them that stays',
  );
});
