import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import { removeFile, replaceFile } from '../../base/durable.js';
import { planInstall, planUninstall, requireOurs } from '../../cni/install.js';
import { tenantName } from '../../model/spec.js';
import type { Answer, Context } from '../command.js';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/;

export async function install(context: Context): Promise<Answer> {
  const { binDir, confDir } = placesOf(context);
  const name = context.option('name') ?? 'berth';
  const tenant = context.option('tenant') ?? 'default';
  if (!NAME.test(name)) throw new BerthError('usage', '--name must be 1-64 of [a-zA-Z0-9_.-]');
  if (!tenantName.safeParse(tenant).success)
    throw new BerthError('usage', '--tenant must be the name of a tenant, or kubernetes-namespace');
  if (!context.address.startsWith('/'))
    throw new BerthError('usage', 'the plugin connects to the local socket: --connect must be its path');
  const files = await planInstall({ binDir, confDir, name, tenant, socket: context.address });
  if (!context.flag('force')) requireOurs(files);
  const todo = files.filter(({ found }) => found !== 'same');
  const dry = context.flag('dry-run');
  if (!dry)
    for (const { path, text, mode } of todo) {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await replaceFile(path, text, { mode });
    }
  return said(
    dry,
    todo.map(({ path, found }) => ({ path, action: found === 'absent' ? 'write' : 'replace' })),
  );
}

export async function uninstall(context: Context): Promise<Answer> {
  const paths = await planUninstall(placesOf(context));
  const dry = context.flag('dry-run');
  if (!dry) for (const path of paths) await removeFile(path);
  return said(
    dry,
    paths.map((path) => ({ path, action: 'remove' })),
  );
}

function placesOf(context: Context): { readonly binDir: string; readonly confDir: string } {
  const [binDir = '', confDir = ''] = [context.option('bin-dir'), context.option('conf-dir')];
  for (const path of [binDir, confDir])
    if (!path.startsWith('/')) throw new BerthError('usage', `${JSON.stringify(path)} is not an absolute path`);
  return { binDir, confDir };
}

const PAST: Readonly<Record<string, string>> = { write: 'wrote', replace: 'replaced', remove: 'removed' };

function said(dryRun: boolean, files: readonly { readonly path: string; readonly action: string }[]): Answer {
  const lines = files.map(({ path, action }) => `${dryRun ? `would ${action}` : PAST[action]} ${path}\n`);
  return { document: { dryRun, files }, text: lines.join('') || 'nothing to do\n' };
}
