// Secrets that a container is given by name. What they say stands on the node and never in a spec.
import * as z from 'zod';
import { fileMode } from './files-spec.js';
import { filePlace } from './mounts-spec.js';
import { uid } from './process-spec.js';

/** Each is a mount of the kernel, made at every start. */
const MOST_SECRETS = 32;
export const SECRETS_DIRECTORY = '/run/secrets';

const secret = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, 'must be 1-128 of [A-Za-z0-9._-], not starting with "." or "-"')
      .meta({
        description:
          'its file on the node is secrets.directory/TENANT/NAME, or the credential secrets_TENANT_NAME of the agent; 64 KiB at most',
      }),
    path: filePlace.optional().meta({
      description: `where the container finds it; ${SECRETS_DIRECTORY}/NAME where nothing is said`,
    }),
    mode: fileMode.default('0400'),
    uid: uid.optional().meta({ description: 'owner; the user of the workload where nothing is said' }),
    gid: uid.optional().meta({ description: 'group; that of the user of the workload where nothing is said' }),
  })
  .transform((one) => ({ ...one, path: one.path ?? `${SECRETS_DIRECTORY}/${one.name}` }));

export type SecretSpec = z.output<typeof secret>;

export const secrets = z.array(secret).max(MOST_SECRETS).default([]).meta({
  description:
    'files in the memory of a container, read from the node at each start; berth never returns their content',
});
