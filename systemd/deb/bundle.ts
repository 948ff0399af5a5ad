import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

export interface Entry {
  readonly source: string;
  /** Large enough that its compiled code is kept between runs (code-cache.ts). */
  readonly cached?: boolean;
}

/** Name of the file in /usr/lib/berth -> source. Each is named by a `new URL('./NAME.js', import.meta.url)`, a unit or `berth`. */
export const ENTRIES: Readonly<Record<string, Entry>> = {
  berth: { source: 'agent/main.ts' },
  'main-agent': { source: 'agent/main-agent.ts', cached: true },
  'main-command': { source: 'agent/main-command.ts', cached: true },
  worker: { source: 'netns/worker.ts', cached: true },
  'epoll-thread': { source: 'cgroups/signals/epoll-thread.ts' },
  'inventory-thread': { source: 'agent/host/inventory-thread.ts' },
  'kvm-guest': { source: 'agent/host/kvm-guest.ts' },
  'unpack-program': { source: 'agent/images/unpack-program.ts' },
  supervisor: { source: 'systemd/supervisor/main.ts' },
};

const LOADER = { name: 'code-cache', source: 'systemd/deb/code-cache.ts' };

/** The two programs of the name `berth`: a bundle has one of them, and loads the other as a file. */
const PROGRAMS: Plugin = {
  name: 'programs apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/main-(agent|command)\.js$/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./${basename(path)}`, external: true },
    );
  },
};

const OPTIONS = {
  bundle: true,
  // V8 takes compiled code for scripts, not for ES modules.
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['koffi'],
  plugins: [PROGRAMS],
  // Identifiers stay, so a stack names functions; lines stay short enough for its numbers to mean something.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 160,
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
  // `import()` of a file beside this one: require does without the loader of ES modules.
  supported: { 'dynamic-import': false },
  metafile: true,
  write: false,
} as const satisfies BuildOptions;

const HERE = 'const berthUrl=require("node:url").pathToFileURL(__filename).href;';
/** What require would put around it, so that the file is one script (code-cache.ts). */
const MODULE = ['(function(exports,require,module,__filename,__dirname){', '})'] as const;

/**
 * Writes one file per entry to `directory`, and resolves to what each is made of. One file and no shared chunks: the supervisor
 * goes on running while the package is upgraded under it, and a chunk it has yet to load would be gone. Throws when a source
 * is missing.
 */
export async function bundle(
  root: string,
  directory: string,
  version: string,
  entries: Readonly<Record<string, Entry>> = ENTRIES,
): Promise<Readonly<Record<string, Metafile>>> {
  for (const { source } of Object.values(entries)) {
    if (!existsSync(join(root, source))) throw new Error(`cannot build the package: ${source} does not exist`);
  }
  mkdirSync(join(directory, 'code'), { recursive: true });
  const write = (path: string, content: string): void => writeFileSync(join(directory, path), content);
  const parts: Record<string, Metafile> = {};
  for (const [name, { source, cached }] of Object.entries({ ...entries, [LOADER.name]: LOADER as Entry })) {
    const [text, metafile] = await one(root, source, version, cached === true);
    parts[name] = metafile;
    if (cached !== true) {
      write(`${name}.js`, text);
      continue;
    }
    write(`code/${name}.js`, text);
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    write(`${name}.js`, `module.exports=require('./${LOADER.name}.js').load(__filename,'${digest}');\n`);
  }
  return parts;
}

async function one(root: string, source: string, version: string, cached: boolean): Promise<[string, Metafile]> {
  const [open, close] = cached ? MODULE : ['', ''];
  const { outputFiles, metafile } = await build({
    ...OPTIONS,
    absWorkingDir: root,
    entryPoints: [source],
    define: { 'process.env.BERTH_VERSION': JSON.stringify(version), 'import.meta.url': 'berthUrl' },
    banner: { js: `${open}${HERE}` },
    footer: { js: close },
  });
  const text = outputFiles[0]?.text ?? '';
  // The code cache reads it as latin1: one byte a character, in the file and in memory.
  if (cached && /[^\0-\x7f]/.test(text)) throw new Error(`the bundle of ${source} is not ASCII`);
  return [text, metafile];
}
