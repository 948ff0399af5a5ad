// Makes one read-only file system of layers, in a process of its own: what layers hold was made by others. It mounts them as a
// container would have them, keeps the privilege to read every file, and has no network.
import { join } from 'node:path';
import { BerthError } from '../../protocol/errors.js';
import type { RunApart, UnpackerOptions } from './unpacker.js';

export interface DiskJob {
  /** Of all layers. */
  readonly directory: string;
  /** In `directory`, from the top. */
  readonly layers: readonly string[];
  /** An empty directory beside that of the layers. */
  readonly work: string;
  /** Of the file system as it is stored. */
  readonly maxBytes: number;
}

export interface DiskPorts {
  readonly run: RunApart;
  readonly which: (binary: string) => string | undefined;
}

/** Of data that waits to be compressed; its helper program has 512 MiB. */
const BUFFERS = '64M';
const CAPABILITIES = '-all,+dac_override,+dac_read_search';
/** lz4: a guest reads it about as fast as it reads memory. No time of its making in it: the same layers give the same bytes. */
const OPTIONS = ['-noappend', '-quiet', '-no-progress', '-comp', 'lz4', '-mkfs-time', '0', '-processors', '1'];

// $1: directory of the layers, to which their names are relative: 127 of them fit into a page. $2: the layers from the top; $3: where
// to work. The lowest layer is an empty one, as overlayfs wants two. The mounts are gone with the process.
const MAKE = `export LIBMOUNT_FORCE_MOUNT2=always
umask 077; work=$3; mkdir "$work/empty" "$work/root" && cd "$1" &&
  mount -t overlay -o "ro,nodev,lowerdir=$2:$work/empty" overlay "$work/root" && cd / || exit
shift 3; "$@" && exec sync "$work/disk"`;

/** Path of what it made, on disk, in `work`. Throws `binary_missing`, `image_pull_failed`, SysError, and the reason of the signal. */
export async function makeDisk(
  { directory, layers, work, maxBytes }: DiskJob,
  { name, deadlineMs, signal }: UnpackerOptions,
  { run, which }: DiskPorts,
): Promise<string> {
  const util = (binary: string) => required(binary, 'util-linux', which);
  const made = join(work, 'disk');
  const argv = [
    ...[
      util('unshare'),
      '--mount',
      '--net',
      '--ipc',
      '--',
      '/bin/sh',
      '-c',
      MAKE,
      'sh',
      directory,
      layers.join(':'),
      work,
    ],
    ...[util('prlimit'), `--fsize=${maxBytes}`, '--core=0', '--'],
    ...[util('setpriv'), '--no-new-privs', '--inh-caps=-all', `--bounding-set=${CAPABILITIES}`, '--'],
    ...[required('mksquashfs', 'squashfs-tools', which), join(work, 'root'), made, ...OPTIONS, '-mem', BUFFERS],
  ];
  const { code, output } = await run(argv, { deadlineMs, signal });
  if (code === 0) return made;
  const how = code === null ? 'a signal ended it' : `code ${code}`;
  throw new BerthError(
    'image_pull_failed',
    `no file system for microVMs was made of the image ${name}: mksquashfs: ${how}`,
    {
      hint: 'The image must fit into images.max_size, and its file system on the disk of paths.state.',
      data: { image: name, output: output.slice(-1024) },
    },
  );
}

function required(binary: string, from: string, which: DiskPorts['which']): string {
  const path = which(binary);
  if (path !== undefined) return path;
  throw new BerthError('binary_missing', `this host has no program "${binary}", which a microVM with an image needs`, {
    data: { binary },
    hint: `Install the package ${from}.`,
  });
}
