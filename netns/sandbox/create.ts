// The recipe of one sandbox; its picture is in layout.ts. Every step may be repeated, so that `create` completes what a
// crash left and mends what someone changed.
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { applyEntries, type Before, forgetUntrue } from '../firewall/index.js';
import { refuseForeign, tagNamespace } from '../foreign.js';
import type { Host } from '../host.js';
import { keepNamespace } from '../in-use.js';
import { openNamed, provideNamespace } from '../namespaces.js';
import { innerNameOf, isOurs } from '../ownership.js';
import { applyBandwidth } from '../shaping/index.js';
import { isFreeTag } from '../slots/held.js';
import { disableIpv6, routeLoopback } from '../sysctl.js';
import { keepTap } from '../tap-in-use.js';
import type { SandboxNetwork, Use } from '../types.js';
import { assertNetns, assertSandbox } from '../validate.js';
import { type AfterStep, provideBase } from './base.js';
import { guardGuest } from './clone.js';
import { provideHostRoute, up } from './face.js';
import { layoutOf } from './layout.js';

const LOOPBACK_INDEX = 1;
const { EEXIST } = constants.errno;

export interface CreateOptions {
  readonly afterStep?: AfterStep;
  /** Something runs in it: what that holds is mended, never made anew. */
  readonly use?: Use | undefined;
}

/**
 * Makes, completes or mends the sandbox; must run on the thread that opened `host`. The firewall is closed to a link
 * of which it knows nothing, so it comes last: no packet passes a half-made sandbox. Throws SysError; EEXIST when the
 * link name, the tap name, the route or the name of the namespace belongs to someone else, ENODEV for a bridge that is not there, EBUSY when
 * something holds what would have to be made anew.
 */
export function createSandbox(host: Host, network: SandboxNetwork, options: CreateOptions = {}): void {
  const { afterStep = () => {}, use } = options;
  assertSandbox(network);
  refuseForeignLink(host, network);
  const { hostLink, owner, mtu, bandwidth, netns } = network;
  if (netns !== null) {
    refuseForeign(host, { netns, hostLink, owner });
    keepNamespace(host, { netns, hostLink, owner }, use);
    keepTap(host, { ...network, netns }, use);
  }
  const { link, fresh } = provideBase(host, network, afterStep, (inside) => {
    guardGuest(host, inside, network);
    afterStep('clone');
  });
  applyBandwidth(host, { hostLink, owner, mtu, bandwidth }, fresh ? { fresh: link.index } : {});
  afterStep('shaping');
  for (const way of layoutOf(network).host.routes) provideHostRoute(host, link, way);
  afterStep('host-route');
  openFirewall(host, network, fresh ? 'new' : 'unknown');
  afterStep('firewall');
}

/** Changes bandwidth and firewall of a sandbox that runs. Throws SysError. */
export function updateSandbox(host: Host, from: SandboxNetwork, to: SandboxNetwork): void {
  assertSandbox(to);
  const { hostLink, owner, mtu, bandwidth } = to;
  applyBandwidth(host, { hostLink, owner, mtu, bandwidth });
  openFirewall(host, to, from);
}

/** The elements of a sandbox, instead of what was before. Without settings there is no table yet. */
export function openFirewall(host: Host, network: SandboxNetwork, before: Before): void {
  if (host.settings === undefined) return;
  if (network.firewall.ports.length > 0) routeLoopback(host.procfs, network.hostLink);
  const remove = typeof before === 'string' ? [] : [before];
  applyEntries(host, host.settings.table, { add: [network], remove });
  forgetUntrue(host, before, network);
}

/** Makes or completes a namespace with nothing but loopback. Throws SysError. */
export function createIsolated(host: Host, netns: string): void {
  assertNetns(netns);
  refuseForeign(host, { netns, hostLink: null, owner: '' });
  const inside = provideNamespace(
    host,
    netns,
    (rtnl) => {
      tagNamespace(host, rtnl);
      disableIpv6(host.procfs, 'all');
    },
    () => {},
  );
  try {
    inside.rtnl.transact([up(LOOPBACK_INDEX, 'lo')]);
  } finally {
    inside.close();
  }
}

function refuseForeignLink(host: Host, network: SandboxNetwork): void {
  const link = host.rtnl.link({ name: network.hostLink });
  if (link === undefined || link.alias === network.owner) return;
  // A slot that was handed out, and then the thread died.
  if (host.settings !== undefined && isFreeTag(host.settings, link.alias)) return;
  const inside = network.netns === null ? undefined : openNamed(host, network.netns);
  try {
    if (isOurs(link, network.owner, inside, innerNameOf(network))) return;
  } finally {
    inside?.close();
  }
  const holder = link.alias === undefined ? 'something without an owner tag' : JSON.stringify(link.alias);
  const note = `a link of this name belongs to ${holder}`;
  throw new SysError('RTM_NEWLINK', EEXIST, { path: network.hostLink, value: network.owner, note });
}
