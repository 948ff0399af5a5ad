// A workload that begins with the snapshot of another one. It has an identity of its own; what the guest takes for its address stays
// in its namespace, which translates.
import { BerthError } from '../../protocol/errors.js';
import type { Sandbox } from '../model/record.js';
import { type Saved, templateOf } from '../model/snapshot.js';
import type { WorkloadSpec } from '../model/spec.js';
import type { SnapshotPort } from './ports.js';
import { type FitPorts, requireFit, snapshotsOf } from './saving.js';

const KEPT = 'A clone needs a snapshot made with --keep-running: `berth workload snapshots` lists them.';

export interface TemplatePorts extends FitPorts {
  readonly snapshots: Pick<SnapshotPort, 'get' | 'verify'>;
}

/** Throws `snapshot_damaged` for a template that is not there or of another tenant, `snapshot_incompatible` for one that does not fit. */
export async function requireTemplate(spec: WorkloadSpec, ports: TemplatePorts): Promise<void> {
  const template = templateOf(spec);
  if (template === undefined) return;
  const { of, name } = template;
  const boot = `Leave \`${spec.driver}.snapshot\` out of the specification: the workload then boots.`;
  const problem = snapshotsOf({ id: spec.id, spec }, ports.drivers).problem(spec, false);
  if (problem !== undefined) throw unusable(template, problem, boot);
  const found = ports.snapshots.get(of, name);
  // Of another tenant no more is told than of one that is not there.
  if (found?.tenant !== spec.tenant)
    throw new BerthError('snapshot_damaged', `tenant "${spec.tenant}" has no snapshot ${of}/${name} on this node`, {
      hint: 'See `berth workload snapshots`.',
      data: { workload: of, name },
    });
  if (!found.live)
    throw unusable(template, 'it is the state of a suspended workload, which only that workload can use', KEPT);
  if (found.address6 !== null)
    throw unusable(template, 'its guest has an IPv6 address, which berth does not translate', boot);
  await requireFit({ spec }, template, ports);
}

/** For the sandbox of a clone; nothing for any other. */
export function guestAddressOf(
  spec: WorkloadSpec,
  { snapshots }: { readonly snapshots: Pick<SnapshotPort, 'get'> },
): Pick<Sandbox, 'guestAddress'> {
  const template = templateOf(spec);
  const address = template && snapshots.get(template.of, template.name)?.address;
  return address == null ? {} : { guestAddress: address };
}

/** What the record of a clone says before its process is started; undefined: it is none. */
export function cloned(spec: WorkloadSpec): Saved | undefined {
  const template = templateOf(spec);
  return template && { ...template, phase: 'waiting', address: null, address6: null };
}

function unusable({ of, name }: Pick<Saved, 'of' | 'name'>, problem: string, hint: string): BerthError {
  return new BerthError('snapshot_incompatible', `no workload can begin with snapshot ${of}/${name}: ${problem}`, {
    hint,
    data: { workload: of, name },
  });
}
