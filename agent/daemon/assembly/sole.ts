// One agent for each state directory, runtime directory, network namespace and cgroup root: two on one of these would each
// undo what the other does. The locks live as long as the process, however it ends; what is in the files says who it is.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { namespaceInode } from '../../../linux/namespace-holders.js';
import { readPlainSync } from '../../../linux/plain-file.js';
import { isSameProcess, readStat } from '../../../linux/proc.js';
import { lockForLife } from '../../../linux/self.js';
import { formatCidr, overlap, parseCidr } from '../../../netns/addresses/cidr.js';
import { BerthError } from '../../../protocol/errors.js';
import { poolsOf } from '../../config/network.js';
import type { Config } from '../../config/schema.js';
import type { Condition } from '../../model/condition.js';
import type { Installation, OtherInstallation } from '../../model/tags.js';

/** Not in the runtime directory, which two agents may have each: only root writes here. */
const DIRECTORY = '/run/berth-agents';
const INSTALLATION = 'installation-';
const MOST_BYTES = 64 << 10;

/** An agent as its lock files tell of it. */
export interface Tenure {
  readonly pid: number;
  readonly startTime: number;
  readonly state: string;
  readonly runtime: string;
  readonly netns: number;
  readonly pools: readonly string[];
  /** Id of the installation; null: not known yet, or of a version that has none. */
  readonly installation: string | null;
}

/** Throws socket_in_use, naming the agent that has one of them. Called before anything is read or written. */
export function claimAlone(config: Config, cgroupRoot: string, directory = DIRECTORY): Tenure {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { state, runtime } = config.paths;
  const netns = namespaceInode('/proc/self/ns/net') ?? 0;
  const me: Tenure = {
    ...{ pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0, state, runtime, netns },
    pools: poolsOf(config.network).map(({ network }) => formatCidr(network)),
    installation: null,
  };
  const locks = [
    ['state directory', state, state],
    ['runtime directory', runtime, join(runtime, 'agent.lock')],
    ['network namespace', `net:[${netns}]`, join(directory, `net-${netns}`)],
    ['cgroup root', cgroupRoot, join(directory, `cgroup-${encodeURIComponent(cgroupRoot)}`)],
  ] as const;
  for (const [what, name, path] of locks) {
    if (!lockForLife(path))
      throw taken(what, name, read(path) ?? living(directory).find((other) => other.state === state));
    if (path !== state) note(path, me);
  }
  return me;
}

/**
 * Makes the installation known on this host until it is taken off. Throws socket_in_use where an agent with a copy of
 * the state directory runs: each would take the other's objects for its own.
 */
export function register(me: Tenure, id: string, directory = DIRECTORY): Installation {
  const path = join(directory, `${INSTALLATION}${id}`);
  if (!lockForLife(path)) throw taken('installation', id, read(path));
  note(path, { ...me, installation: id });
  forgetGone(directory);
  return { id, others: () => otherInstallations(me, id, directory) };
}

/** Those that neither run nor have a state directory any more. */
function forgetGone(directory: string): void {
  for (const name of readdirSync(directory).filter((file) => file.startsWith(INSTALLATION))) {
    const tenure = read(join(directory, name));
    if (tenure === undefined || isSameProcess(tenure.pid, tenure.startTime) || existsSync(tenure.state)) continue;
    rmSync(join(directory, name), { force: true });
  }
}

function otherInstallations(me: Tenure, id: string, directory: string): OtherInstallation[] {
  const known = readdirSync(directory)
    .filter((name) => name.startsWith(INSTALLATION) && name !== `${INSTALLATION}${id}`)
    .flatMap((name) => read(join(directory, name)) ?? [])
    .map((tenure): OtherInstallation => {
      const pid = isSameProcess(tenure.pid, tenure.startTime) ? tenure.pid : null;
      return { id: tenure.installation, state: tenure.state, pid };
    })
    // One without an agent and without a state directory has been taken off this host.
    .filter(({ state, pid }) => pid !== null || existsSync(state));
  const states = new Set([me.state, ...known.map(({ state }) => state)]);
  const older = living(directory).filter(({ pid, state }) => pid !== me.pid && !states.has(state));
  return [...known, ...older.map(({ state, pid }): OtherInstallation => ({ id: null, state, pid }))];
}

function taken(what: string, name: string, other: Tenure | undefined): BerthError {
  const who =
    other === undefined ? 'another agent' : `the agent with pid ${other.pid} (state directory ${other.state})`;
  return new BerthError('socket_in_use', `${who} works on the ${what} ${name}; a second agent would undo its work`, {
    data: {
      what,
      name,
      ...(other === undefined ? {} : { pid: other.pid, state: other.state, runtime: other.runtime }),
    },
    hint: 'Stop that agent, or give this one a state directory, runtime directory, cgroup root and network namespace of its own.',
  });
}

/** Agents of this host in other network namespaces whose pools overlap with ours: both may be right, or one is a copy. */
export function sharedPools(me: Tenure, directory = DIRECTORY): Condition[] {
  return living(directory)
    .filter(({ pid }) => pid !== me.pid)
    .flatMap((other) =>
      me.pools.flatMap((mine) =>
        other.pools
          .filter((theirs) => overlap(parseCidr(mine), parseCidr(theirs)))
          .map(
            (theirs): Condition => ({
              code: 'pool_shared',
              severity: 'warning',
              title: 'Another installation of berth on this host has an overlapping pool',
              why: `pool ${mine} overlaps with pool ${theirs} of the agent with pid ${other.pid} (state directory ${other.state})`,
              fix: 'Give each installation a pool of its own (network.pool, network.pool6), unless they never meet.',
            }),
          ),
      ),
    )
    .slice(0, 1);
}

/** Who it is helps a person; the lock holds without. */
function note(path: string, me: Tenure): void {
  try {
    writeFileSync(path, JSON.stringify(me));
  } catch {
    // No room in /run: the second agent will be told less.
  }
}

/** Agents that run on this host, one for each network namespace. */
function living(directory: string): Tenure[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('net-'))
    .flatMap((name) => read(join(directory, name)) ?? [])
    .filter(({ pid, startTime }) => isSameProcess(pid, startTime));
}

/** Undefined: nobody has written it yet, or it is something else. */
function read(path: string): Tenure | undefined {
  try {
    const { pid, startTime, state, runtime, netns, pools, installation }: Partial<Tenure> = JSON.parse(
      readPlainSync(path, MOST_BYTES).toString('utf8'),
    );
    if (typeof pid !== 'number' || typeof startTime !== 'number' || typeof state !== 'string') return undefined;
    return {
      pid,
      startTime,
      state,
      runtime: runtime ?? '',
      netns: netns ?? 0,
      pools: pools ?? [],
      installation: installation ?? null,
    };
  } catch {
    return undefined;
  }
}
