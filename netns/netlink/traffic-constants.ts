// Numbers of traffic control by their kernel names: linux/pkt_sched.h, linux/pkt_cls.h, linux/gen_stats.h,
// linux/tc_act/tc_mirred.h. Only what the codec uses.

export const RTM_TC = {
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTFILTER: 44,
  DELTFILTER: 45,
  GETTFILTER: 46,
} as const;

export const TCA = { KIND: 1, OPTIONS: 2, STATS2: 7 } as const;
export const TCA_STATS = { BASIC: 1, QUEUE: 3 } as const;
export const TCA_TBF = { PARMS: 1, RATE64: 4, BURST: 6 } as const;
export const TCA_FQ_CODEL = { FLOWS: 5, MEMORY_LIMIT: 9 } as const;
export const TCA_U32 = { SEL: 5, ACT: 7 } as const;
export const TCA_ACT = { KIND: 1, OPTIONS: 2 } as const;
export const TCA_MIRRED = { PARMS: 2 } as const;

/** Parents of qdiscs; a handle is major << 16, a class of it major << 16 | minor. */
export const TC_H = { ROOT: 0xffffffff, INGRESS: 0xfffffff1 } as const;
/** The one handle that the ingress and clsact qdiscs have. */
export const INGRESS_HANDLE = 0xffff0000;
/** TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS): parent of filters that works with the ingress qdisc and with clsact. */
export const INGRESS_FILTERS = 0xfffffff2;

export const TC_LINKLAYER_ETHERNET = 1;
export const TC_U32_TERMINAL = 1;
export const TC_ACT_STOLEN = 4;
export const TCA_EGRESS_REDIR = 1;
export const ETH_P_ALL = 3;
