// A namespace that another runtime has made: it gets a name of ours, by which audit, repair and removal find it.
import { closeSync, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { SysError } from '../../linux/errors.js';
import { enterNetwork, namespaceAt, openNamespace, visitNetwork } from '../../linux/namespace.js';
import { tagNamespace } from '../foreign.js';
import type { Host } from '../host.js';
import { bindName, openNamed } from '../namespaces.js';
import type { OpenNamespace } from '../open-namespace.js';
import { disableIpv6, enableIpv6 } from '../sysctl.js';
import type { Given } from '../types.js';
import type { Base } from './layout.js';

const { EEXIST, EINVAL, ENOENT } = constants.errno;

type Wanted = Base & { readonly netns: string; readonly given: Given };

/**
 * Opens the namespace by our name, which it gets at the first time: the path may lead elsewhere later, as /proc/PID/ns/net
 * does when the number is given again. Throws SysError: ENOENT without a namespace at the path, EINVAL for one that is not
 * meant, EEXIST where there is a link of ours already.
 */
export function provideGiven(host: Host, wanted: Wanted, afterStep: (step: string) => void): OpenNamespace {
  const { netns, given } = wanted;
  const named = openNamed(host, netns);
  if (named === undefined) {
    bindGiven(host, netns, given);
    afterStep('netns-mount');
  }
  const inside = named ?? openNamed(host, netns);
  if (inside === undefined) throw refusal(given, ENOENT, 'the namespace has lost its name');
  try {
    refuseSecond(host, inside, wanted);
    tagNamespace(host, inside.rtnl);
    return inside;
  } catch (error) {
    inside.close();
    throw error;
  }
}

/** Of our link alone: the others are not ours. Before it comes up, as `disableIpv6` explains. Throws SysError. */
export function settleIpv6(host: Host, inside: OpenNamespace, { link }: Given, { address6 }: Base): void {
  visitNetwork(
    host.home,
    () => enterNetwork(inside.fd),
    () => (address6 === null ? disableIpv6(host.procfs, link) : enableIpv6(host.procfs, link)),
  );
}

function bindGiven(host: Host, netns: string, given: Given): void {
  const { path, inode } = given;
  const at = namespaceAt(path);
  if (at === 'absent') throw refusal(given, ENOENT, 'there is no network namespace at this path');
  if (at === 'file') throw refusal(given, EINVAL, 'it is not a network namespace');
  const fd = openNamespace(path);
  try {
    // Only a network namespace can be entered as one.
    visitNetwork(
      host.home,
      () => enterNetwork(fd, path),
      () => {},
    );
    const found = fstatSync(fd).ino;
    if (found === fstatSync(host.home).ino) throw refusal(given, EINVAL, 'it is the network namespace of the host');
    if (inode !== null && found !== inode)
      throw refusal(given, EINVAL, `the path leads to another namespace by now (inode ${found}, not ${inode})`);
    bindName(host, netns, fd);
  } finally {
    closeSync(fd);
  }
}

/** Two links of ours would have the same gateway and the same default route. */
function refuseSecond(host: Host, inside: OpenNamespace, { owner, given }: Wanted): void {
  const prefix = host.settings?.tags.prefix;
  if (prefix === undefined) return;
  const others = inside.rtnl.links(({ index, alias }) => index !== 1 && alias?.startsWith(prefix) === true, {
    counters: false,
  });
  const other = others.find(({ alias }) => alias !== owner);
  if (other === undefined) return;
  const note = `the namespace has a link of berth already, ${other.name} (${other.alias})`;
  throw refusal(given, EEXIST, note);
}

function refusal({ path, link }: Given, errno: number, note: string): SysError {
  return new SysError('network namespace', errno, { path, value: link, note });
}
