// What a version before installations had an id has tagged, of workloads that have a record: it gets the tag of this
// version where it is, and nothing of it is made anew. May be cut short anywhere; the next start goes on.
import { join } from 'node:path';
import { readTag } from '../../cgroups/tag.js';
import type { Log } from '../base/log.js';
import type { Config } from '../config/schema.js';
import type { CgroupPort } from '../limits/cgroup-port.js';
import type { WorkloadRecord } from '../model/record.js';
import type { Installation } from '../model/tags.js';
import { formerTag, NETNS_PREFIX, OWNER_PREFIX, ownerTag } from '../model/tags.js';
import type { NetworkPort } from '../network/network-port.js';
import { tagDirectory } from './steps.js';

export interface RetagPorts {
  readonly cgroups: Pick<CgroupPort, 'readTag' | 'tag'>;
  readonly network: Pick<NetworkPort, 'list' | 'retag'>;
  readonly config: Pick<Config, 'paths'>;
  readonly installation: Pick<Installation, 'id'>;
  readonly log: Pick<Log, 'info'>;
}

/** Host link -> owner tag, as they are afterwards. */
export async function retag(
  ports: RetagPorts,
  records: readonly WorkloadRecord[],
): Promise<ReadonlyMap<string, string>> {
  const { network, installation, log } = ports;
  const { links } = await network.list({ netnsPrefix: NETNS_PREFIX, ownerPrefix: OWNER_PREFIX });
  const tags = new Map(links.map(({ name, owner }) => [name, owner]));
  const wanted = records
    .map(({ id, sandbox: { netns, hostLink } }) => ({
      ...{ netns, hostLink },
      ...{ from: formerTag(id), to: ownerTag(installation.id, id) },
    }))
    // A namespace without a link is looked at each time: there is nothing on the host that would say whether it was.
    .filter(({ netns, hostLink, from }) => (hostLink === null ? netns !== null : tags.get(hostLink) === from));
  if (wanted.length > 0) await network.retag(wanted);
  let count = 0;
  for (const { hostLink, to } of wanted) {
    if (hostLink === null) continue;
    tags.set(hostLink, to);
    count += 1;
  }
  for (const { id, sandbox } of records) count += retagDirectories(ports, id, sandbox.cgroup);
  if (count > 0) log.info({ count }, 'objects of workloads got the id of this installation');
  return tags;
}

function retagDirectories({ cgroups, config, installation }: RetagPorts, id: string, cgroup: string): number {
  const to = ownerTag(installation.id, id);
  const isFormer = cgroups.readTag(cgroup) === formerTag(id);
  if (isFormer) cgroups.tag(cgroup, to);
  // Versions before this one did not tag it.
  const directory = join(config.paths.runtime, 'workloads', id);
  if (readTag(directory) === undefined) tagDirectory(directory, to);
  return isFormer ? 1 : 0;
}
