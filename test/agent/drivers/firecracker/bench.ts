// A host with the double for Firecracker, images to run, and what a test must find when nothing of a microVM is left.
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Driver } from '../../../../agent/drivers/driver.js';
import { parseVersion } from '../../../../agent/drivers/program-version.js';
import type { WorkloadSpec } from '../../../../agent/model/spec.js';
import { func } from '../../../../linux/libc.js';
import { temporary } from '../fixture.js';
import { startHost, type TestHost } from '../host.js';
import { doubleBinaries } from './binaries.js';
import { testDriver, vm } from './fixture.js';

export const READY = /berth-double ready/;
const umask = func('unsigned int umask(unsigned int mask)');

export async function bench(t: ExecutionContext, version = '1.7.0', { state }: { readonly state?: string } = {}) {
  const host = await startHost(t);
  const assets = await temporary(t);
  // Whether a user may open an image is a matter of the image.
  await chmod(assets, 0o755);
  for (const name of ['kernel', 'initrd', 'data']) await writeFile(join(assets, name), name, { mode: 0o644 });
  const image = async (name: string) => {
    const path = join(assets, name);
    await writeFile(path, Buffer.alloc(8192), { mode: 0o600 });
    return path;
  };
  const { binary, jailer } = await doubleBinaries(join(assets, 'bin'), version);
  const options = {
    ...{ binary, jailer, runtime: host.runtime, state: state ?? host.runtime, kernel: join(assets, 'kernel') },
    identify: async (path: string) => ({ path, version: parseVersion(`v${version}`) ?? ([0, 0] as const) }),
  };
  /** As the next agent has it. */
  const another = () => withKvm(testDriver(options));
  const driver = another();
  // After the images: whether a user may open those is a matter of who made them.
  t.teardown(withUnitUmask());
  const spec = (id: string, section: Record<string, unknown> = {}, words = ''): WorkloadSpec => {
    const base = { kernel: join(assets, 'kernel'), initrd: join(assets, 'initrd'), append: `console=ttyS0 ${words}` };
    return { ...vm({ ...base, ...section }), id };
  };
  return { host, assets, image, driver, another, spec };
}

/** The umask of the agent's unit, until the result is called. Node sets none in a worker. */
function withUnitUmask(): () => void {
  const before = umask(0o077);
  return () => void umask(before);
}

/** The double needs none. */
export function withKvm(driver: Driver | undefined): Driver {
  if (driver === undefined) throw new Error('no driver');
  return { ...driver, check: (spec, context) => driver.check(spec, { ...context, kvmUsable: true }) };
}

/** Of this test's host: claims of uids, mounts, and what lies in the directories of workloads. */
export async function traces(host: TestHost): Promise<unknown> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => line.includes(host.runtime));
  const claims = existsSync(join(host.runtime, 'uids')) ? await readdir(join(host.runtime, 'uids')) : [];
  const workloads = join(host.runtime, 'workloads');
  return { mounts, claims, workloads: existsSync(workloads) ? await readdir(workloads) : [] };
}
export const NOTHING = { mounts: [], claims: [], workloads: [] };
