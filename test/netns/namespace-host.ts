// A namespace of a test's own that plays the host, so that what a test does to routes and tables harms nobody.
import { closeSync } from 'node:fs';
import { enterNetwork, openNamespace, visitNetwork } from '../../linux/namespace.js';
import { type Host, openHost } from '../../netns/host.js';
import { namespacePath } from '../../netns/namespaces.js';

/** Opens the room's host in the namespace `netns`, which must exist. */
export function openHostIn(netns: string): Host {
  const home = openNamespace();
  const fd = openNamespace(namespacePath(netns));
  try {
    return visitNetwork(home, () => enterNetwork(fd, netns), openHost);
  } finally {
    closeSync(fd);
    closeSync(home);
  }
}
