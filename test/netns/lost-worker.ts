// The room's worker on a host whose way back is a descriptor that does not exist.
import { parentPort } from 'node:worker_threads';
import { openHost } from '../../netns/host.js';
import { serve } from '../../netns/serve.js';

if (parentPort !== null) serve(parentPort, { ...openHost(), home: 1_000_000 });
