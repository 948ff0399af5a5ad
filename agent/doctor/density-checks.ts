// The lines of density in the table behind `berth doctor`.
import { someOf } from '../base/some-of.js';
import type { DensityStatus } from '../density/status.js';
import type { Check } from './check.js';

const FIX = 'Run `berth doctor --fix`, or lower density.max_workloads.';

export const DENSITY_CHECKS: readonly Check[] = [
  line(
    'ceiling_in_the_way',
    'warning',
    'The kernel holds fewer workloads than density.max_workloads',
    'Admission refuses what is beyond, however much memory and processor time is left.',
    FIX,
    'inTheWay',
  ),
  line(
    'ceiling_near',
    'warning',
    'Ceilings of the kernel are nearly reached',
    'Beyond them things fail for the whole host, not only for the workload that asks next.',
    'Run `berth doctor --fix`, or find who uses them; `berth node capacity --json` has the figures.',
    'near',
  ),
  line(
    'tenant_over_quota',
    'warning',
    'Tenants have more than their quota',
    'A quota was lowered under its use: what runs goes on, nothing that needs more of it starts.',
    'Delete or shrink their workloads, raise the quota, or run `berth tenant set NAME --evict`.',
    'overQuota',
  ),
  line(
    'licence_over',
    'warning',
    'More licences are in use than there are',
    'A lease has run out or a pool was made smaller: what runs goes on, nothing that needs one starts.',
    'Lease more, or stop workloads; `berth licence list` shows who has them.',
    'overLicence',
  ),
];

const SHOWN = 5;

function line(
  code: string,
  severity: Check['severity'],
  title: string,
  why: string,
  fix: string,
  of: keyof DensityStatus,
): Check {
  return {
    ...{ code, severity, title, why, fix },
    when: (_, { density }) => {
      const found = density?.[of] ?? [];
      return found.length === 0 ? undefined : someOf(found, SHOWN);
    },
  };
}
