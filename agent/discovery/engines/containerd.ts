// containerd with its CRI.
import { criEngine } from './cri.js';

export const containerd = criEngine('cri-containerd');
