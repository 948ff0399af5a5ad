// The door of this room.
export { AddressPool, type Cidr, linkNameFor, macFor, parseCidr } from './ipam.js';
export { type NetworkRoomOptions, openNetworkRoom } from './room.js';
export {
  GATEWAY,
  type LinkStats,
  type NetworkRoom,
  type OwnedNetwork,
  type Removal,
  type SandboxNetwork,
} from './types.js';
