// Refusals in the shape of design section 7.
import type { Refusal } from '../model/capacity.js';
import { DIMENSIONS, type DimensionName, type PoolDimension, shown } from '../model/dimensions.js';

export interface Shortage {
  readonly scope: string;
  readonly dimension: DimensionName | PoolDimension;
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
  readonly short: number;
  /** Of `used`, what nobody has and is kept free for tenants with a guaranteed share. */
  readonly keptFree: number;
}

export function refusalOf({ scope, dimension, limit, used, requested, short, keptFree }: Shortage): Refusal {
  const free =
    keptFree === 0 ? '' : ` Of what is in use, ${shown(dimension, keptFree)} is kept free for other tenants.`;
  return {
    code: 'admission_refused',
    dimension,
    scope,
    limit: shown(dimension, limit),
    used: shown(dimension, used),
    requested: shown(dimension, requested),
    shortBy: shown(dimension, short),
    retryAfterMs: null,
    hint: `${hintOf(scope, dimension)}${free}`,
  };
}

function hintOf(scope: string, dimension: DimensionName | PoolDimension): string {
  const [kind = '', name = ''] = scope.split('/');
  if (kind === 'tenant') {
    const what = dimension === 'licences' ? `licences.${scope.split('/').at(-1)}` : dimension;
    const also = dimension === 'workloads' ? ' (or density.max_workloads_per_tenant)' : '';
    return `Delete or shrink workloads of this tenant, or raise its quota: \`berth tenant set ${name} ${what}=...\`${also}.`;
  }
  if (kind === 'kind') return `Delete workloads of driver ${name}, or raise density.kind.${name}.`;
  if (dimension === 'licences')
    return `Stop a workload that has this licence, or raise licence.${name}.count; \`berth licence list\` shows who has them.`;
  if (kind === 'bridge') return `Delete workloads on ${name}: a bridge has 1,023 ports at most.`;
  return DIMENSIONS[dimension].hint;
}
