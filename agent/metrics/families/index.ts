// The families of the node, as a table: a group is a file, which says what it is made from, and a line here.
import type { Collectors } from '../collectors.js';
import { addDensityFamilies, type DensitySource } from './density.js';
import { addEngineFamilies, type EnginesSource } from './engines.js';
import { addHostFamilies, type HostSource } from './host.js';
import { addHousekeepingFamilies, type HousekeepingSource } from './housekeeping.js';
import { addImageFamilies, type ImagesSource } from './images.js';
import { addLimitFamilies, type LimitsSource } from './limits.js';
import { addNetworkFamilies, type NetworkSource } from './network.js';
import { addNodeFamilies, type NodeSource } from './node.js';
import { addSamplingFamilies, type SamplingSource } from './sampling.js';
import { addTotalFamilies, type TotalsSource } from './totals.js';
import { addVmFamilies, type VmsSource } from './vms.js';

/** What the daemon answers at a scrape; plain data, no waiting. */
export type MetricsSource = NodeSource &
  DensitySource &
  TotalsSource &
  HousekeepingSource &
  ImagesSource &
  VmsSource &
  EnginesSource &
  NetworkSource &
  LimitsSource;

/** What the sampler has seen. */
export type SampledSource = SamplingSource & HostSource;

interface Sources {
  readonly node: MetricsSource;
  readonly sampled: SampledSource;
}

export const FAMILIES: readonly ((c: Collectors, sources: Sources) => void)[] = [
  (c, { node }) => addNodeFamilies(c, node),
  (c, { node }) => addDensityFamilies(c, node),
  (c, { sampled }) => addSamplingFamilies(c, sampled),
  (c, { sampled }) => addHostFamilies(c, sampled),
  (c, { node }) => addTotalFamilies(c, node),
  (c, { node }) => addHousekeepingFamilies(c, node),
  (c, { node }) => addImageFamilies(c, node),
  (c, { node }) => addVmFamilies(c, node),
  (c, { node }) => addEngineFamilies(c, node),
  (c, { node }) => addNetworkFamilies(c, node),
  (c, { node }) => addLimitFamilies(c, node),
];
