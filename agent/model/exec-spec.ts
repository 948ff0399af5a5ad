// What driver exec runs.
import * as z from 'zod';
import { absolutePath, argument, env, whyNotSearched } from './process-spec.js';

export const execSpec = z
  .strictObject({
    command: z.array(argument).min(1).max(1024).meta({ description: 'argv; the first is an absolute path or on PATH' }),
    env: env.meta({ description: 'variables, as in `env`; for the same name `env` wins' }),
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
  .superRefine(({ env }, ctx) => {
    const message = whyNotSearched(env);
    if (message !== undefined) ctx.addIssue({ code: 'custom', path: ['env', 'PATH'], message });
  });
