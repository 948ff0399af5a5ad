// The delegated subtree, as small as it is used.
import type { Tree } from '../../cgroups/tree.js';

/** The delegated subtree; names are `TENANT/ID`. */
export type CgroupPort = Pick<
  Tree,
  | 'root'
  | 'controllers'
  | 'missing'
  | 'path'
  | 'create'
  | 'createInside'
  | 'tag'
  | 'readTag'
  | 'apply'
  | 'read'
  | 'lines'
  | 'differences'
  | 'shrinkMemory'
  | 'reclaimMemory'
  | 'freeze'
  | 'thaw'
  | 'kill'
  | 'populated'
  | 'processes'
  | 'waitEmpty'
  | 'waitFrozen'
  | 'remove'
  | 'removeTenant'
  | 'list'
  | 'leaks'
  | 'dying'
>;
