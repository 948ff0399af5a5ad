// CRI-O.
import { criEngine } from './cri.js';

export const crio = criEngine('crio');
