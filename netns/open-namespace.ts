// A namespace that is held open.
import type { Rtnl } from './rtnl.js';

/** A namespace held open: a descriptor for IFLA_NET_NS_FD, and a socket that configures it from outside. */
export interface OpenNamespace {
  readonly fd: number;
  readonly rtnl: Rtnl;
  close(): void;
}
