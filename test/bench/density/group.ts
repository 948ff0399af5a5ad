// The density room by itself: what a decision costs, however many workloads there are.
import type { Group } from '../group.js';
import { admission } from './admission.js';

export const density: Group = {
  name: 'density',
  what: 'admission decisions of the ledger on a full host',
  wrapper: [],
  parts: [admission],
  missing: () => undefined,
  leftovers: () => [],
};
