import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { ownRoot } from '../../../agent/daemon/rooms.js';

test('the cgroup to work below is a path from the mount, with or without the mount before it', (t) => {
  const mount = '/sys/fs/cgroup';
  const rootOf = (text: string) => ownRoot(configSchema.parse({ paths: { cgroup_root: text } }), mount);
  t.is(rootOf(''), '/sys/fs/cgroup/berth');
  for (const text of ['machine.slice/berth', '/machine.slice/berth', '/sys/fs/cgroup/machine.slice/berth'])
    t.is(rootOf(text), '/sys/fs/cgroup/machine.slice/berth', text);
  // The name of another directory that only begins like the mount.
  t.is(rootOf('/sys/fs/cgroups'), '/sys/fs/cgroup/sys/fs/cgroups');
});
