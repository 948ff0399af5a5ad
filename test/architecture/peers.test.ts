// Whoever waits for another process or thread may wait for ever. Each file that begins such a wait is here, with how it ends.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const ROOMS = ['agent', 'cgroups', 'netns', 'systemd', 'linux'];

/** What begins a wait: a program, a connection, a thread. */
const BEGINS = /from 'node:child_process'|\bnew (?:Worker|WebSocket)\(|[=>] connect\(|return connectStream\(|\bfetch\(/;

const ENDS: Readonly<Record<string, string>> = {
  'linux/run-program.ts': 'deadline and signal, required by its type; test/linux/run-program.test.ts',
  'agent/pressure/hook.ts': 'deadline and signal; test/agent/pressure/hook.test.ts',
  'netns/firewall/nft.ts': 'a deadline of its own, in the worker; netns/deadlines.ts has a longer one',
  'netns/room.ts': 'netns/deadlines.ts, by operation; test/netns/worker-client.test.ts',
  'systemd/supervisor/client.ts': 'systemd/supervisor/deadline.ts; test/systemd/deadline.test.ts',
  'systemd/supervisor/launch.ts': 'a deadline and the signal; test/systemd/launch.test.ts',
  'systemd/deb/build.ts': 'run by a person',
  'systemd/deb/koffi.ts': 'run by a person',
  'systemd/deb/sbom.ts': 'run by a person',
  'agent/drivers/qemu/qmp.ts': 'a deadline for the conversation, and the signal; test/agent/drivers/qmp.test.ts',
  'agent/drivers/firecracker/api.ts':
    'a deadline for the exchange, and the signal; test/agent/drivers/firecracker/api.test.ts',
  'agent/control/dial.ts':
    'a deadline for dial and hello, then heartbeats, and the signal; test/agent/control/scheduler-faults.test.ts',
  'agent/images/unpack.ts': 'zstd, in a process that daemon/adapters/helper-programs.ts ends at its deadline',
  'agent/workload/inside/console.ts':
    'a deadline for the connection, then the session; test/agent/inside/console.kernel.test.ts',
  'agent/cli/bug-report.ts': 'a deadline for each part of a report; test/agent/cli/bugreport.test.ts',
  'agent/cli/editor.ts': 'run by a person, who closes it',
  'agent/cli/tar.ts': 'a copy of the person at the terminal, who ends it with Ctrl-C',
  'agent/workload/health/probe.ts':
    'a deadline for all of it, and the signal; test/agent/workload/health/probe.test.ts',
  'agent/control/client.ts': 'a deadline for the handshake, then the signal of the command',
  'agent/host/inventory.ts': 'a deadline and the signal; test/agent/host/inventory.test.ts',
  'cgroups/slow-writes.ts': 'the kernel; the caller goes on by its signal',
  'cgroups/signals/poller.ts': 'nobody waits for it',
};

test('each file that begins a wait for a process, a connection or a thread says how the wait ends', (t) => {
  const found = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`)
      .filter((path) => BEGINS.test(readFileSync(join(root, path), 'utf8'))),
  );
  t.deepEqual(found.sort(), Object.keys(ENDS).sort());
});
