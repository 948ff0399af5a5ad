// What a container sees of the host's data, and directories in its memory.
import * as z from 'zod';
import { size } from '../base/values/amounts.js';
import { absolutePath, uid } from './process-spec.js';

/** Each is a mount of the kernel, made at every start. */
const MOST_MOUNTS = 32;
/** A tmpfs of size 0 has no limit (mm/shmem.c). */
const LEAST_BYTES = 4096;
const DEFAULT_BYTES = 64 * 2 ** 20;

/** Places that every container has of its own, and what lies below them. */
const OWN = ['/proc', '/sys', '/dev'];
/** Files that berth writes for every container. */
const NAMED = ['/etc/resolv.conf', '/etc/hosts', '/etc/hostname'];
/** As an id. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SHARED_MEMORY = '/dev/shm';

/** A path that can be read in one way only. */
export const plainPath = absolutePath
  .refine((path) => path === '/' || !path.endsWith('/'), 'must not end with "/"')
  .refine(
    (path) =>
      path === '/' ||
      !path
        .slice(1)
        .split('/')
        .some((part) => ['', '.', '..'].includes(part)),
    'must not have "//", "." or ".." in it',
  );

/** Why nothing may be mounted there; undefined: it may. */
function whyNotTarget(path: string): string | undefined {
  if (path === '/') return 'must not be "/": the root filesystem is what the driver says';
  const own = OWN.find((top) => isWithin(path, top));
  if (own !== undefined) return `must not be ${own} or below it: every container has its own`;
  const named = NAMED.find((file) => isWithin(file, path));
  return named === undefined ? undefined : `must not hide ${named}: berth writes it for every container`;
}

/** Of a file that is mounted. */
export const filePlace = plainPath.superRefine((path, ctx) => {
  const message = whyNotTarget(path);
  if (message !== undefined) ctx.addIssue({ code: 'custom', message });
});

/** Whether `path` is `top` or below it. */
export function isWithin(path: string, top: string): boolean {
  return path === top || path.startsWith(top === '/' ? top : `${top}/`);
}

const mount = z
  .strictObject({
    type: z.enum(['bind', 'tmpfs', 'volume']).meta({
      description:
        'bind: a directory or file of the host; tmpfs: in its memory; volume: a directory of its tenant that outlives it',
    }),
    name: z
      .string()
      .regex(NAME, 'must be 1-63 of [a-z0-9-], not starting or ending with "-"')
      .optional()
      .meta({ description: 'of a volume; workloads of one tenant share it by its name' }),
    source: plainPath.optional().meta({ description: 'of a bind, beneath drivers.mounts or tenant.NAME.mounts' }),
    target: plainPath.meta({
      description: 'where the container sees it; set-user-ID bits and devices have no effect there',
    }),
    readOnly: z.boolean().default(false),
    noexec: z.boolean().default(false).meta({ description: 'no program runs from there' }),
    size: size
      .refine((bytes) => bytes >= LEAST_BYTES, 'must be at least 4Ki')
      .optional()
      .meta({ description: `of a tmpfs at most, 64Mi where nothing is said; its pages count in memory.max` }),
    mode: z
      .string()
      .regex(/^[01]?[0-7]{3}$/, 'must be an octal mode such as "0750" or "1777"')
      .optional()
      .meta({ description: 'of a tmpfs, "1777" where nothing is said; of a volume when it is made, "0755"' }),
    uid: uid.optional().meta({
      description: 'owner of a tmpfs, 0 where nothing is said; of a volume when it is made, the user of the workload',
    }),
    gid: uid.optional().meta({
      description: 'group of a tmpfs, 0 where nothing is said; of a volume when it is made, that of the workload',
    }),
  })
  .superRefine((mount, ctx) => {
    const say = (path: string, message: string): void => ctx.addIssue({ code: 'custom', path: [path], message });
    if (mount.type === 'bind') {
      if (mount.source === undefined) say('source', 'is needed by type "bind"');
      if (mount.source === '/') say('source', 'must not be "/": name a directory of the data');
      for (const field of ['size', 'mode', 'uid', 'gid'] as const)
        if (mount[field] !== undefined) say(field, 'goes with type "tmpfs" only: a bind has that of its source');
    } else if (mount.type === 'volume') {
      if (mount.source !== undefined) say('source', 'goes with type "bind" only: a volume has a name');
      if (mount.size !== undefined)
        say(
          'size',
          'goes with type "tmpfs" only: berth sets no quota on a volume; mount a filesystem of its own as a bind',
        );
    } else {
      if (mount.source !== undefined) say('source', 'goes with type "bind" only');
    }
    if (mount.type === 'volume' && mount.name === undefined) say('name', 'is needed by type "volume"');
    if (mount.type !== 'volume' && mount.name !== undefined) say('name', 'goes with type "volume" only');
    const why = mount.type === 'tmpfs' && mount.target === SHARED_MEMORY ? undefined : whyNotTarget(mount.target);
    if (why !== undefined) say('target', why);
  });

export type MountSpec = z.output<typeof mount>;

export const mounts = z
  .array(mount)
  .max(MOST_MOUNTS)
  .default([])
  .meta({ description: 'what a container sees beside its root filesystem' });

/** The options of the kernel for a tmpfs. */
export function tmpfsOptions({ size = DEFAULT_BYTES, mode = '1777', uid = 0, gid = 0 }: MountSpec): string[] {
  return [`size=${size}`, `mode=${mode}`, `uid=${uid}`, `gid=${gid}`];
}
