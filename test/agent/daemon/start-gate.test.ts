import test from 'ava';
import { METHODS } from '../../../agent/control/methods.js';
import { StartGate } from '../../../agent/daemon/start-gate.js';

test('before the workloads are known, only what tells of the node is served; then everything is', (t) => {
  const gate = new StartGate(false);
  const served = Object.keys(METHODS).filter((method) => gate.refusal(method) === undefined);
  t.deepEqual(served.sort(), [
    ...['events.ack', 'events.subscribe', 'node.describe', 'node.doctor', 'session.hello', 'session.ping'],
  ]);
  t.like(gate.refusal('workload.create'), { code: 'supervisor_unavailable' });
  gate.open();
  for (const method of Object.keys(METHODS)) t.is(gate.refusal(method), undefined, method);
});
