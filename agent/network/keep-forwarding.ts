// network.forwarding is a promise for as long as the agent runs: whatever turns forwarding off (another program's sysctl.d, a
// VPN's script) takes every routed workload off the network. Looked at when the kernel tells of it and each minute, set again a bounded
// number of times, told.
import { defined } from '../../linux/defined.js';
import type { Log } from '../base/log.js';
import { RepairBudget } from '../base/repair-budget.js';
import type { EventPort } from '../model/event.js';
import { enableForwarding, type ForwardingOptions, isForwardingOff } from './forwarding.js';

export interface KeepForwarding {
  /** network.forwarding: `leave` is told by a condition of the doctor only. */
  readonly mode: 'enable' | 'leave';
  readonly ipv6: boolean;
  readonly events: EventPort;
  readonly log: Log;
  readonly remember?: ForwardingOptions['remember'];
  readonly budget?: Pick<RepairBudget, 'spend'>;
  /** /proc/sys/net. */
  readonly root?: string;
}

const KEY = 'forwarding ';

/** One look: sets again what is off. Never throws. */
export function keepForwarding(world: KeepForwarding): () => void {
  const { mode, ipv6, events, log, remember, budget = new RepairBudget(), root } = world;
  return (): void => {
    if (mode === 'leave' || !isForwardingOff({ ipv6 }, root) || !budget.spend(KEY)) return;
    try {
      const changed = enableForwarding({ ipv6, ...defined({ remember }) }, root);
      if (changed.length === 0) return;
      const changes = changed.map((detail) => ({ kind: 'forwarding', detail }));
      events.append({ type: 'network.repaired', data: { changes } });
      log.warn({ changed }, 'forwarding was turned off by another program; berth has turned it on again');
    } catch (error) {
      log.error({ err: error }, 'forwarding is off and could not be turned on again');
    }
  };
}
