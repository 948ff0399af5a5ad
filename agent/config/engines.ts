// [engines.NAME]: what other managers of workloads run on this host, and how much berth has to say there.
import * as z from 'zod';
import { socketPath } from '../base/values/places.js';
import { AUTHORITIES, ENGINE_NAMES, ENGINES_WITH_SOCKET, type EngineName } from '../model/adopted.js';
import { tenantName } from '../model/spec.js';

/** Patterns of names, each looked at for every workload. */
const MOST_PATTERNS = 64;
const MOST_LABEL = 128;

const authority = z
  .enum(AUTHORITIES, {
    error: ({ input }) =>
      input === 'enforce'
        ? 'enforce is not in this version: berth changes no workload of another engine; use advise'
        : `must be one of ${AUTHORITIES.map((word) => `"${word}"`).join(', ')}`,
  })
  .default('observe')
  .meta({
    description:
      'off: berth does not look at this engine; observe: its workloads are found, counted in the ledger and shown; advise: also conditions, each with the command that cures it',
  });

const socket = socketPath.default('').meta({ description: 'socket of its API; empty: the usual path' });

/** Of every engine. */
function common(name: EngineName) {
  return {
    authority,
    tenant: tenantName.default(name).meta({ description: 'tenant of workloads for which no other rule holds' }),
    tenant_names: z
      .record(z.string().regex(/^.{1,128}$/, 'must be 1-128 characters, in which * stands for any text'), tenantName)
      .refine((names) => Object.keys(names).length <= MOST_PATTERNS, `must have at most ${MOST_PATTERNS} entries`)
      .default({})
      .meta({
        description:
          'tenants by the name of a workload, such as {"ci-*" = "ci"}; the first match wins. containerd and CRI-O: the name is the first 12 digits of the id',
      }),
  };
}

/** Of those whose socket tells labels, too. */
const tenantLabel = z.string().max(MOST_LABEL).default('').meta({
  description:
    'label whose value is the tenant of a workload, while the socket answers; empty: none. Whoever can start a workload there can set its labels',
});

const named = (name: EngineName) => z.strictObject(common(name)).prefault({});
const asked = (name: EngineName) => z.strictObject({ ...common(name), socket, tenant_label: tenantLabel }).prefault({});

type WithSocket = (typeof ENGINES_WITH_SOCKET)[number];
type Schemas = { [N in EngineName]: N extends WithSocket ? ReturnType<typeof asked> : ReturnType<typeof named> };

export const enginesSchema = z.strictObject(
  Object.fromEntries(
    ENGINE_NAMES.map((name) => [name, ENGINES_WITH_SOCKET.some((one) => one === name) ? asked(name) : named(name)]),
  ) as Schemas,
);

export type EnginesConfig = z.output<typeof enginesSchema>;
