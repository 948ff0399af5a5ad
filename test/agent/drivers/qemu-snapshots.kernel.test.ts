// A guest under TCG goes to disk and comes back. That it did not boot again shows in its output.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { qemuDriver } from '../../../agent/drivers/qemu/index.js';
import { connectQmp } from '../../../agent/drivers/qemu/qmp.js';
import { guestAssets, tcgGuestArguments } from '../../lab/guest.js';
import { makeNames } from '../../netns/lab.js';
import { NO_DNS, specOf } from './fixture.js';
import { command, eventually, startHost } from './host.js';
import { snapshotConformance } from './snapshot-conformance.js';

const names = makeNames(19);
const BOOT_MS = 90_000;

snapshotConformance({
  name: 'qemu',
  async open(t) {
    const qemu = { ...(await guestAssets()), append: `console=ttyS0 ${await tcgGuestArguments()}` };
    return {
      host: await startHost(t),
      driver: () => qemuDriver({ accel: 'tcg', overheadBytes: 0, dns: NO_DNS, runtime: '/run/berth' }),
      spec: (id, snapshot) => specOf({ id, driver: 'qemu', qemu: { ...qemu, ...(snapshot && { snapshot }) } }),
    };
  },
  network: (number) => names.sandbox(number),
  booted: /berth-guest ready/,
  async runs({ context }) {
    const qmp = await connectQmp(join(context.directory, 'qmp.sock'), { deadlineMs: 5000 });
    const { status } = (await qmp.execute('query-status')) as { readonly status: string };
    qmp.close();
    return status === 'running';
  },
  async answers({ address }) {
    const answer = await eventually(async () => (await fetch(`http://${address}/`)).text(), BOOT_MS);
    if (!answer.includes('hello from guest')) throw new Error(answer);
  },
  writes: (into) => existsSync(join(into, 'state')) && statSync(join(into, 'state')).size > 0,
  async fill(t, directory) {
    await command('mount', '-t', 'tmpfs', '-o', 'size=2m', 'berth-test', directory);
    t.teardown(() => command('umount', directory));
  },
  file: 'state',
  limits: { testMs: 240_000, bootMs: BOOT_MS },
});
