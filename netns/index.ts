// The door of this room.
export { AddressError, assertDisjoint, type Cidr, parseCidr } from './addresses/cidr.js';
export { type Conflict, conflictsWithHost, type OwnLinks } from './addresses/conflict.js';
export { AddressPool, type PoolOptions, type Utilisation } from './addresses/pool.js';
export { UNANSWERED } from './deadlines.js';
export type { Hint } from './monitor/hints.js';
export { linkNameFor, macFor } from './names.js';
export { type NetworkRoomOptions, openNetworkRoom } from './room.js';
export {
  GATEWAY,
  type LinkStats,
  type NetworkRoom,
  type Overdue,
  type OwnedNetwork,
  type Removal,
  type SandboxNetwork,
} from './types.js';
