// What driver exec runs.
import * as z from 'zod';
import { absolutePath, argument, env } from './process-spec.js';

/** A shell's PATH has a dozen directories; each is looked into at every start. */
const MOST_DIRECTORIES = 128;

export const execSpec = z
  .strictObject({
    command: z.array(argument).min(1).max(1024).meta({ description: 'argv; the first is an absolute path or on PATH' }),
    env,
    isolation: z.enum(['sandbox', 'none']).default('sandbox').meta({
      description:
        "sandbox: namespaces of its own, the host's files read-only, seccomp; none: a process of the host in its own network, where the node grants it",
    }),
    user: z
      .string()
      .max(256)
      // As login.defs and useradd(8) let in: the system knows the name, or the driver refuses it.
      .regex(/^[^-+:,/\s\0][^:,/\s\0]*$/, 'must be a user name or id')
      .optional()
      .meta({ description: 'of the host; absent: in a sandbox a uid of its own, otherwise root' }),
    cwd: absolutePath.default('/'),
  })
  .refine(({ env: { PATH = '' } }) => PATH.length <= 4096 && PATH.split(':').length <= MOST_DIRECTORIES, {
    message: `must have at most ${MOST_DIRECTORIES} directories and 4096 characters`,
    path: ['env', 'PATH'],
  });
