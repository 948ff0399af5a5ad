// The whole agent: a storm of starts on a host in the lab, and what it costs by itself when much runs.
import type { Group } from '../group.js';
import { idle } from './idle.js';
import { startRate } from './start-rate.js';
import { storm } from './storm.js';

export const agent: Group = {
  name: 'agent',
  what: 'the whole agent: starts with and without its governor, and its own cpu with 1,000 workloads',
  wrapper: [],
  parts: [idle, startRate, storm],
  missing: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  leftovers: () => [],
};
