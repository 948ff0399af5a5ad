// The id of this installation: made once, kept in the state directory, written into every tag. Where the file is lost, what
// the kernel has of workloads with a record says which id it was: a new one would make strangers of them.
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTag } from '../../../cgroups/tag.js';
import { codeOf, messageOf } from '../../../linux/errors.js';
import { isExhausted, readState, replaceFile, setAside } from '../../base/durable.js';
import type { Log } from '../../base/log.js';
import { isInstallationId, parseTag } from '../../model/tags.js';
import { decode } from '../../workload/journal.js';

const FILE = 'installation.json';
const VERSION = 1;
const LINKS = '/sys/class/net';

/** `links`: for tests, instead of /sys/class/net. Throws when descriptors or memory are exhausted. */
export async function installationId(
  state: string,
  cgroupRoot: string,
  log: Pick<Log, 'info' | 'warn' | 'error'>,
  links = LINKS,
): Promise<string> {
  const path = join(state, FILE);
  const kept = await read(path, log);
  if (kept !== undefined) return kept;
  const found = await fromObjects(state, cgroupRoot, links);
  const id = found ?? randomBytes(4).toString('hex');
  try {
    await replaceFile(path, `${JSON.stringify({ version: VERSION, id })}\n`);
    log.info({ installation: id, from: found === undefined ? 'new' : 'tags of workloads' }, 'id of the installation');
  } catch (error) {
    // A full disk keeps no agent from its start: the next start reads the id from the tags, or writes another.
    log.warn({ installation: id, err: error }, 'the id of the installation could not be written');
  }
  return id;
}

async function read(path: string, log: Pick<Log, 'error'>): Promise<string | undefined> {
  try {
    const { id }: { id?: unknown } = JSON.parse(await readState(path)) ?? {};
    if (!isInstallationId(id)) throw new Error('it holds no id');
    return id;
  } catch (error) {
    if (isExhausted(error)) throw error;
    if (codeOf(error) === 'ENOENT') return undefined;
    await setAside(path);
    const problem = messageOf(error);
    log.error({ path, problem }, 'a file of state is damaged and set aside');
    return undefined;
  }
}

/** The id that most workloads with a record carry in the kernel. */
async function fromObjects(state: string, cgroupRoot: string, links: string): Promise<string | undefined> {
  const directory = join(state, 'workloads');
  const votes = new Map<string, number>();
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.json')) continue;
    const record = await readState(join(directory, name))
      .then(decode)
      .catch(() => undefined);
    if (record === undefined) continue;
    const { cgroup, hostLink } = record.sandbox;
    const alias = hostLink === null ? '' : await readFile(join(links, hostLink, 'ifalias'), 'utf8').catch(() => '');
    for (const tag of [tagAt(join(cgroupRoot, cgroup)), alias.trim()]) {
      const parsed = parseTag(tag);
      if (parsed?.id === record.id && parsed.installation !== null)
        votes.set(parsed.installation, (votes.get(parsed.installation) ?? 0) + 1);
    }
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0];
}

function tagAt(dir: string): string | undefined {
  try {
    return readTag(dir);
  } catch {
    return undefined;
  }
}
