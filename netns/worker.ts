// Entry of the worker thread; loaded by URL, never imported. It may lie beside a bundle as worker.js.
import { parentPort } from 'node:worker_threads';
import { serve } from './serve.js';

if (parentPort !== null) serve(parentPort);
