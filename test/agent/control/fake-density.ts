import { inRange } from '../../../agent/base/pages.js';
import type { AgentService } from '../../../agent/control/service.js';
import type { PlacedEntry } from '../../../agent/density/audit.js';
import type { ReservationView } from '../../../agent/density/reservations.js';
import type { TenantView } from '../../../agent/density/tenant-admin.js';
import type { LicenceView } from '../../../agent/model/licence.js';
import type { FitsAnswer } from '../../../agent/model/preemption.js';
import { BerthError } from '../../../protocol/errors.js';

type Part = Pick<
  AgentService,
  | 'outlook'
  | 'reserve'
  | 'release'
  | 'tenants'
  | 'setTenant'
  | 'deleteTenant'
  | 'licences'
  | 'leaseLicence'
  | 'licenceAudit'
  | 'tune'
>;

export const FITS: FitsAnswer = {
  fits: true,
  refusals: [],
  more: 7,
  room: [{ scope: 'host', dimension: 'workloads', more: 7 }],
  wouldGo: null,
  preemption: null,
  downgraded: [],
};

const tenantOf = (name: string): TenantView => ({
  ...{ name, quota: { workloads: 10 }, guaranteed: {}, licences: {}, limits: {} },
  ...{ sources: { 'quota.workloads': 'file' }, allow: [], rows: [], over: [] },
});

const LICENCE: LicenceView = {
  ...{ name: 'db', per: 'instance', onExhausted: 'refuse', count: 2, leases: [], total: 2, inUse: 2, reserved: 0 },
  holders: [
    { workload: 'mine', tenant: 'acme', count: 1 },
    { workload: 'theirs', tenant: 'globex', count: 1 },
  ],
};

const AUDIT: readonly PlacedEntry[] = [
  { entry: { at: 1, type: 'grant', licence: 'db', count: 1, workload: 'mine', tenant: 'acme' }, end: 100 },
  { entry: { at: 2, type: 'grant', licence: 'db', count: 1, workload: 'theirs', tenant: 'globex' }, end: 201 },
];

/** The density room of a service that does nothing to the host. */
export function fakeDensity(calls: string[]): Part {
  const reservations = new Map<string, ReservationView>();
  return {
    outlook: () => ({
      windows: [
        { name: 'night', active: false, from: 5, until: 6, changes: { cpu_overcommit: 8, 'tenant.globex.cpu': 4 } },
      ],
      ceilings: [{ name: 'keys', limit: 10, used: 1 }],
      reservations: [...reservations.values()],
      overhead: [],
      prediction: null,
    }),
    reserve: async (spec, scheduler, ttl) => {
      calls.push(`reserve ${spec.id} ${ttl}`);
      const view = { reservation: `${spec.id}.1.2`, id: spec.id, tenant: spec.tenant, scheduler, expiresAt: ttl };
      reservations.set(spec.id, view);
      return view;
    },
    release: async (name) => {
      const found = reservations.get(name.split('.')[0] ?? '');
      if (found === undefined) throw new BerthError('reservation_not_found', `there is no reservation "${name}"`);
      calls.push(`release ${name}`);
      reservations.delete(found.id);
      return found;
    },
    tenants: ({ sees = () => true, ...range }) =>
      inRange(['acme', 'globex'].filter(sees), (name) => name, range).map(tenantOf),
    setTenant: async (name, change, { create, evict }) => {
      calls.push(`tenant ${name} ${JSON.stringify(change)}${create ? ' create' : ''}${evict ? ' evict' : ''}`);
      return { tenant: tenantOf(name), evicted: evict ? ['web'] : [] };
    },
    deleteTenant: async (name) => void calls.push(`delete tenant ${name}`),
    licences: ({ sees = () => true, ...range }) =>
      inRange([LICENCE, { ...LICENCE, name: 'os' }], ({ name }) => name, range).map((licence) => ({
        ...licence,
        holders: licence.holders.filter(({ tenant }) => sees(tenant)),
      })),
    leaseLicence: async (name, scheduler, count, ttl) => {
      calls.push(`lease ${name} ${scheduler} ${count} ${ttl}`);
      return LICENCE;
    },
    licenceAudit: async ({ sees = () => true, after: behind = 0, most }) =>
      AUDIT.filter(({ entry, end }) => end > behind && sees(entry)).slice(0, most),
    tune: async (action) => {
      calls.push(`tune ${action}`);
      return [{ key: 'kernel.keys.maxkeys', before: 200, after: 4000, now: 4000 }];
    },
  };
}
