// A file with a name that a person, a tenant or another program has chosen may be a FIFO, a device or without end: it is read by
// linux/plain-file.ts. Who opens or reads files itself stands here, with what it reads.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const KERNEL = 'files of proc, sysfs or cgroupfs';
const CLEARED = 'names of STATE_FILES, which are set aside at the start when they are odd';
const OWN = 'a file that it has just made itself';
const BUILD = 'the build of the package, not the agent';

const READERS: Readonly<Record<string, string>> = {
  'agent/daemon/agent.ts': KERNEL,
  'agent/daemon/assembly/installation.ts': KERNEL,
  'agent/cli/bug-report.ts': `${KERNEL}; /etc/os-release`,
  'agent/cli/run/bugreport.ts': OWN,
  'agent/cli/specs.ts': 'the command of a person, who may name a FIFO (`-f <(make-spec)`) and can interrupt it',
  'agent/control/event-file.ts': CLEARED,
  'agent/control/event-io.ts': OWN,
  'agent/density/audit.ts': `${CLEARED}; opened for writing`,
  'agent/density/host-files.ts': KERNEL,
  'agent/density/overhead/measure.ts': KERNEL,
  'agent/discovery/engines/cgroup.ts': KERNEL,
  'agent/drivers/crun.ts': KERNEL,
  'agent/drivers/cpu-identity.ts': KERNEL,
  'agent/drivers/qemu/snapshots.ts': 'a file that it makes',
  'agent/snapshots/store.ts': 'files of a directory of its own, in which nobody else may write',
  'agent/drivers/firecracker/api.ts': 'a socket, by O_PATH, which opens nothing that it names',
  'agent/drivers/firecracker/held.ts': 'a kernel and an initrd, by O_PATH, which opens nothing that it names',
  'agent/drivers/firecracker/snapshots.ts': 'a file that berth has made for a VM, to see who else has it open',
  'agent/drivers/firecracker/vcpus.ts': KERNEL,
  'agent/drivers/qemu/control.ts': 'a named pipe that it has just made itself, opened with O_NONBLOCK',
  'agent/base/durable.ts': OWN,
  'agent/images/layer-tree.ts': OWN,
  'agent/images/unpack.ts': 'blobs with their digest for a name, in a process with a deadline',
  'agent/host/facts.ts': KERNEL,
  'agent/host/ksm.ts': KERNEL,
  'agent/network/forwarding.ts': KERNEL,
  'agent/network/health.ts': KERNEL,
  'agent/pressure/guard.ts': KERNEL,
  'agent/daemon/adapters/pressure-actuator.ts': KERNEL,
  'agent/pressure/measure.ts': KERNEL,
  'agent/daemon/relief.ts': 'its own directory, looked at without waiting',
  'agent/workload/inside/stdio.ts': 'named pipes and a terminal that it has just made itself, opened with O_NONBLOCK',
  'agent/workload/output.ts': 'output of a workload, opened with O_NONBLOCK',
  'agent/workload/quarantine.ts': KERNEL,
  'systemd/deb/build.ts': BUILD,
  'systemd/deb/code-cache.ts': 'files of the package, and regular files in its own directory, opened with O_NONBLOCK',
  'systemd/deb/koffi.ts': BUILD,
  'systemd/supervisor/cgroup.ts': KERNEL,
  'systemd/supervisor/launch.ts': 'the log of a supervisor that it has just started',
  'systemd/supervisor/launcher.ts': 'directories of cgroups, /dev/null, and output opened with O_NONBLOCK',
  'systemd/supervisor/main.ts': KERNEL,
  'systemd/supervisor/output-file.ts': 'output of a workload, opened for reading and writing, which waits for nobody',
  'systemd/supervisor/output-keep.ts': 'FIFOs of output, opened with O_NONBLOCK',
  'systemd/supervisor/output-pipe.ts': 'FIFOs of output, opened with O_NONBLOCK',
  'systemd/supervisor/output-times.ts': 'times of output, in a directory that only root writes',
  'systemd/supervisor/outputs.ts': 'FIFOs of output, for reading and writing; output, with O_NONBLOCK',
  'systemd/supervisor/runtime.ts': 'pid files, with O_NONBLOCK and a bound',
  'systemd/supervisor/search.ts': KERNEL,
};

/** Of node:fs and node:fs/promises. */
const OPENERS =
  /\b(?:open|openSync|readFile|readFileSync|createReadStream|copyFile|copyFileSync|cp|cpSync|promises|openAsBlob)\b/;

/** `import fs from 'node:fs'` and `import * as fs` would hide what is used. */
function opensFiles(text: string): boolean {
  const imports = text.matchAll(/^import (?!type\b)([^;]*?) from '(?:node:)?fs(?:\/promises)?';/gm);
  return [...imports].some(([, names = '']) => !names.startsWith('{') || OPENERS.test(names));
}

test('files of others are read by readPlain; who opens files itself is known', (t) => {
  const found = ['agent', 'systemd', 'protocol', 'client', 'cni'].flatMap((room) => sources(room).filter(isReader));
  t.deepEqual(found.sort(), Object.keys(READERS).sort());
});

test('the search finds every way to import what opens a file', (t) => {
  for (const names of ['{ mkdir, readFile }', '{\n  open,\n  stat,\n}', 'fs', '* as fs', '{ promises as fs }'])
    t.true(opensFiles(`import a from 'b';\nimport ${names} from 'node:fs';\n`), names);
  t.false(opensFiles("import { mkdir, stat } from 'node:fs/promises';\nimport { open } from './x.js';\n"));
});

function sources(room: string): string[] {
  try {
    return readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`);
  } catch {
    // A room of the design that nobody has built yet.
    return [];
  }
}

function isReader(path: string): boolean {
  return opensFiles(readFileSync(join(root, path), 'utf8'));
}
