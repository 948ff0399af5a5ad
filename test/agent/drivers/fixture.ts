// Specs, contexts and a directory of the test's own.
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Driver, DriverContext } from '../../../agent/drivers/driver.js';
import { type ExecOptions, execDriver } from '../../../agent/drivers/exec/index.js';
import { Volumes } from '../../../agent/drivers/volumes.js';
import { NO_NETWORK, type Sandbox } from '../../../agent/model/record.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';

export const ROUTED: Sandbox = {
  ...NO_NETWORK,
  cgroup: 'default/w',
  netns: 'berth-w',
  hostLink: 'btw',
  address: '10.9.8.7',
  mac: '02:00:00:00:00:07',
};

/** A node that says nothing of name servers. */
export const NO_DNS = { servers: [], search: [], options: [] };

/** A node without secrets. */
export const NO_SECRETS = { directory: '/nonexistent' };

/** What sandboxes share is `shared`. */
export function testExec(more: Partial<ExecOptions> = {}): Driver {
  const uids = { first: 2_013_265_920, last: 2_013_266_919 };
  const shared = join(tmpdir(), `berth-exec-${process.pid}`);
  const given = {
    runtime: 'crun',
    sandboxOnly: true,
    dns: NO_DNS,
    temporaryBytes: 2 ** 20,
    hidden: [],
    secrets: NO_SECRETS,
  };
  return execDriver({ ...given, uids, shared, ...more });
}

export const HOST: Sandbox = { ...NO_NETWORK, cgroup: 'default/w' };

export function specOf(input: Record<string, unknown>): WorkloadSpec {
  return parseSpec({ id: 'w', ...input });
}

export async function temporary(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-drivers-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A context with an existing directory; every program is said to be in /usr/bin. */
export async function contextFor(t: ExecutionContext, more: Partial<DriverContext> = {}): Promise<DriverContext> {
  const directory = join(await temporary(t), 'workloads', 'w');
  await mkdir(directory, { recursive: true });
  return {
    directory,
    sandbox: ROUTED,
    which: (name) => `/usr/bin/${name}`,
    kvmUsable: false,
    mountRoots: [],
    volumes: new Volumes(join(directory, '..', '..')),
    warn: () => undefined,
    ...more,
  };
}

/** Every path below a directory with its content, to see whether something changed. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const path = join(directory, name);
    found[name] = (await stat(path)).isFile() ? await readFile(path, 'utf8') : '';
  }
  return found;
}
