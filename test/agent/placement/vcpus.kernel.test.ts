// A real microVM of two vCPUs on a machine of two cpus or more.
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { parseCpuList } from '../../../agent/base/cpu-list.js';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import { pinThreads } from '../../../agent/placement/vcpus.js';
import { getAffinity, readThreads } from '../../../linux/affinity.js';
import { guestAssets, tcgGuestArguments } from '../../lab/guest.js';
import { NO_DNS, specOf } from '../drivers/fixture.js';
import { eventually, startHost } from '../drivers/host.js';

const driver = qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' });
const BOOT_MS = 90_000;

async function allowed(pid: number, tid: number): Promise<number[] | undefined> {
  const status = await readFile(`/proc/${pid}/task/${tid}/status`, 'utf8');
  return parseCpuList(/^Cpus_allowed_list:\s+(.*)$/m.exec(status)?.[1] ?? 'none');
}

test.serial('every vCPU of a running guest is on the cpu of its index, by /proc', async (t) => {
  t.timeout(240_000);
  const cpus = (getAffinity(process.pid) ?? []).slice(0, 2);
  t.is(cpus.length, 2, 'this test needs two cpus');
  const host = await startHost(t);
  const assets = await guestAssets();
  const append = `console=ttyS0 ${await tcgGuestArguments()}`;
  const spec = specOf({ driver: 'qemu', qemu: { ...assets, append, vcpus: 2 }, network: { mode: 'none' } });
  const running = await host.run(driver, spec, null);
  const { pid } = running.process;

  const vcpus = await eventually(
    async () => driver.vm?.vcpuThreads(spec, { ...running.context, pid: running.process.pid }),
    BOOT_MS,
  );
  t.is(new Set(vcpus).size, 2);
  const threads = readThreads(pid).map(({ tid }) => tid);
  t.true(vcpus.every((tid) => threads.includes(tid)));
  t.false(vcpus.includes(pid));

  const pins = pinThreads(pid, vcpus, { kind: 'exclusive', cpus });
  for (const [index, tid] of vcpus.entries()) t.deepEqual(await allowed(pid, tid), cpus.slice(index, index + 1));
  t.deepEqual(await allowed(pid, pid), cpus);
  t.true(pins.length >= 3);

  // With a cpu more than vCPUs the VMM is kept off those; threads that come later inherit from the one that makes them.
  pinThreads(pid, vcpus.slice(0, 1), { kind: 'exclusive', cpus });
  t.deepEqual(await allowed(pid, vcpus[0] ?? 0), cpus.slice(0, 1));
  t.deepEqual(await allowed(pid, pid), cpus.slice(1));

  // The guest runs as before: seccomp of QEMU forbids the call to QEMU, not to us.
  pinThreads(pid, vcpus, { kind: 'exclusive', cpus });
  await eventually(async () => ((await running.output()).includes('berth-guest ready') ? true : undefined), BOOT_MS);
  for (const [index, tid] of vcpus.entries()) t.deepEqual(await allowed(pid, tid), cpus.slice(index, index + 1));

  process.kill(pid, 'SIGTERM');
  await running.exit;
  // The supervisor tells of an end before it takes the zombie away.
  await eventually(async () => (readThreads(pid).length === 0 ? true : undefined), BOOT_MS);
  t.deepEqual(pinThreads(pid, vcpus, { kind: 'exclusive', cpus }), []);
  await t.throwsAsync(async () => driver.vm?.vcpuThreads(spec, { ...running.context, pid: running.process.pid }));
  await host.remove(driver, spec, running, null);
});
