// Builds build/berth_VERSION_ARCH.deb: `npm run deb`, or `npm run deb -- amd64 arm64`. Reproducible: the same sources and SOURCE_DATE_EPOCH give the same
// bytes. Program entry, and a function for tests.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defined } from '../../linux/defined.js';
import { bundle, type Entry } from './bundle.js';
import { changelog, control, copyright, lintianOverrides } from './control.js';
import { copyKoffi, koffiBinary } from './koffi.js';
import { sbom } from './sbom.js';
import { maintainerScripts } from './scripts.js';

const LIBRARY = 'usr/lib/berth';
/** Empty in the package (code-cache.ts). */
const CODE_CACHE = 'var/cache/berth';
// The agent's young generation, of three isolates: 2 MiB each half instead of up to 16 saves 7 MiB of 107, and as much garbage as it
// makes in a second still fits. One arena of malloc(3) instead of one for each thread saves 9 MiB: few of them ask for memory at once.
const LAUNCHER = `#!/bin/sh
if [ "$1" = agent ]; then
	MALLOC_ARENA_MAX=1 exec /usr/bin/node --max-semi-space-size=2 /usr/lib/berth/berth.js "$@"
fi
exec /usr/bin/node /usr/lib/berth/berth.js "$@"
`;
const UNITS = ['berth.service', 'berth-workloads.service', 'berth.slice'];
const CONFFILES = ['/etc/berth/berth.toml', '/etc/default/berth', '/etc/needrestart/conf.d/berth.conf'];
// Generated from the command table, when that has been done: directory below build/ -> directory in the package.
const GENERATED = {
  'man/man1': 'usr/share/man/man1',
  'man/man5': 'usr/share/man/man5',
  'man/man8': 'usr/share/man/man8',
  'completions/bash': 'usr/share/bash-completion/completions',
  'completions/zsh': 'usr/share/zsh/vendor-completions',
  'completions/fish': 'usr/share/fish/vendor_completions.d',
};

export interface BuildOptions {
  /** Top of the source tree. */
  readonly root: string;
  /** Default: `ROOT/build`. */
  readonly out?: string;
  /** Default: see bundle.ts. */
  readonly entries?: Readonly<Record<string, Entry>>;
  /** As Debian names it; default: that of this machine. Only the binary of koffi differs. */
  readonly architecture?: string;
  /** Unix time in seconds; default: SOURCE_DATE_EPOCH, else the last commit, else now. */
  readonly date?: number;
}

/** What help, hints and alerts lead to, and what a person reads on the host. */
const DOCUMENTS = [
  ...['cni', 'coming-from-cadvisor', 'coming-from-docker', 'commands', 'configuration', 'errors', 'hardening'],
  ...['limits', 'maintenance', 'microvms', 'network', 'protocol', 'runbooks', 'starts'],
];

/** What people take along: file or directory of the source tree -> place in the package. */
const SHARED = {
  'dashboards/berth-host.json': 'usr/share/berth/dashboards/berth-host.json',
  'dashboards/berth-pressure.json': 'usr/share/berth/dashboards/berth-pressure.json',
  'dashboards/berth-tenants.json': 'usr/share/berth/dashboards/berth-tenants.json',
  'dashboards/provisioning': 'usr/share/berth/dashboards/provisioning',
  'dashboards/prometheus.yml': 'usr/share/berth/prometheus/prometheus.yml',
  'dashboards/rules': 'usr/share/berth/prometheus/rules',
  'docs/workload.schema.json': 'usr/share/berth/schemas/workload.schema.json',
  'docs/config.schema.json': 'usr/share/berth/schemas/config.schema.json',
  'docs/protocol.schema.json': 'usr/share/berth/schemas/protocol.schema.json',
  'docs/asyncapi.json': 'usr/share/berth/schemas/asyncapi.json',
  ...Object.fromEntries(DOCUMENTS.map((name) => [`docs/${name}.md`, `usr/share/doc/berth/${name}.md`])),
  'docs/engines': 'usr/share/doc/berth/engines',
  'docs/examples': 'usr/share/doc/berth/examples',
};

/** Debian's names of architectures -> Node's. */
const ARCHITECTURES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

/** Returns the path of the package. Throws when a source or a tool (dpkg-deb, npm, tar) is missing, or the architecture is not known. */
export async function buildPackage(options: BuildOptions): Promise<string> {
  const { root } = options;
  const out = options.out ?? join(root, 'build');
  const { name, version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    string,
    string
  >;
  if (name === undefined || version === undefined || description === undefined)
    throw new Error('package.json has no name, version or description');
  const date = options.date ?? sourceDate(root);
  const own = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  const architecture = options.architecture ?? own;
  const platform = architecture === own ? process.arch : ARCHITECTURES[architecture];
  if (platform === undefined)
    throw new Error(`no package for ${architecture}: it is one of ${Object.keys(ARCHITECTURES).join(', ')}`);
  const tree = join(out, 'deb');
  rmSync(tree, { recursive: true, force: true });

  await bundle(root, join(tree, LIBRARY), version, options.entries);
  const koffi = koffiBinary(root, platform, join(out, 'koffi'));
  copyKoffi(join(root, 'node_modules'), koffi, join(tree, LIBRARY, 'node_modules'));
  put(tree, `${LIBRARY}/package.json`, '{"type":"commonjs"}\n');
  put(tree, 'usr/bin/berth', LAUNCHER);
  mkdirSync(join(tree, CODE_CACHE), { recursive: true });
  putFiles(root, tree);
  putGenerated(join(out), tree);
  put(tree, 'usr/share/doc/berth/sbom.cdx.json', sbom(root, name, date, koffi));

  const facts = { version, architecture, description, date, installedKib: sizeInKib(tree) };
  put(tree, 'usr/share/doc/berth/copyright', copyright());
  put(tree, 'usr/share/lintian/overrides/berth', lintianOverrides());
  put(tree, 'usr/share/doc/berth/changelog.gz', gzip(changelog(facts)));
  put(tree, 'DEBIAN/control', control(facts));
  put(tree, 'DEBIAN/conffiles', `${CONFFILES.join('\n')}\n`);
  for (const [name, text] of Object.entries(maintainerScripts)) put(tree, `DEBIAN/${name}`, text);
  normalise(tree, date);

  const file = join(out, `berth_${version}_${architecture}.deb`);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(date) };
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, file], { env, stdio: 'pipe' });
  return file;
}

function putFiles(root: string, tree: string): void {
  const copy = (from: string, to: string) => put(tree, to, readFileSync(join(root, 'systemd', from)));
  for (const unit of UNITS) copy(`units/${unit}`, `usr/lib/systemd/system/${unit}`);
  copy('units/90-berth.preset', 'usr/lib/systemd/system-preset/90-berth.preset');
  copy('deb/berth.toml', 'etc/berth/berth.toml');
  copy('deb/default', 'etc/default/berth');
  copy('deb/README.Debian', 'usr/share/doc/berth/README.Debian');
  copy('deb/needrestart.conf', 'etc/needrestart/conf.d/berth.conf');
  for (const [from, to] of Object.entries(SHARED)) {
    const source = join(root, from);
    if (!statSync(source).isDirectory()) put(tree, to, readFileSync(source));
    else for (const name of readdirSync(source)) put(tree, `${to}/${name}`, readFileSync(join(source, name)));
  }
}

function putGenerated(out: string, tree: string): void {
  for (const [from, to] of Object.entries(GENERATED)) {
    const directory = join(out, from);
    if (!existsSync(directory)) continue;
    for (const name of readdirSync(directory)) {
      const text = readFileSync(join(directory, name));
      if (from.startsWith('man/')) put(tree, `${to}/${name}.gz`, gzip(text));
      else put(tree, `${to}/${name}`, text);
    }
  }
}

function put(tree: string, path: string, content: string | Uint8Array): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function gzip(content: string | Uint8Array): Buffer {
  // zlib writes no name and no time, so this is as reproducible as `gzip -9n`.
  return gzipSync(content, { level: 9 });
}

// The umask and the clock of the build must not show in the package.
function normalise(path: string, date: number): void {
  const isDirectory = statSync(path).isDirectory();
  if (isDirectory) for (const name of readdirSync(path)) normalise(join(path, name), date);
  const isProgram = /\/usr\/bin\/|\/DEBIAN\/(postinst|prerm|postrm)$/.test(path);
  chmodSync(path, isDirectory || isProgram ? 0o755 : 0o644);
  utimesSync(path, date, date);
}

function sizeInKib(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return Math.ceil(stat.size / 1024);
  return readdirSync(path).reduce((sum, name) => sum + sizeInKib(join(path, name)), 1);
}

function sourceDate(root: string): number {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined) return Number(SOURCE_DATE_EPOCH);
  try {
    return Number(execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8', stdio: 'pipe' }));
  } catch {
    return Math.floor(Date.now() / 1000);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Compiled to dist/systemd/deb.
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const architectures = process.argv.length > 2 ? process.argv.slice(2) : [undefined];
  for (const architecture of architectures)
    process.stdout.write(`${await buildPackage({ root, ...defined({ architecture }) })}\n`);
}
