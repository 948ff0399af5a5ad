// Sysctls below /proc/sys/net. The kernel shows there the namespace of the thread that looks (net/sysctl_net.c), so a
// synchronous write while visiting a namespace changes that one.
import { writeFileSync } from 'node:fs';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import type { Procfs } from '../linux/procfs.js';

/** Lets the namespace route between its links. Throws SysError. */
export function enableForwarding(proc: Procfs, options: { readonly ipv6: boolean }): void {
  write(proc, '/net/ipv4/ip_forward', '1');
  if (options.ipv6) write(proc, '/net/ipv6/conf/all/forwarding', '1');
}

/**
 * Turns IPv6 off for one link, or with `all` for every link of the namespace, present and future. It must be done
 * before the link comes up: each IPv6 link otherwise joins MLD groups and floods DAD and router solicitations over
 * all others, which makes the creation of n sandboxes cost n squared. A kernel without IPv6 is fine.
 */
export function disableIpv6(proc: Procfs, link: string): void {
  try {
    write(proc, `/net/ipv6/conf/${link}/disable_ipv6`, '1');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * IPv6 with the addresses that are given and no others: no router advertisements, none made up (addr_gen_mode 1), no
 * duplicate address detection, whose second of silence would delay every start. With `all` for links to come, too.
 * Throws SysError; ENOENT on a kernel without IPv6.
 */
export function enableIpv6(proc: Procfs, link: string): void {
  for (const scope of link === 'all' ? ['all', 'default'] : [link]) {
    const directory = `/net/ipv6/conf/${scope}`;
    write(proc, `${directory}/disable_ipv6`, '0');
    write(proc, `${directory}/accept_ra`, '0');
    write(proc, `${directory}/accept_dad`, '0');
    if (scope !== 'all') write(proc, `${directory}/addr_gen_mode`, '1');
  }
}

/**
 * Lets the host's loopback clients (`curl 127.0.0.1:PORT`) reach a port that this link's workload publishes: the kernel
 * otherwise takes 127.0.0.0/8 on any link for a martian. The packet filter drops such packets from the link itself.
 */
export function routeLoopback(proc: Procfs, link: string): void {
  write(proc, `/net/ipv4/conf/${link}/route_localnet`, '1');
}

/** TCP keeps no measurements of peers after a connection, so that there is nothing to forget. Throws SysError. */
export function keepNoMetrics(proc: Procfs): void {
  write(proc, '/net/ipv4/tcp_no_metrics_save', '1');
}

/**
 * Whatever user may listen below port 1024 and send pings: the network is the workload's own, as under Docker. In every
 * namespace, as a container's runtime would set it and the next one in a namespace that is used again must find nothing else.
 */
export function openToUsers(proc: Procfs): void {
  write(proc, '/net/ipv4/ip_unprivileged_port_start', '0');
  write(proc, '/net/ipv4/ping_group_range', '0 2147483647');
}

function write(proc: Procfs, name: string, value: string): void {
  const path = `${proc.root}/sys${name}`;
  try {
    writeFileSync(path, value, { flag: 'r+' });
  } catch (error) {
    throw sysErrorFrom(error, 'write', `/proc/sys${name}`, value);
  }
}
