// One more process in a container: what its main process was given, with another program. What berth or the bundle said of
// privileges stands in the container's config.json, so that there is one place that decides them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPlain } from '../../linux/plain-file.js';
import { BerthError } from '../../protocol/errors.js';
import type { ExecutionRequest } from '../model/execution.js';
import { execCommand } from './crun.js';
import type { Entry } from './driver.js';
import { DEFAULT_PATH } from './environment.js';

const MOST_BYTES = 8 << 20;
/** A number without a group is given this one: the group of the same number could be any group. */
const NOGROUP = 65_534;
const TERMINAL = 'xterm';

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

/** Of the OCI runtime specification, as far as it is looked at. */
export interface ContainerProcess {
  readonly user?: User;
  readonly env?: readonly string[];
  readonly cwd: string;
  readonly capabilities?: Readonly<Record<string, readonly string[]>>;
}

export interface Container {
  /** Absolute paths of crun and unshare. */
  readonly runtime: string;
  readonly unshare: string;
  readonly directory: string;
  readonly id: string;
  readonly into: string;
}

/** `userOf` finds users by name; undefined: there are only numbers. */
export async function enterContainer(
  container: Container,
  request: ExecutionRequest,
  user: User | undefined,
): Promise<Entry> {
  const { directory, into } = container;
  const config = JSON.parse((await readPlain(join(directory, 'config.json'), MOST_BYTES)).toString('utf8')) as {
    readonly process: ContainerProcess;
  };
  const process = join(into, 'process.json');
  const log = join(into, 'runtime.log');
  const pidFile = join(into, 'pid');
  await writeFile(process, JSON.stringify(enteringProcess(config.process, request, user)), { mode: 0o600 });
  return {
    argv: await execCommand({ ...container, process, log, pidFile }),
    env: { PATH: DEFAULT_PATH },
    cwd: '/',
    joinNetns: false,
    runtime: { log, pidFile },
  };
}

/** Pure. Never more than the main process may: another user only where it could become one itself, and then without capabilities. */
export function enteringProcess(
  main: ContainerProcess,
  { command, env, cwd, tty }: ExecutionRequest,
  user: User | undefined,
): ContainerProcess & Readonly<Record<string, unknown>> {
  const terminal = tty === undefined ? {} : { consoleSize: { width: tty.columns, height: tty.rows } };
  return {
    ...main,
    ...terminal,
    ...(user === undefined ? {} : asUser(main, user)),
    terminal: tty !== undefined,
    args: [...command],
    env: environmentOf(main.env ?? [], env, tty !== undefined),
    cwd: cwd ?? main.cwd,
  };
}

/** `1000` or `1000:1000`. Throws `invalid_params`. */
export function parseUser(text: string): User {
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (uid === undefined || Number(uid) > 2 ** 32 - 2 || Number(gid ?? 0) > 2 ** 32 - 2)
    throw new BerthError('invalid_params', `user: must be UID or UID:GID; it is ${JSON.stringify(text)}`, {
      hint: 'berth does not look names up in the image. Give numbers, for example `-u 1000:1000`.',
      data: { fields: [{ field: 'user', problem: 'must be UID or UID:GID' }], count: 1 },
    });
  return { uid: Number(uid), gid: gid === undefined ? (Number(uid) === 0 ? 0 : NOGROUP) : Number(gid) };
}

/** Throws `not_permitted`: nobody becomes by a second process what the first could not. */
export function refuseUser(uid: number): BerthError {
  return new BerthError('not_permitted', `the workload runs as uid ${uid} and cannot become another user`, {
    hint: 'Leave the user out: the program then runs as the user of the workload.',
    data: { uid },
  });
}

function asUser(main: ContainerProcess, user: User): Pick<ContainerProcess, 'user' | 'capabilities'> {
  const own = main.user ?? { uid: 0, gid: 0 };
  if (own.uid === user.uid && (own.gid === user.gid || user.gid === NOGROUP)) return {};
  const held = main.capabilities?.effective ?? [];
  if (!held.includes('CAP_SETUID') || !held.includes('CAP_SETGID')) throw refuseUser(own.uid);
  const capabilities = main.capabilities ?? {};
  if (user.uid === 0) return { user };
  return { user, capabilities: { ...capabilities, effective: [], permitted: [], inheritable: [], ambient: [] } };
}

export function environmentOf(
  own: readonly string[],
  given: Readonly<Record<string, string>>,
  terminal: boolean,
): string[] {
  const merged = new Map<string, string>(terminal ? [['TERM', TERMINAL]] : []);
  for (const entry of own) {
    const at = entry.indexOf('=');
    if (at > 0) merged.set(entry.slice(0, at), entry.slice(at + 1));
  }
  for (const [name, value] of Object.entries(given)) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}
