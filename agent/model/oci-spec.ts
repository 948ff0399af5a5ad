// What driver oci runs.
import * as z from 'zod';
import { absolutePath, argument, env, uid } from './process-spec.js';

export const ociSpec = z
  .strictObject({
    bundle: absolutePath.optional().meta({
      description:
        'a directory with config.json and rootfs; limits in its linux.resources must stand in resources, too',
    }),
    rootfs: absolutePath.optional().meta({ description: 'a root filesystem; berth writes the config.json' }),
    command: z.array(argument).min(1).max(1024).optional(),
    env,
    user: z.strictObject({ uid, gid: uid }).default({ uid: 0, gid: 0 }),
    readonly: z.boolean().default(false),
  })
  .refine((o) => (o.bundle === undefined) !== (o.rootfs === undefined), 'needs exactly one of bundle and rootfs')
  .refine((o) => o.rootfs === undefined || o.command !== undefined, {
    message: 'is needed with rootfs',
    path: ['command'],
  });
