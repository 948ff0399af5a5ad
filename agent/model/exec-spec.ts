// What driver exec runs.
import * as z from 'zod';
import { driverKind, quote } from './driver-kind.js';
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

export const execKind = driverKind({
  section: execSpec,
  example: {
    id: 'web-1',
    tenant: 'acme',
    driver: 'exec',
    resources: { cpu: { request: 0.5, limit: 2 }, memory: { request: '128Mi', limit: '256Mi' }, pids: 128 },
    exec: { command: ['/usr/bin/python3', '-m', 'http.server', '80'] },
    restart: { policy: 'on-failure', maxRetries: 5 },
    labels: { app: 'web' },
  },
  describe: ({ command }) => command.map(quote).join(' '),
  alike: ({ command, user }) => [command, user],
  unfit: ({ isolation }, { network }) =>
    isolation === 'none' && network.dns !== undefined
      ? [
          {
            field: 'network.dns',
            problem: `does not go with exec.isolation "none": such a process reads the host's /etc/resolv.conf`,
          },
        ]
      : [],
});
