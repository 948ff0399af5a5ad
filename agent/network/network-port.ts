// The network of the host, as small as it is used.
import type { NetworkRoom } from '../../netns/types.js';

export type NetworkPort = Pick<
  NetworkRoom,
  | 'acquire'
  | 'giveBack'
  | 'slots'
  | 'create'
  | 'update'
  | 'createIsolated'
  | 'remove'
  | 'list'
  | 'held'
  | 'members'
  | 'retag'
  | 'sweep'
>;
