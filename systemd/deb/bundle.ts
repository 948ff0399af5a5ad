import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Name of the file in /usr/lib/berth -> source. Each is named by a `new URL('./NAME.js', import.meta.url)` or a unit. */
export const ENTRIES: Readonly<Record<string, string>> = {
  berth: 'agent/main.ts',
  daemon: 'agent/daemon/daemon.ts',
  worker: 'netns/worker.ts',
  'epoll-thread': 'cgroups/signals/epoll-thread.ts',
  'inventory-thread': 'agent/host/inventory-thread.ts',
  'kvm-guest': 'agent/host/kvm-guest.ts',
  supervisor: 'systemd/supervisor/main.ts',
};

// Dependencies written as CommonJS (pino, ws, prom-client) call require, which an ES module does not have.
const BANNER = [
  "import { createRequire as berthCreateRequire } from 'node:module';",
  'const require = berthCreateRequire(import.meta.url);',
].join('\n');

/**
 * Writes one file per entry to `directory`. One file and no shared chunks: the supervisor goes on running while the package
 * is upgraded under it, and a chunk it has yet to load would be gone. Throws when a source is missing.
 */
export async function bundle(
  root: string,
  directory: string,
  version: string,
  entries: Readonly<Record<string, string>> = ENTRIES,
): Promise<void> {
  for (const source of Object.values(entries)) {
    if (!existsSync(join(root, source))) throw new Error(`cannot build the package: ${source} does not exist`);
  }
  await build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, source]) => ({ in: source, out })),
    outdir: directory,
    bundle: true,
    splitting: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // The daemon apart: the command is started often and needs a fifth of the code.
    external: ['koffi', './daemon.js'],
    banner: { js: BANNER },
    define: { 'process.env.BERTH_VERSION': JSON.stringify(version) },
    legalComments: 'none',
    logLevel: 'warning',
  });
}
