// Section [control]: the local socket and who may do what on it, and the schedulers to dial.
import * as z from 'zod';
import { duration } from '../base/values/amounts.js';
import { absolutePath, schedulerUrl, socketPath } from '../base/values/places.js';
import { tenantId } from './density.js';
import { allowList } from './drivers.js';

/** What a session may do: everything; what is of its tenants; read. */
export const ROLES = ['operator', 'tenant', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

const role = z.enum(ROLES);
/** A name of passwd(5) or group(5), or a number. */
const account = z
  .string()
  .max(256)
  .regex(/^[^-+:,/\s\0][^:,/\s\0]*$/, 'must be a name or a number');

const allow = allowList.optional().meta({
  description:
    'what workloads may ask for beyond their sandbox, DRIVER.NAME of drivers.DRIVER.allow; absent: all of it for an operator, nothing for others',
});

const access = z.strictObject({
  users: z.array(account).default([]).meta({ description: 'names or uids of users' }),
  groups: z.array(account).default([]).meta({ description: 'names or gids of groups' }),
  role: role.meta({
    description: 'operator: everything; tenant: what is of `tenants`; viewer: reads, and changes nothing',
  }),
  tenants: z
    .array(tenantId)
    .default([])
    .meta({ description: 'all that it may see and change; empty, of a viewer: all' }),
  allow,
});

const scheduler = z.strictObject({
  url: schedulerUrl,
  id: z.string().min(1).max(63).default('scheduler').meta({ description: 'name in logs and metrics' }),
  insecure: z.boolean().default(false).meta({
    description: 'allows ws:// to another address than loopback: whoever is on the way can read, and command this node',
  }),
  token_file: absolutePath.optional().meta({ description: 'file with a bearer token' }),
  ca_file: absolutePath.optional().meta({ description: 'PEM certificates that sign the scheduler' }),
  cert_file: absolutePath.optional().meta({ description: 'PEM client certificate, for mutual TLS' }),
  key_file: absolutePath.optional().meta({ description: 'PEM key of the client certificate' }),
  scopes: z.array(tenantId).default([]).meta({ description: 'tenants it may act on; empty: all' }),
  role: role.optional().meta({ description: 'absent: tenant with scopes, operator without' }),
  allow,
});

export const controlSchema = z.strictObject({
  socket: socketPath.default('').meta({
    description:
      'local socket; empty: PATHS.RUNTIME/berth.sock. Another than /run/berth/berth.sock is to be named in BERTH_CONNECT for commands, and for `systemctl reload` in /etc/default/berth',
  }),
  group: account.or(z.literal('')).default('').meta({
    description: 'name or gid of the group whose members may connect to the local socket; empty: root',
  }),
  heartbeat: duration({ least: '100ms', most: '1h' })
    .default('10s')
    .meta({ description: 'between pings to a scheduler; dead after three' }),
  access: z.array(access).default([]).meta({
    description:
      'roles on the local socket. The first entry that names the user, or a group of the user, counts; root, and who is in no entry, is operator',
  }),
  scheduler: z.array(scheduler).default([]).meta({ description: 'schedulers to dial' }),
});

export type AccessEntry = z.output<typeof access>;
