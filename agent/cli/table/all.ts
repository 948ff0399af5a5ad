import type { Command } from '../command.js';
import { CNI_COMMANDS } from './cni.js';
import { DENSITY_COMMANDS } from './density.js';
import { ENGINE_COMMANDS } from './engines.js';
import { IMAGE_COMMANDS } from './images.js';
import { NODE_COMMANDS } from './node.js';
import { RUN_COMMANDS } from './run.js';
import { SNAPSHOT_COMMANDS } from './snapshots.js';
import { TOOL_COMMANDS } from './tools.js';
import { VOLUME_COMMANDS } from './volumes.js';
import { WORKLOAD_COMMANDS } from './workload.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...RUN_COMMANDS,
  ...WORKLOAD_COMMANDS,
  ...SNAPSHOT_COMMANDS,
  ...VOLUME_COMMANDS,
  ...IMAGE_COMMANDS,
  ...DENSITY_COMMANDS,
  ...NODE_COMMANDS,
  ...ENGINE_COMMANDS,
  ...CNI_COMMANDS,
  ...TOOL_COMMANDS,
];
