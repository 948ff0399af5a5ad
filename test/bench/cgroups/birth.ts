// A process that is in its cgroup from its first instruction, against one that is moved there. Moving waits for RCU unless
// somebody else has just done it, so each takes its turn after a pause, as workloads start.
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killAll } from '../../../cgroups/end.js';
import { waitState } from '../../../cgroups/watch.js';
import { canSpawnIntoCgroup, spawnProcess } from '../../../linux/spawn.js';
import { reapChild } from '../../../linux/wait.js';
import type { Part } from '../group.js';
import { interleave, time, type Way } from '../interleave.js';
import { withCgroups } from './world.js';

const PAUSE_MS = 150;
const PLAIN = 'spawn, cgroup.procs';

export const birth: Part = {
  name: 'birth',
  what: 'a process born in a cgroup (POSIX_SPAWN_SETCGROUP) against spawn and a write to cgroup.procs',
  missing: () => (canSpawnIntoCgroup ? undefined : 'this libc cannot spawn into a cgroup (glibc 2.39)'),
  run: async (bench) =>
    withCgroups(1, async ([dir = '']) => {
      const null_ = openSync('/dev/null', constants.O_RDWR);
      const cgroupFd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
      const start = (into: { readonly cgroupFd?: number }): number =>
        spawnProcess({ path: '/bin/sleep', argv: ['sleep', '60'], env: {}, fds: [null_, null_, null_], ...into });
      const born = way('born there', dir, () => start({ cgroupFd }));
      const moved = way(PLAIN, dir, () => {
        const pid = start({});
        writeFileSync(join(dir, 'cgroup.procs'), String(pid), { flag: 'r+' });
        return pid;
      });
      try {
        const turns = bench.quick ? { rounds: 2, each: 2 } : { rounds: 6, each: 10 };
        const settle = async () => sleep(PAUSE_MS);
        const values = await interleave([born, moved], { ...bench, ...turns, warmUp: [0, 1], settle });
        const common = { name: 'process in a cgroup', unit: 'ms', ours: values.get(born.name) ?? [] };
        return [{ ...common, peer: PLAIN, theirs: values.get(PLAIN) ?? [], target: { atLeast: 10 } }];
      } finally {
        closeSync(cgroupFd);
        closeSync(null_);
      }
    }),
};

function way(name: string, dir: string, start: () => number): Way {
  return {
    name,
    async run(numbers) {
      const values: number[] = [];
      for (const _ of numbers) {
        await sleep(PAUSE_MS);
        let pid = 0;
        values.push(
          await time(() => {
            pid = start();
          }),
        );
        await killAll(dir);
        await waitState(dir, (state) => state?.populated !== true, { timeoutMs: 10_000 });
        reapChild(pid);
      }
      return values;
    },
  };
}
