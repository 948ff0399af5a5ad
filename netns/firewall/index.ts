// What the rest of the room may call. All of it is synchronous and runs on the thread that opened the host.
export { applyEntries, type Change } from './apply.js';
export { type Audit, auditEntries, type Missing, removeUnknown } from './audit.js';
export { assertFirewall, assertSettings } from './check.js';
export { type CloneNat, provideCloneNat, removeCloneNat } from './clone.js';
export { type Before, forgetConnections, forgetUntrue } from './connections.js';
export { boundDiscovery } from './discovery.js';
export { readDrops } from './drops.js';
export { readInterference } from './interference.js';
export { withOwnTable } from './owner.js';
export { setupFirewall, tableLoaded, teardownFirewall } from './setup.js';
