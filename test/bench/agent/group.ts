// The whole agent: what it weighs, a storm of starts on a host in the lab, and what it costs by itself when much runs.
import type { Group } from '../group.js';
import { cni } from './cni.js';
import { idle } from './idle.js';
import { startRate } from './start-rate.js';
import { storm } from './storm.js';
import { weight } from './weight.js';

export const agent: Group = {
  name: 'agent',
  what: 'the whole agent: what its package weighs, starts with and without its governor, its own cpu with 1,000 workloads',
  wrapper: [],
  parts: [weight, idle, startRate, storm, cni],
  missing: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  leftovers: () => [],
};
