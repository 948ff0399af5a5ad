// A program of the host's file system: in a sandbox, or as a plain process with fewer privileges.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../../../protocol/errors.js';
import { PasswdFile } from '../../base/accounts.js';
import type { GrantName, UidRange } from '../../config/drivers.js';
import type { Config } from '../../config/schema.js';
import type { ExecutionRequest } from '../../model/execution.js';
import type { WorkloadSpec } from '../../model/spec.js';
import { changesNetwork, configText, requireInit, withInit } from '../container.js';
import { maxFiles, requireUnshare, runCommand, stateDirectory } from '../crun.js';
import type { Driver, DriverContext, Entry, EntryContext, Launch } from '../driver.js';
import { enterContainer, refuseUser } from '../enter.js';
import { givenEnvironment, keepGiven, keptGiven } from '../env-file.js';
import { DEFAULT_PATH, workloadEnvironment } from '../environment.js';
import { invalidField, kindOf, requireBinary, sectionOf } from '../files.js';
import { sourceKinds } from '../mounts.js';
import { writeNames } from '../names.js';
import { openProvided, requireSecrets, type SecretSources } from '../provided.js';
import { claimUid, releaseUid } from '../uids.js';
import { launchAfterDrop } from './after-drop.js';
import { findProgram, setprivArguments } from './command.js';
import { hostRoot, isOutOfSight, requireTargets } from './host-root.js';
import { nameMounts, sandboxConfig } from './sandbox.js';
import { allGroups, type ExecUser, findUser, groupsOf } from './user.js';

export interface ExecOptions {
  /** Name or absolute path of crun. */
  readonly runtime: string;
  /** What the node says of name servers (network.dns). */
  readonly dns: Config['network']['dns'];
  readonly uids: UidRange;
  readonly secrets: SecretSources;
  /** Size of each directory for temporary files of a sandbox. */
  readonly temporaryBytes: number;
  /** The runtime directory of the agent, for what sandboxes share. */
  readonly shared: string;
  /** Directories of the host that no sandbox shows. */
  readonly hidden: readonly string[];
  /** The node grants no workload to run without a sandbox. */
  readonly sandboxOnly: boolean;
  /** Default: /etc/passwd. */
  readonly passwdFile?: string;
}

type Exec = NonNullable<WorkloadSpec['exec']>;

const SHELL = 'sets the environment of a process (package dash)';
const ENV = 'sets the environment of a process (package coreutils)';
const SETPRIV = 'takes privileges away (package util-linux)';
const CRUN = 'makes the sandbox of a process (package crun; drivers.oci.runtime)';

export function execDriver(options: ExecOptions): Driver {
  const { runtime, shared, hidden } = options;
  const passwd = new PasswdFile(options.passwdFile);
  const claims = join(shared, 'uids');

  /** Of the host; undefined: the sandbox gets one of its own. */
  const hostUser = async ({ user, isolation }: Exec) =>
    user === undefined && isolation === 'sandbox' ? undefined : await findUser(user ?? 'root', passwd);

  /** Undefined: those of the user alone. */
  const groupsAsked = async ({ groups }: WorkloadSpec, user: ExecUser) =>
    groups.length === 0 ? undefined : await allGroups(user, groups);

  const plain = async (spec: WorkloadSpec, exec: Exec, context: DriverContext): Promise<Launch> => {
    const { directory, sandbox, which, mountRoots } = context;
    const [program = '', ...rest] = exec.command;
    const user = await findUser(exec.user ?? 'root', passwd);
    const given = await givenEnvironment(spec, mountRoots);
    if (spec.envFile !== undefined) await keepGiven(directory, given);
    const launch = await launchAfterDrop({
      ...{ sh: requireBinary('sh', which, SHELL), env: requireBinary('env', which, ENV) },
      unshare: user.uid === 0 ? requireUnshare(which) : undefined,
      drop: [
        requireBinary('setpriv', which, SETPRIV),
        ...setprivArguments(user, sandbox.netns !== null, await groupsAsked(spec, user)),
      ],
      ...{ directory, user, cwd: exec.cwd },
      variables: workloadEnvironment(spec, sandbox, given, user.home),
      argv: [await findProgram(program, given.PATH), ...rest],
    });
    return { ...launch, joinNetns: sandbox.netns !== null };
  };

  /** As `plain`, but that the shell looks for the program: it ends with 127 or 126 where there is none. */
  const enterPlain = async (
    spec: WorkloadSpec,
    exec: Exec,
    request: ExecutionRequest,
    other: ExecUser | undefined,
    { directory, into, sandbox, which }: EntryContext,
  ): Promise<Entry> => {
    const own = await findUser(exec.user ?? 'root', passwd);
    const user = other ?? own;
    if (user.uid !== own.uid && own.uid !== 0) throw refuseUser(own.uid);
    const given = await keptGiven(spec, directory);
    const groups = other === undefined ? await groupsAsked(spec, own) : undefined;
    const variables = workloadEnvironment(spec, sandbox, { ...given, ...request.env }, user.home);
    const launch = await launchAfterDrop({
      ...{ sh: requireBinary('sh', which, SHELL), env: requireBinary('env', which, ENV) },
      unshare: user.uid === 0 ? requireUnshare(which) : undefined,
      drop: [requireBinary('setpriv', which, SETPRIV), ...setprivArguments(user, sandbox.netns !== null, groups)],
      ...{ directory: into, user, cwd: request.cwd ?? exec.cwd },
      variables: request.tty === undefined ? variables : { TERM: 'xterm', ...variables },
      argv: request.command,
    });
    return { ...launch, joinNetns: sandbox.netns !== null };
  };

  const sandboxed = async (spec: WorkloadSpec, exec: Exec, context: DriverContext): Promise<Launch> => {
    const { directory, sandbox, which } = context;
    const { id } = spec;
    const [program = '', ...rest] = exec.command;
    const user = await hostUser(exec);
    const uid = user === undefined ? await claimUid(id, directory, claims, options.uids) : user.uid;
    // Places for mounts are made in the root: one of its own, where there are any.
    const isShared = [spec.mounts, spec.files, spec.secrets].every(({ length }) => length === 0);
    const skeleton = isShared ? join(shared, 'exec-root') : join(directory, 'root');
    const unshare = requireUnshare(which);
    const given = await givenEnvironment(spec, context.mountRoots);
    const { argv, mounts: initMounts } = withInit(spec, [await findProgram(program, given.PATH), ...rest], which);
    const own = { uid, gid: user?.gid ?? uid };
    const { mounts, binds, memory, release } = await openProvided(spec, context, options.secrets, own);
    try {
      const config = sandboxConfig({
        ...{ spec, skeleton, argv, cwd: exec.cwd, netns: sandbox.netns },
        env: workloadEnvironment(spec, sandbox, given, user?.home ?? '/tmp'),
        user: { ...own, groups: await allGroups(user, spec.groups) },
        root: await hostRoot(skeleton, hidden, options.temporaryBytes),
        names: await nameMounts(await writeNames(spec, context, options.dns)),
        mounts: [...mounts, ...initMounts],
        maxFiles: await maxFiles(),
      });
      // Nothing runs, and the runtime refuses an id that it remembers.
      await rm(stateDirectory(directory), { recursive: true, force: true });
      await writeFile(join(directory, 'config.json'), configText(config), { mode: 0o600 });
      return {
        argv: await runCommand({ runtime: requireBinary(runtime, which, CRUN), unshare, directory, id, binds, memory }),
        env: { PATH: DEFAULT_PATH },
        cwd: '/',
        pidFile: join(directory, 'pid'),
        joinNetns: false,
        release,
      };
    } catch (error) {
      await release();
      throw error;
    }
  };

  return {
    name: 'exec',
    // Without a sandbox a program needs no runtime.
    requires: options.sandboxOnly ? { program: options.runtime } : {},
    async grants(spec) {
      const exec = sectionOf(spec, 'exec');
      const user = await hostUser(exec);
      const needed: GrantName[] = [];
      if (exec.isolation === 'none') needed.push('exec.isolation-none');
      if (spec.network.mode === 'host') needed.push('exec.host-network');
      if (user !== undefined && user.uid === 0) needed.push('exec.root');
      if ((user !== undefined && user.uid !== 0) || spec.groups.length > 0) needed.push('exec.user');
      return needed;
    },
    async check(spec, { which, mountRoots, live }) {
      const exec = sectionOf(spec, 'exec');
      const user = await hostUser(exec);
      if (spec.groups.length > 0) await allGroups(user, spec.groups);
      // What runs was found; its envFile may be another one by now.
      const { PATH } = live === true ? {} : await givenEnvironment(spec, mountRoots);
      const program = live === true ? undefined : await findProgram(exec.command[0] ?? '', PATH);
      if ((await kindOf(exec.cwd)) !== 'directory') throw invalidField('exec.cwd', `${exec.cwd} is not a directory`);
      if (exec.isolation === 'none') {
        if (user?.uid === 0) requireUnshare(which);
        return void requireBinary('setpriv', which, SETPRIV);
      }
      requireBinary(runtime, which, CRUN);
      requireUnshare(which);
      if (spec.init) requireInit(which);
      if (live !== true) {
        await requireTargets(spec, await sourceKinds(spec, mountRoots));
        await requireSecrets(spec, options.secrets);
      }
      if (program !== undefined && (await isOutOfSight(program, hidden)))
        throw invalidField('exec.command', outOfSight(program));
      if (await isOutOfSight(exec.cwd, hidden)) throw invalidField('exec.cwd', outOfSight(exec.cwd));
    },
    async confinement(spec) {
      const { isolation, user } = sectionOf(spec, 'exec');
      if (isolation === 'sandbox') return changesNetwork(spec) ? 'open' : 'closed';
      // Without a capability, root owns the files of cgroups and the sysctls of its namespace (net_ctl_permissions).
      const uid = await findUser(user ?? 'root', passwd)
        .then((found) => found.uid)
        .catch(() => 0);
      return uid === 0 ? 'open' : 'closed';
    },
    tap: () => null,
    async prepare(spec, context) {
      const exec = sectionOf(spec, 'exec');
      return exec.isolation === 'none' ? plain(spec, exec, context) : sandboxed(spec, exec, context);
    },
    async enter(spec, request, context) {
      const exec = sectionOf(spec, 'exec');
      const user = request.user === undefined ? undefined : await knownUser(request.user, passwd);
      if (exec.isolation === 'none') return enterPlain(spec, exec, request, user, context);
      const { directory, which, into } = context;
      const as = user && { uid: user.uid, gid: user.gid, additionalGids: await groupsOf(user) };
      const binary = requireBinary(runtime, which, CRUN);
      return enterContainer(
        { runtime: binary, unshare: requireUnshare(which), directory, id: spec.id, into },
        request,
        as,
      );
    },
    // Its processes are in its cgroup, its mounts in a namespace that ended with them: neither is the driver's.
    async cleanup(spec, { directory }) {
      await releaseUid(spec.id, directory, claims);
      await rm(stateDirectory(directory), { recursive: true, force: true });
    },
  };
}

function outOfSight(path: string): string {
  return `${path} is not seen in a sandbox: put it below /usr, /opt or /srv, or ask for exec.isolation "none"`;
}

/** Throws `invalid_params`: it is no field of a specification that is wrong. */
async function knownUser(name: string, passwd: PasswdFile): Promise<ExecUser> {
  try {
    return await findUser(name, passwd);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    const problem = `there is no user ${JSON.stringify(name)} on this host`;
    throw new BerthError('invalid_params', `user: ${problem}`, {
      data: { fields: [{ field: 'user', problem }], count: 1 },
    });
  }
}
