// What each role may call, written a second time on purpose: what moves in the agent has to be meant. And a question for
// each method that the fake service answers.
import type { Role } from '../../../agent/config/control.js';
import type { MethodName } from '../../../agent/control/methods.js';
import { specOf } from './fake-service.js';

const OF_THE_SESSION = ['session.hello', 'session.ping', 'events.subscribe', 'events.ack'] as const;
const READS = [
  ...['node.describe', 'node.capacity', 'node.top', 'workload.fits', 'workload.get', 'workload.list', 'workload.logs'],
  ...['snapshot.list', 'image.list', 'engine.list', 'engine.get', 'tenant.list', 'licence.list', 'licence.audit'],
  'volume.list',
] as const as readonly MethodName[];
const CHANGES = [
  ...[
    'workload.create',
    'workload.reserve',
    'workload.release',
    'workload.update',
    'workload.patch',
    'workload.delete',
  ],
  ...[
    'workload.exec',
    'workload.copy',
    'workload.console',
    'stream.input',
    'stream.credit',
    'stream.resize',
    'stream.signal',
    'stream.close',
  ],
  'image.pull',
  ...['workload.snapshot', 'snapshot.delete'],
  ...['volume.delete', 'volume.prune'],
  ...['workload.start', 'workload.stop', 'workload.restart', 'workload.freeze', 'workload.thaw'],
] as const as readonly MethodName[];
const OPERATES = [
  ...['node.cordon', 'node.uncordon', 'node.drain', 'node.reload', 'node.cleanup', 'node.tune'],
  ...['image.delete', 'image.prune', 'cni.call', 'tenant.set', 'tenant.delete', 'licence.lease'],
] as const as readonly MethodName[];

export const ALLOWED: Readonly<Record<Role, ReadonlySet<MethodName>>> = {
  operator: new Set([...OF_THE_SESSION, ...READS, ...CHANGES, ...OPERATES, 'node.doctor']),
  tenant: new Set([...OF_THE_SESSION, ...READS, ...CHANGES]),
  viewer: new Set([...OF_THE_SESSION, ...READS, 'node.doctor']),
};

const id = 'web';
const spec = specOf(id, 'acme');
export const QUESTIONS: Readonly<Record<MethodName, object>> = {
  'session.hello': { scheduler: 'another', epoch: 1 },
  'session.ping': {},
  'node.describe': {},
  'node.capacity': {},
  'node.top': {},
  'node.cordon': {},
  'node.uncordon': {},
  'node.drain': {},
  'node.reload': {},
  'node.doctor': {},
  'node.cleanup': {},
  'node.tune': { action: 'fix' },
  'workload.fits': { spec },
  'workload.create': { spec },
  'workload.reserve': { spec },
  'workload.release': { reservation: id },
  'workload.update': { id, spec },
  'workload.patch': { id, patch: { priority: 7 } },
  'workload.delete': { id },
  'workload.get': { id },
  'workload.list': {},
  'workload.start': { id },
  'workload.stop': { id },
  'workload.restart': { id },
  'workload.freeze': { id },
  'workload.thaw': { id },
  'workload.logs': { id },
  'workload.exec': { id, command: ['true'] },
  'workload.copy': { id, direction: 'from', path: '/etc' },
  'workload.console': { id },
  'stream.input': { stream: 1, end: true },
  'stream.credit': { stream: 1, bytes: 1 },
  'stream.resize': { stream: 1, columns: 80, rows: 24 },
  'stream.signal': { stream: 1, signal: 'SIGTERM' },
  'stream.close': { stream: 1 },
  'workload.snapshot': { id },
  'snapshot.list': {},
  'snapshot.delete': { id, name: '0001' },
  'volume.list': {},
  'volume.delete': { tenant: 'acme', name: 'data' },
  'volume.prune': {},
  'image.list': {},
  'image.pull': { image: 'docker://127.0.0.1:9/none' },
  'image.delete': { image: 'docker://spare:1' },
  'image.prune': {},
  'cni.call': { command: 'VERSION' },
  'engine.list': {},
  'engine.get': { engine: 'docker' },
  'tenant.list': {},
  'tenant.set': { tenant: 'acme' },
  'tenant.delete': { tenant: 'acme' },
  'licence.list': {},
  'licence.lease': { licence: 'db', count: 1, ttl: 5000 },
  'licence.audit': {},
  'events.subscribe': {},
  'events.ack': { cursor: 0 },
};
