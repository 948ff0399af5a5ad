// The house rules that a reviewer would otherwise have to remember.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const ROOMS = ['agent', 'cgroups', 'netns', 'systemd', 'linux', 'dashboards', 'docs', 'test'];

/** What each room may import from, beside itself. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  linux: [],
  cgroups: ['linux'],
  netns: ['linux'],
  systemd: ['linux'],
  agent: ['cgroups', 'netns', 'systemd', 'linux'],
  dashboards: [],
  docs: ['agent'],
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
