// Numbers of the netfilter ABI by their kernel names: linux/netfilter/nfnetlink.h, nf_tables.h,
// nfnetlink_conntrack.h. Only what the codec uses. Unlike rtnetlink, integers in here are in network order.

export const NFNL_SUBSYS = { NONE: 0, CTNETLINK: 1, NFTABLES: 10 } as const;
export const NFNL_MSG_BATCH = { BEGIN: 16, END: 17 } as const;

export const NFPROTO = { UNSPEC: 0, INET: 1, IPV4: 2, ARP: 3, NETDEV: 5, BRIDGE: 7, IPV6: 10 } as const;

export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  DELRULE: 8,
  NEWSET: 9,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
  NEWGEN: 15,
  /** Like DELSETELEM, but a missing one is fine. Linux 6.3. */
  DESTROYSETELEM: 30,
} as const;

export const NFTA_TABLE = { NAME: 1, FLAGS: 2, USERDATA: 6 } as const;
export const NFTA_CHAIN = { TABLE: 1, NAME: 3, HOOK: 4, POLICY: 5, TYPE: 7 } as const;
export const NFTA_HOOK = { HOOKNUM: 1, PRIORITY: 2 } as const;
export const NFTA_RULE = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
export const NFTA_SET = { TABLE: 1, NAME: 2, FLAGS: 3, KEY_TYPE: 4, KEY_LEN: 5, ID: 10, USERDATA: 13 } as const;
export const NFTA_LIST_ELEM = 1;
export const NFTA_EXPR = { NAME: 1, DATA: 2 } as const;
export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
export const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const;

export const NFTA_SET_ELEM_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
export const NFTA_SET_ELEM = { KEY: 1, DATA: 2, FLAGS: 3, EXPR: 7, KEY_END: 10, EXPRESSIONS: 11 } as const;

export const NFTA_COUNTER = { BYTES: 1, PACKETS: 2 } as const;
export const NFTA_LIMIT = { RATE: 1, UNIT: 2, BURST: 3, TYPE: 4, FLAGS: 5 } as const;
export const NFTA_CONNLIMIT = { COUNT: 1, FLAGS: 2 } as const;
export const NFTA_META = { DREG: 1, KEY: 2 } as const;
export const NFTA_CMP = { SREG: 1, OP: 2, DATA: 3 } as const;
export const NFTA_PAYLOAD = { DREG: 1, BASE: 2, OFFSET: 3, LEN: 4 } as const;
export const NFTA_IMMEDIATE = { DREG: 1, DATA: 2 } as const;
export const NFTA_NAT = { TYPE: 1, FAMILY: 2, REG_ADDR_MIN: 3 } as const;

export const NFT_LIMIT_F_INV = 1;
export const NFT_CONNLIMIT_F_INV = 1;
export const NFTA_LOOKUP = { SET: 1, SREG: 2 } as const;
export const NFT_VERDICT = { JUMP: -3, GOTO: -4 } as const;
export const NFT_SET_INTERVAL = 4;
export const NFT_SET_ELEM_INTERVAL_END = 1;
export const NFT_CMP_EQ = 0;
export const NFT_CMP_NEQ = 1;
export const NFT_REG_VERDICT = 0;
export const NFT_REG_1 = 1;
export const NFT_META = { IIFNAME: 6, OIFNAME: 7, NFPROTO: 15 } as const;
export const NFT_PAYLOAD_NETWORK_HEADER = 1;
export const NFT_NAT = { SNAT: 0, DNAT: 1 } as const;

export const NF_INET = { PRE_ROUTING: 0, LOCAL_IN: 1, FORWARD: 2, LOCAL_OUT: 3, POST_ROUTING: 4 } as const;
export const NF_POLICY = { DROP: 0, ACCEPT: 1 } as const;

export const IPCTNL_MSG_CT = { NEW: 0, GET: 1, DELETE: 2 } as const;
export const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, PROTOINFO: 4, ID: 12, ZONE: 18, FILTER: 25 } as const;
export const CTA_TUPLE = { IP: 1, PROTO: 2 } as const;
export const CTA_IP = { V4_SRC: 1, V4_DST: 2, V6_SRC: 3, V6_DST: 4 } as const;
export const CTA_PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const;
export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_TCP_STATE = 1;
export const TCP_CONNTRACK_ESTABLISHED = 3;
export const CTA_FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;
