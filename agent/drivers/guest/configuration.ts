// What one guest is told: an archive on a drive of its own. Values are within single quotes of a shell, where nothing has a meaning;
// a command line of the kernel would be bounded, and visible to everybody.
import { shellQuoted } from '../../base/shell.js';
import type { StopSignal } from '../../model/container-spec.js';
import { archiveOf, file } from './cpio.js';
import { INSIDE } from './scripts.js';

export interface GuestUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

export interface GuestConfiguration {
  readonly hostname: string;
  /** With its prefix; undefined: the guest has no network. */
  readonly address: string | undefined;
  readonly gateway: string | undefined;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: GuestUser;
  /** Absolute; made where the image has none. */
  readonly cwd: string;
  readonly home: string;
  /** Bytes, or percent of the guest's memory, of what is written over the image. */
  readonly writable: string;
  readonly readOnly: boolean;
  readonly signal: StopSignal;
  readonly resolvConf: string;
  readonly hosts: string;
}

export function configurationDrive(guest: GuestConfiguration): Buffer {
  return archiveOf([
    file('settings', settings(guest)),
    file('start', start(guest), 0o755),
    file('passwd', passwd(guest)),
    file('group', group(guest.user)),
    file('resolv.conf', guest.resolvConf),
    file('hosts', guest.hosts),
    file('hostname', `${guest.hostname}\n`),
  ]);
}

function settings({ hostname, address, gateway, writable, readOnly, signal, cwd }: GuestConfiguration): string {
  const values = {
    ...{ NAME: hostname, ADDRESS: address ?? '', GATEWAY: gateway ?? '', WRITABLE: writable, DIRECTORY: cwd },
    ...{ READ_ONLY: readOnly ? 'yes' : '', SIGNAL: signal.replace(/^SIG/, '') },
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}=${shellQuoted(value)}\n`)
    .join('');
}

/** Runs as the user, within the image. env(1) looks for the program on the PATH that it has just set. */
function start({ cwd, env, argv }: GuestConfiguration): string {
  const variables = Object.entries(env).map(([name, value]) => shellQuoted(`${name}=${value}`));
  return `#!${INSIDE}/busybox sh
echo >${INSIDE}/ready
read -r _ <${INSIDE}/go
cd ${shellQuoted(cwd)} || exit 126
exec ${INSIDE}/busybox env -i ${variables.join(' ')} ${argv.map(shellQuoted).join(' ')}
`;
}

/** For su(1) alone; a colon or a newline in the home directory would end the field. */
function passwd({ user: { uid, gid }, home }: GuestConfiguration): string {
  return `berth:x:${uid}:${gid}::${/[:\n]/.test(home) ? '/' : home}:/bin/sh\n`;
}

function group({ additionalGids }: GuestUser): string {
  return additionalGids.map((gid) => `g${gid}:x:${gid}:berth\n`).join('');
}
