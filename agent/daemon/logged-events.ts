// Events that the log has too, so that `journalctl BERTH_WORKLOAD=web-1` tells the life of a workload, and who asked for what.
import type { Log } from '../base/log.js';
import type { BerthEvent } from '../model/event.js';

/** How loud each is. Conditions, refused forks and limits that others wrote are not here: they have lines of their own. */
const LOGGED: Readonly<Record<string, 'info' | 'warn'>> = {
  'node.cordoned': 'info',
  'node.uncordoned': 'info',
  'node.draining': 'info',
  'node.drained': 'info',
  'host.tuned': 'info',
  'host.cleaned': 'info',
  'workload.created': 'info',
  'workload.updated': 'info',
  'workload.requested': 'info',
  'workload.ended': 'info',
  'workload.restarting': 'info',
  'workload.gave_up': 'warn',
  'workload.unready': 'warn',
  'workload.ready': 'info',
  'workload.exec': 'info',
  'workload.copy': 'info',
  'workload.console': 'info',
  'workload.saved': 'info',
  'workload.snapshot_deleted': 'info',
  'workload.oom': 'warn',
  'workload.escaped': 'warn',
  'workload.evicted': 'warn',
  'workload.preempted': 'warn',
  'workload.deleted': 'info',
  'image.requested': 'info',
  'image.pulled': 'info',
  'image.failed': 'warn',
  'volume.deleted': 'info',
  'image.deleted': 'info',
  'tenant.changed': 'info',
  'tenant.deleted': 'info',
  'tenant.over_quota': 'warn',
  'licence.leased': 'info',
  'licence.expired': 'warn',
  'licence.over': 'warn',
  'pressure.action': 'warn',
};

/** Those of other engines are many, and logged by them. */
const ENDS: ReadonlySet<string> = new Set(['workload.ended', 'engine.workload_ended']);

export function logEvent(log: Log, { type, workload, tenant, actor, data }: BerthEvent): void {
  // Of an end, who has ended it: berth or the kernel, and not the workload itself.
  const level = ENDS.has(type) && data.actor !== undefined ? 'warn' : LOGGED[type];
  if (level === undefined) return;
  const { level: _level, msg: _msg, ...rest } = data;
  log[level]({ workload, tenant, ...rest, ...(actor === undefined ? {} : { by: nameOf(actor) }) }, type);
}

function nameOf({ scheduler, user, uid, role }: NonNullable<BerthEvent['actor']>): string {
  return scheduler ?? user ?? (uid === undefined ? role : `uid ${uid}`);
}
