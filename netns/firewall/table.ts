// The rules as text for `nft -f -`. They name sets only; what is in the sets comes later (entries.ts), so that a
// workload costs elements and never a rule. Pure.
import { createHash } from 'node:crypto';
import { GATEWAY6, type RoomSettings } from '../types.js';
import { DISCOVERY } from './discovery.js';
import { ownerChain } from './owner.js';
import { dropSet, type Family, MAPS, REASONS, SETS, TRAFFIC } from './sets.js';

/** Addresses at which clouds tell an instance its credentials. */
const METADATA = { v4: '169.254.169.254', v6: 'fd00:ec2::254' } as const;
const ICMP_ERRORS = '{ destination-unreachable, time-exceeded, parameter-problem }';
const ICMP6_ERRORS = 'destination-unreachable, packet-too-big, time-exceeded, parameter-problem';
const ND = 'nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld2-listener-report';
const DYNAMIC = 'flags dynamic; size 65535; counter';

/** What is said to the sender in place of nothing, by reason and whose link it is. */
const REFUSED: Readonly<Record<string, string>> = {
  'egress iifname': 'reject with icmpx admin-prohibited',
  'midstream iifname': 'reject with tcp reset',
};

const DISCOVERING = set('discovery', 'type ifname; flags dynamic, timeout; timeout 1m; size 65535');
/** By MAC, as workloads behind a bridge share its link; each is checked to send from its own. */
const OPENING = set('opening', 'type ether_addr; flags dynamic, timeout; timeout 1m; size 65535');
/** Seconds of `connectionRate` that a workload may open at once: one that starts, or a batch. */
const OPENING_BURST_S = 4;

/** Stamps of earlier tables that had no set and no hook that is another one by now: those are changed in place. */
export const FORMER: readonly string[] = ['berth e3ea8f3698649e4e', 'berth dee031801164fd1f'];

interface Table {
  readonly sets: readonly string[];
  readonly chains: readonly string[];
}

/**
 * The text that brings the table of `family` from `loaded`, the comment of the present one (undefined: there is none),
 * to what `settings` ask. Elements survive, unless the sets themselves are of another make: then the table goes first, and
 * what workloads send is dropped until they have their elements again.
 */
export function loadText(settings: RoomSettings, family: Family, loaded: string | undefined): string {
  const table = family === 'inet' ? inetTable(settings) : bridgeTable(settings);
  const name = `${family} ${settings.table}`;
  const stamp = stampOf(table);
  const fits = loaded === undefined || loaded === stamp || FORMER.includes(loaded);
  const names = table.chains.flatMap((line) => /^ {2}chain (\w+)/.exec(line)?.[1] ?? []);
  return [
    ...(fits ? [] : [`delete table ${name}`]),
    `table ${name} {`,
    // The kernel takes no other comment into a table that is there.
    `  comment "${fits ? (loaded ?? stamp) : stamp}"`,
    ...table.sets,
    ...table.chains.filter((line) => /^ {2}(chain|\})|^ {4}type /.test(line)),
    // No part of the stamp: a table that was made without it stays as it is.
    `  chain ${ownerChain(settings.tags)} {`,
    '  }',
    '}',
    // Not `flush table`: the rules of policies were not made here.
    ...names.map((chain) => `flush chain ${name} ${chain}`),
    `table ${name} {`,
    ...table.chains.filter((line) => !line.startsWith('    type ')),
    '}',
    '',
  ].join('\n');
}

/** Tells tables apart that cannot be changed into each other in place: by their sets and by where chains hook in. */
function stampOf({ sets, chains }: Table): string {
  const fixed = [...sets, ...chains.filter((line) => /^ *(chain|type) /.test(line))].join('\n');
  return `berth ${createHash('sha256').update(fixed).digest('hex').slice(0, 16)}`;
}

function inetTable({ linkPrefix, masquerade, hostAccess, connectionRate, bridges }: RoomSettings): Table {
  const ours = `"${linkPrefix}*"`;
  const outward = [`"${linkPrefix}*"`, ...bridges.map(({ name }) => `"${name}"`)].map((name) => `oifname != ${name}`);
  return {
    sets: [
      ...sandboxSets('inet'),
      ...REASONS.inet.flatMap((reason) => set(dropSet(reason), `type ifname; ${DYNAMIC}`)),
      ...DISCOVERING,
      ...OPENING,
      ...Object.values(TRAFFIC).flatMap((name) => set(name, 'type nf_proto; flags dynamic; size 4; counter')),
    ],
    chains: [
      // Two rules, as the first one breaks off when the set is full, and must not save the packet by that.
      ...REASONS.inet.flatMap((reason) =>
        dropChain(`drop_${reason}`, reason, reason === 'ingress' ? 'oifname' : 'iifname'),
      ),
      ...dropChain('drop_connections_in', 'connections', 'oifname'),
      ...dropChain('drop_packets_in', 'packets', 'oifname'),
      ...dropChain('drop_midstream_in', 'midstream', 'oifname'),

      // Before connection tracking: what is forged or too much costs no entry there.
      ...base('prerouting', 'type filter hook prerouting priority raw', [
        `iifname ${ours} jump from_link`,
        'ip saddr @bridged jump metadata',
        'ip6 saddr @bridged6 jump metadata',
      ]),
      ...chain('from_link', [
        'iifname @packets_out goto drop_packets',
        // route_localnet lets the host's loopback clients reach published ports; this closes the way back in.
        'ip daddr 127.0.0.0/8 goto drop_host',
        // The host forwards within a link, and each address that it looks for there takes a place in its neighbour table.
        `ip6 daddr fe80::/10 ip6 daddr != ${GATEWAY6} goto drop_host`,
        'iifname . ether saddr . ip saddr @sources goto metadata',
        'iifname . ether saddr . ip6 saddr @sources6 goto metadata',
        `iifname . ether saddr @links6 ip6 saddr { ::, fe80::/10 } icmpv6 type { ${ND}, ${ICMP6_ERRORS} } goto discovery`,
        // The namespace of a microVM has a link-local address of its own, and only errors to say from it.
        `ip saddr 169.254.1.0/24 icmp type ${ICMP_ERRORS} return`,
        'goto drop_spoofed',
      ]),
      ...discovery(),
      // Here and not in forward, so that it holds as well where the host itself serves or translates the address.
      ...chain('metadata', [
        `ip daddr ${METADATA.v4} ip saddr != @metadata goto drop_metadata`,
        `ip6 daddr ${METADATA.v6} ip6 saddr != @metadata6 goto drop_metadata`,
      ]),

      // Ahead of other tables, which see only what we let pass. Decided once for each connection: what is established
      // goes on when elements change.
      ...base('forward', 'type filter hook forward priority filter - 5', [
        'ct state established,related accept',
        // Where br_netfilter is loaded, as Docker does, frames between ports come by here as well.
        ...bridges.flatMap(({ name }) => {
          const between = `iifname "${name}" oifname "${name}"`;
          // Only those of workloads: what comes in through the uplink has the MAC of its router.
          const opened = ['ip saddr @bridged', 'ip6 saddr @bridged6'].map((own) => `${between} ${own} jump opening`);
          return [...opened, `${between} accept`];
        }),
        'ct state new tcp flags & (fin | syn | rst | ack) != syn jump midstream',
        `iifname ${ours} jump leaving`,
        'ip saddr @bridged jump leaving',
        'ip6 saddr @bridged6 jump leaving',
        `oifname ${ours} jump arriving`,
        'ip daddr @bridged jump arriving',
        'ip6 daddr @bridged6 jump arriving',
        // What is dropped before leaves no entry in the table of connections.
        `iifname ${ours} jump opening`,
        'ip saddr @bridged jump opening',
        'ip6 saddr @bridged6 jump opening',
        // Last, as a hit counts the connection.
        'ip saddr @connections goto drop_connections',
        'ip6 saddr @connections6 goto drop_connections',
        'ip daddr @connections goto drop_connections_in',
        'ip6 daddr @connections6 goto drop_connections_in',
        ...concerned(ours, '').map((match) => `${match} goto offered`),
      ]),
      ...chain('leaving', [
        'ip saddr vmap @policies',
        'ip6 saddr vmap @policies6',
        // To other groups only published ports are open, whatever of a workload is open to others.
        'ct status dnat return',
        `oifname ${ours} iifgroup . oifgroup != @groups goto drop_isolation`,
        'ip daddr @bridged goto drop_isolation',
        'ip6 daddr @bridged6 goto drop_isolation',
      ]),
      // What a workload did not ask for itself.
      ...chain('arriving', [
        // By a published port to itself.
        'ip saddr . ip daddr @hairpin return',
        'ip6 saddr . ip6 daddr @hairpin6 return',
        // An administrator may give any link a group.
        `iifname ${ours} ip daddr != @closed iifgroup . oifgroup @groups return`,
        `iifname ${ours} ip6 daddr != @closed6 iifgroup . oifgroup @groups return`,
        // Several ports of the host may lead to one of the workload, and be open to others each.
        'ct status dnat jump senders',
        'ct status dnat return',
        'ip daddr @open return',
        'ip6 daddr @open6 return',
        'goto drop_ingress',
      ]),
      ...chain(
        'senders',
        (['tcp', 'udp'] as const).flatMap((protocol) => [
          `meta nfproto ipv4 meta l4proto ${protocol} ct original proto-dst vmap @senders_${protocol}`,
          `meta nfproto ipv6 meta l4proto ${protocol} ct original proto-dst vmap @senders_${protocol}6`,
        ]),
      ),
      // A connection that was forgotten, because its workload may not have it any more, comes back with its other end's next
      // packet (nf_conntrack_tcp_loose), as one that the other end has opened. Only the workload's own packets are asked.
      // What came to a published port goes on: the workload itself ends what it does not know.
      ...chain('midstream', [
        'ct status dnat return',
        `oifname ${ours} goto drop_midstream_in`,
        'ip daddr @bridged goto drop_midstream_in',
        'ip6 daddr @bridged6 goto drop_midstream_in',
        // Nor with a packet of the workload, where the other end would know it again: behind masquerading it has another port.
        `iifname ${ours} meta nfproto ipv4${unmasked('ip', masquerade)} goto drop_midstream`,
        `iifname ${ours} meta nfproto ipv6${unmasked('ip6', masquerade)} goto drop_midstream`,
      ]),
      ...chain('opening', opening(connectionRate)),
      ...chain('offered', [`ct state new add @${TRAFFIC.offered} { meta nfproto counter }`]),

      ...base('input', 'type filter hook input priority filter - 5', [
        `iifname ${ours} jump to_host`,
        'ip saddr @bridged jump to_host',
        'ip6 saddr @bridged6 jump to_host',
      ]),
      ...chain('to_host', [
        'ct state established,related return',
        `icmpv6 type { ${ND}, ${ICMP6_ERRORS} } return`,
        ...(hostAccess
          ? [
              'jump opening',
              'ip saddr @connections goto drop_connections',
              'ip6 saddr @connections6 goto drop_connections',
            ]
          : [
              'icmp type echo-request goto opening',
              'icmpv6 type echo-request goto opening',
              `ct original ip daddr ${METADATA.v4} goto opening`,
              `ct original ip6 daddr ${METADATA.v6} goto opening`,
              'goto drop_host',
            ]),
      ]),

      ...base('published', 'type nat hook prerouting priority dstnat', publishedPorts()),
      ...base('published_local', 'type nat hook output priority -100', publishedPorts()),
      ...base('translated', 'type nat hook postrouting priority srcnat', [
        // Answers must come back here: the host's loopback, a workload that meets itself, a neighbour on the bridge.
        'ct status dnat ip saddr 127.0.0.0/8 masquerade',
        'ip saddr . ip daddr @hairpin masquerade',
        'ip6 saddr . ip6 daddr @hairpin6 masquerade',
        'ct status dnat ip saddr @bridged ip daddr @bridged masquerade',
        'ct status dnat ip6 saddr @bridged6 ip6 daddr @bridged6 masquerade',
        ...masquerade.map((net) => `${net.includes(':') ? 'ip6' : 'ip'} saddr ${net} ${outward.join(' ')} masquerade`),
      ]),

      // Behind everyone else's: what was offered and does not come by here, others have dropped.
      ...base('postrouting', 'type filter hook postrouting priority 300', [
        ...concerned(ours, 'ct original ').map((match) => `iif != 0 ct state new ${match} jump passed`),
        'oifname @packets_in goto drop_packets_in',
      ]),
      ...chain('passed', [`add @${TRAFFIC.passed} { meta nfproto counter }`]),
    ],
  };
}

// A guest may give itself any link-local address, and the host learns each of them. Without a bound on how fast, one guest
// could fill the neighbour table of the host.
function discovery(): string[] {
  const over = `limit rate over ${DISCOVERY.perSecond}/second burst ${DISCOVERY.burst} packets`;
  return chain('discovery', [`update @discovery { iifname ${over} } goto drop_packets`]);
}

// Connections that are closed stay in the host's table until their timeout, and no limit of open ones counts them: only how
// fast a workload opens them bounds how many there are. Each datagram that nobody answers is new to the kernel, but only the
// first of a flow is unconfirmed.
function opening(rate: number): string[] {
  if (rate === 0) return [];
  const over = `limit rate over ${rate}/second burst ${rate * OPENING_BURST_S} packets`;
  return [`ct state new ct status & confirmed == 0 update @opening { ether saddr ${over} } goto drop_connections`];
}

// Forwarded packets from or to workloads; each once. `original` finds the sender also behind masquerading.
function concerned(ours: string, original: '' | 'ct original '): string[] {
  return [
    `iifname ${ours}`,
    `iifname != ${ours} oifname ${ours}`,
    `iifname != ${ours} oifname != ${ours} ${original}ip saddr @bridged`,
    `iifname != ${ours} oifname != ${ours} ${original}ip6 saddr @bridged6`,
    `iifname != ${ours} oifname != ${ours} ${original}ip saddr != @bridged ip daddr @bridged`,
    `iifname != ${ours} oifname != ${ours} ${original}ip6 saddr != @bridged6 ip6 daddr @bridged6`,
  ];
}

function publishedPorts(): string[] {
  return [
    'meta nfproto ipv4 fib daddr type local dnat ip to meta l4proto . th dport map @ports',
    // There is no route_localnet for ::1.
    'ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6',
  ];
}

function bridgeTable({ linkPrefix }: RoomSettings): Table {
  const ours = `"${linkPrefix}*"`;
  return {
    sets: [
      ...sandboxSets('bridge'),
      ...REASONS.bridge.flatMap((reason) => set(dropSet(reason), `type ifname; ${DYNAMIC}`)),
      ...DISCOVERING,
    ],
    chains: [
      ...REASONS.bridge.flatMap((reason) => dropChain(`drop_${reason}`, reason, 'iifname')),
      ...dropChain('drop_packets_in', 'packets', 'oifname'),
      ...base('prerouting', 'type filter hook prerouting priority dstnat', [`iifname ${ours} jump from_port`]),
      ...chain('from_port', [
        'iifname @packets_out goto drop_packets',
        'iifname . ether saddr . ip saddr @sources return',
        'iifname . ether saddr . ip6 saddr @sources6 return',
        'iifname . ether saddr @links iifname . arp saddr ether . arp saddr ip @sources return',
        // A probe for a duplicate address has no sender yet (RFC 5227).
        'iifname . ether saddr @links arp operation request arp saddr ip 0.0.0.0 return',
        `iifname . ether saddr @links6 ip6 saddr { ::, fe80::/10 } icmpv6 type { ${ND}, ${ICMP6_ERRORS} } goto discovery`,
        'goto drop_spoofed',
      ]),
      ...discovery(),
      ...base('postrouting', 'type filter hook postrouting priority 0', ['oifname @packets_in goto drop_packets_in']),
    ],
  };
}

function sandboxSets(family: Family): string[] {
  return Object.entries(SETS[family]).flatMap(([name, type]) => set(name, type));
}

function set(name: string, type: string): string[] {
  return [`  ${MAPS.includes(name) ? 'map' : 'set'} ${name} { ${type}; }`];
}

function base(name: string, hook: string, rules: readonly string[]): string[] {
  return chain(name, [`${hook}; policy accept;`, ...rules]);
}

function chain(name: string, lines: readonly string[]): string[] {
  return [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), '  }'];
}

/** Says that the source is not masqueraded. */
function unmasked(family: 'ip' | 'ip6', masquerade: readonly string[]): string {
  const nets = masquerade.filter((net) => net.includes(':') === (family === 'ip6'));
  return nets.map((net) => ` ${family} saddr != ${net}`).join('');
}

// A workload is told that it may not, so that it fails at once; whoever does what it must not is told nothing.
function dropChain(name: string, reason: (typeof REASONS.inet)[number], link: 'iifname' | 'oifname'): string[] {
  const verdict = REFUSED[`${reason} ${link}`] ?? 'drop';
  return chain(name, [`add @${dropSet(reason)} { ${link} counter }`, verdict]);
}
