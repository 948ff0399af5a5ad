import test from 'ava';
import { parseRoutes } from '../../../agent/workload/quarantine.js';

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
btabc\t0107C90A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
btabc\t0007C90A\t00000000\t0005\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t0207C90A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

test('host routes through our links, in dotted form', (t) => {
  t.deepEqual([...parseRoutes(ROUTES, 'bt')], ['10.201.7.1']);
});
