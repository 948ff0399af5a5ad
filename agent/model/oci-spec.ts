// What driver oci runs.
import * as z from 'zod';
import { size } from '../base/values/amounts.js';
import { driverKind, quote } from './driver-kind.js';
import { absolutePath, argument, env, uid } from './process-spec.js';

const ROOT = { uid: 0, gid: 0 };

const containerUser = z
  .string()
  .max(256)
  .regex(/^[^-+:,/\s\0][^:,/\s\0]*(?::[^-+:,/\s\0][^:,/\s\0]*)?$/, 'must be a user name or id, or USER:GROUP');

const writable = z
  .strictObject({
    in: z.enum(['disk', 'memory']).default('disk').meta({
      description: 'disk: kept until the workload is deleted; memory: of the workload, and new with each start',
    }),
    size: size.optional().meta({ description: 'in memory only; half of the memory of the host where nothing is said' }),
  })
  .refine((w) => w.in === 'memory' || w.size === undefined, { message: 'goes with "in": "memory"', path: ['size'] })
  .optional()
  .meta({ description: 'where berth keeps the files that the workload writes over its image' });

export const ociSpec = z
  .strictObject({
    bundle: absolutePath.optional().meta({
      description:
        'a directory with config.json and rootfs; limits in its linux.resources must stand in resources, too',
    }),
    rootfs: absolutePath.optional().meta({ description: 'a root filesystem; berth writes the config.json' }),
    entrypoint: z.array(argument).max(1024).optional().meta({
      description: 'replaces the entrypoint of the image; the command of the image is then ignored',
    }),
    command: z.array(argument).min(1).max(1024).optional().meta({
      description: 'argv; with an image: arguments of its entrypoint, replacing its command',
    }),
    env: env.meta({ description: 'variables, as in `env`; for the same name `env` wins' }),
    user: z
      .union([containerUser, z.strictObject({ uid, gid: uid })])
      .optional()
      .meta({
        description:
          'NAME, UID, NAME:GROUP or UID:GID, as /etc/passwd and /etc/group of the container have them, or {"uid": 5, "gid": 5}; where nothing is said: that of the image, or root',
      }),
    cwd: absolutePath.optional().meta({
      description: 'where the program starts; absent: the working directory of the image, otherwise /',
    }),
    readonly: z.boolean().default(false).meta({ description: 'the older name of readOnlyRootfs' }),
    writable,
  })
  .refine((o) => o.rootfs === undefined || o.command !== undefined, {
    message: 'is needed with rootfs',
    path: ['command'],
  })
  .refine((o) => o.bundle === undefined || o.cwd === undefined, {
    message: 'does not go with oci.bundle: its config.json says it',
    path: ['cwd'],
  })
  // Without an image root was always written down.
  .transform((o) => (o.bundle === undefined && o.rootfs === undefined ? o : { ...o, user: o.user ?? ROOT }));

export const ociKind = driverKind({
  section: ociSpec,
  example: {
    id: 'box-1',
    driver: 'oci',
    resources: { memory: { limit: '128Mi' } },
    oci: { rootfs: '/srv/images/alpine', command: ['/bin/sh', '-c', 'while :; do date; sleep 5; done'] },
  },
  describe: ({ bundle, rootfs, command }, { image }) =>
    [image ?? bundle ?? rootfs ?? '', ...(command ?? []).map(quote)].join(' '),
  alike: ({ bundle, rootfs, command }, { image }) => [
    ...[bundle ?? null, rootfs ?? null, command ?? null],
    ...(image === undefined ? [] : [image]),
  ],
});
