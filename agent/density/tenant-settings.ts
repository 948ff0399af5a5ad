// What one tenant may have: quotas of the ledger, guaranteed shares, licences, and limits of its cgroup. The same object
// comes from the configuration (snake_case, sizes as text) and from the protocol.
import * as z from 'zod';
import { BerthError } from '../../protocol/errors.js';
import { boundedMap, parseBounded } from '../base/bounds.js';
import { parseSize } from '../base/units.js';
import { cores, size } from '../base/values/amounts.js';
import { sentenceOf } from '../base/wrong-fields.js';
import { figure, LEAST_MEMORY, type TenantConfig } from '../config/density.js';
import type { TenantKernelLimits } from '../limits/tenants.js';
import { DIMENSION_NAMES, DIMENSIONS, type DimensionName } from '../model/dimensions.js';
import { ioDevice } from '../model/resources-spec.js';
import { ID_PATTERN } from '../model/spec.js';

/** In cores, bytes, pieces. */
export type Amounts = Readonly<Partial<Record<DimensionName, number>>>;

export interface TenantSettings {
  readonly quota: Amounts;
  readonly guaranteed: Amounts;
  readonly licences: Readonly<Record<string, number>>;
  readonly limits: TenantKernelLimits;
}

export const NO_SETTINGS: TenantSettings = { quota: {}, guaranteed: {}, licences: {}, limits: {} };

const MOST = { pieces: 2 ** 32 - 1, cores: 1_000_000 } as const;

const count = z.number().int().min(0).max(MOST.pieces);
const name = z.string().regex(ID_PATTERN, 'must be 1-63 of [a-z0-9-]');

/** `null` takes the value back: what the configuration says counts again. */
const amounts = z.strictObject(
  Object.fromEntries(
    DIMENSION_NAMES.map((dimension) => {
      const { unit } = DIMENSIONS[dimension];
      const value = unit === 'bytes' ? size : unit === 'cores' ? cores(0, MOST.cores) : count;
      return [dimension, (value as z.ZodType<number, number | string>).nullable().optional()];
    }),
  ) as Readonly<Record<DimensionName, z.ZodOptional<z.ZodNullable<z.ZodType<number, number | string>>>>>,
);

const limits = z.strictObject({
  memory: size
    .refine((bytes) => bytes >= LEAST_MEMORY, 'must be at least 1Mi')
    .nullable()
    .optional(),
  swap: size.nullable().optional(),
  cpu: cores(0.01, 4096).nullable().optional(),
  cpuWeight: z.number().int().min(1).max(10_000).nullable().optional(),
  pids: z.number().int().min(1).max(4_194_304).nullable().optional(),
  descendants: z.number().int().min(1).max(1_000_000).nullable().optional(),
  io: z.array(ioDevice).max(64).nullable().optional(),
});

/** A change of a tenant as the protocol takes it: what is not named stays. */
export const tenantChange = z.strictObject({
  quota: amounts.optional(),
  guaranteed: amounts.optional(),
  licences: boundedMap(name, count.nullable(), 64).optional(),
  limits: limits.optional(),
});
export type TenantChange = z.output<typeof tenantChange>;

/** Throws `invalid_quota`, naming every wrong field. */
export function parseTenantChange(input: unknown): TenantChange {
  const parsed = parseBounded(tenantChange, input, '(tenant)');
  if (parsed.ok) return parsed.data;
  const { problems } = parsed;
  throw new BerthError('invalid_quota', `the tenant is not valid: ${sentenceOf(problems)}`, { data: { ...problems } });
}

export function fromConfig(config: TenantConfig): TenantSettings {
  const { guaranteed, licences, limits: given, ...quota } = config;
  const size = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseSize(text));
  return {
    quota: numbers(quota),
    guaranteed: numbers(guaranteed ?? {}),
    licences: licences ?? {},
    limits: present<TenantKernelLimits>({
      memory: size(given?.memory),
      swap: size(given?.swap),
      cpu: given?.cpu,
      cpuWeight: given?.cpu_weight,
      pids: given?.pids,
      descendants: given?.descendants,
      io: given?.io,
    }),
  };
}

function numbers(table: Readonly<Record<string, unknown>>): Amounts {
  return present<Amounts>(
    Object.fromEntries(DIMENSION_NAMES.map((of) => [of, figure(table[of] as string | number | undefined)])),
  );
}

/** Without the keys that have no value. */
export function present<T>(values: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
