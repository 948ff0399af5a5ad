// Numbers of the netlink ABI by their kernel names: linux/netlink.h, linux/rtnetlink.h, linux/if_link.h,
// linux/if_addr.h, linux/neighbour.h, linux/veth.h. Only what the codec uses.

export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  /** Only on NLMSG_ERROR: the request's payload is not echoed, its attributes follow the bare header. */
  CAPPED: 0x100,
  /** Only on NLMSG_ERROR: extended acknowledgement attributes follow. */
  ACK_TLVS: 0x200,
} as const;

export const NLMSGERR_ATTR = { MSG: 1, OFFS: 2 } as const;

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWNETCONF: 80,
  NEWNSID: 88,
  GETNSID: 90,
} as const;

export const NETNSA = { NSID: 1, PID: 2, FD: 3 } as const;

export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  PROTINFO: 12,
  LINKINFO: 18,
  IFALIAS: 20,
  STATS64: 23,
  AF_SPEC: 26,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
} as const;

export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
export const VETH_INFO = { PEER: 1 } as const;
/** Inside IFLA_AF_SPEC, AF_INET; inside that, IPV4_DEVCONF_* of linux/ip.h. */
export const IFLA_INET = { CONF: 1 } as const;
export const IPV4_DEVCONF = { RP_FILTER: 8 } as const;
/** Inside IFLA_AF_SPEC, AF_INET6. */
export const IFLA_INET6 = { ADDR_GEN_MODE: 8 } as const;
/** How the kernel makes the link-local address of a link that comes up. */
export const ADDR_GEN_MODE = { eui64: 0, none: 1, stable_secret: 2, random: 3 } as const;
export const IFA = { ADDRESS: 1, LOCAL: 2 } as const;
export const IFA_F_NODAD = 0x02;
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7, MULTIPATH: 9, TABLE: 15 } as const;
export const NDA = { DST: 1, LLADDR: 2 } as const;
export const NUD = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
export const NTF_PROXY = 0x08;

/** The set bit says that the nested attribute really is nested; GET replies omit it. */
export const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;

export const IFF_UP = 0x1;
export const RTEXT_FILTER_SKIP_STATS = 1 << 3;
export const RTNH_F_ONLINK = 4;
export const RTM_F_FIB_MATCH = 0x2000;
export const RT_TABLE_MAIN = 254;
export const RTPROT_STATIC = 4;
export const RTN = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
} as const;
export const RT_SCOPE = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_UNSPEC = 0;
export const AF_BRIDGE = 7;

export const IFLA_BR = { VLAN_FILTERING: 7 } as const;
export const IFLA_BRPORT = { ISOLATED: 33 } as const;
export const IFLA_BRIDGE = { VLAN_INFO: 2 } as const;
export const BRIDGE_VLAN_INFO = { PVID: 2, UNTAGGED: 4, RANGE_BEGIN: 8, RANGE_END: 16 } as const;

/** The name of `value` in a table of this file; undefined for one that is not in it. */
export function nameOf<Name extends string>(table: Readonly<Record<Name, number>>, value: number): Name | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}
