// The two files of a runtime: the program, and the list of plugins of the network. What somebody else has written stays.
import { join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { BerthError } from '../../protocol/errors.js';
import { NEWEST } from './config.js';
import { PLUGIN_MARK, pluginText } from './plugin.js';

/** Name of the program, and `type` in a network configuration. */
export const PLUGIN = 'berth-cni';

/** Runtimes take the first file by name. */
const CONFLIST = '10-berth.conflist';

/** Both files are small. */
const MOST_BYTES = 1 << 20;

export interface Places {
  readonly binDir: string;
  readonly confDir: string;
}

export interface InstallOptions extends Places {
  /** Of the agent. */
  readonly socket: string;
  /** Of the network. */
  readonly name: string;
  /** A tenant, or `kubernetes-namespace`. */
  readonly tenant: string;
}

export interface PlannedFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
  /** absent: it is made; same: nothing to do; ours: an older one is replaced; foreign: berth has not written it. */
  readonly found: 'absent' | 'same' | 'ours' | 'foreign';
}

/** Throws SysError. */
export async function planInstall(options: InstallOptions): Promise<readonly PlannedFile[]> {
  const { socket, binDir, confDir } = options;
  return Promise.all([
    planned(join(binDir, PLUGIN), 0o755, pluginText(socket), isOurPlugin),
    planned(join(confDir, CONFLIST), 0o644, conflistText(options), isOurConflist),
  ]);
}

/** What an uninstall removes: paths of files that are ours. Throws SysError. */
export async function planUninstall({ binDir, confDir }: Places): Promise<readonly string[]> {
  // The list first: a list without its program fails every pod.
  const files: readonly (readonly [string, (text: string) => boolean])[] = [
    [join(confDir, CONFLIST), isOurConflist],
    [join(binDir, PLUGIN), isOurPlugin],
  ];
  const found = await Promise.all(files.map(async ([path, isOurs]) => isOurs((await read(path)) ?? '')));
  return files.flatMap(([path], at) => (found[at] === true ? [path] : []));
}

/** Throws `conflict` where a file of somebody else is in the way. */
export function requireOurs(files: readonly PlannedFile[]): void {
  const foreign = files.find(({ found }) => found === 'foreign');
  if (foreign === undefined) return;
  throw new BerthError('conflict', `${foreign.path} exists, and berth has not written it`, {
    hint: 'Move it away, choose another directory, or pass --force to replace it.',
    data: { path: foreign.path },
  });
}

function conflistText({ name, tenant }: InstallOptions): string {
  const plugin = {
    type: PLUGIN,
    tenant: tenant === 'kubernetes-namespace' ? { from: tenant, prefix: 'k8s-' } : tenant,
    capabilities: { portMappings: true, bandwidth: true },
  };
  return `${JSON.stringify({ cniVersion: NEWEST, name, plugins: [plugin] }, undefined, 2)}\n`;
}

async function planned(
  path: string,
  mode: number,
  text: string,
  isOurs: (text: string) => boolean,
): Promise<PlannedFile> {
  const old = await read(path);
  const found = old === undefined ? 'absent' : old === text ? 'same' : isOurs(old) ? 'ours' : 'foreign';
  return { path, mode, text, found };
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readPlain(path, MOST_BYTES)).toString();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isOurPlugin(text: string): boolean {
  return text.split('\n', 2)[1] === PLUGIN_MARK;
}

/** JSON has no comments: the program that it names says whose it is. */
function isOurConflist(text: string): boolean {
  try {
    const { plugins } = JSON.parse(text) as { plugins?: readonly { type?: unknown }[] };
    return plugins?.length === 1 && plugins[0]?.type === PLUGIN;
  } catch {
    return false;
  }
}
