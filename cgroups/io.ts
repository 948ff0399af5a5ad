// The io controller: weights, rates and latency by device, and io.stat.
import type { Controller } from './controller.js';
import type { CgroupStats, DeviceLimits, Limits, Value } from './types.js';

export const io: Controller = {
  name: 'io',
  // A line that says this is not printed; a device that follows the default has no weight of its own.
  defaults: {
    'io.weight': 'default',
    'io.max': 'rbps=max wbps=max riops=max wiops=max',
    'io.latency': 'target=0',
  },
  optional: {
    'io.weight': 'CONFIG_BLK_CGROUP_IOCOST',
    'io.max': 'CONFIG_BLK_DEV_THROTTLING',
    'io.latency': 'CONFIG_BLK_CGROUP_IOLATENCY',
  },
  values(limits: Limits): Value[] {
    const { weight, devices = [] } = limits.io ?? {};
    return [
      ...(weight === undefined ? [] : [{ file: 'io.weight', value: `default ${weight}` }]),
      ...devices.flatMap(deviceValues),
    ];
  },
};

function deviceValues({ device, readBps, writeBps, readIops, writeIops, weight, latencyUsec }: DeviceLimits): Value[] {
  const values: Value[] = [];
  if (weight !== undefined) values.push({ file: 'io.weight', value: `${device} ${weight}` });
  if ((readBps ?? writeBps ?? readIops ?? writeIops) !== undefined) {
    // All four, so that one that is taken away is lifted: the kernel leaves alone what is not named.
    const rates = `rbps=${readBps ?? 'max'} wbps=${writeBps ?? 'max'} riops=${readIops ?? 'max'} wiops=${writeIops ?? 'max'}`;
    values.push({ file: 'io.max', value: `${device} ${rates}` });
  }
  if (latencyUsec !== undefined) values.push({ file: 'io.latency', value: `${device} target=${latencyUsec}` });
  return values;
}

const BLANK = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;
const ZERO = 0x30;
const LETTER_B = 0x62;
const LETTER_I = 0x69;
const LETTER_O = 0x6f;
const LETTER_R = 0x72;
const LETTER_W = 0x77;

/**
 * io.stat: `8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=0 dios=0` for each device. A device that saw
 * nothing has only its number, or is not there; the cost model adds further words.
 */
export function parseIoStat(bytes: Uint8Array, end: number = bytes.length): NonNullable<CgroupStats['io']> {
  const totals = { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 };
  let word = 0;
  for (let at = 0; at < end; at++) {
    const byte = bytes[at];
    if (byte === BLANK || byte === NEWLINE) word = at + 1;
    if (byte !== EQUALS) continue;
    let value = 0;
    for (at++; at < end; at++) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    // rbytes, wbytes, rios, wios: their letters tell them from all others (`win` is a word of io.latency).
    const direction = bytes[word];
    const isBytes = bytes[word + 1] === LETTER_B;
    if (isBytes || (bytes[word + 1] === LETTER_I && bytes[word + 2] === LETTER_O)) {
      if (direction === LETTER_R && isBytes) totals.readBytes += value;
      else if (direction === LETTER_W && isBytes) totals.writeBytes += value;
      else if (direction === LETTER_R) totals.reads += value;
      else if (direction === LETTER_W) totals.writes += value;
    }
    word = at + 1;
  }
  return totals;
}

/** io.cost.qos of the root: whether the cost model, which io.weight needs, is at work, by device. */
export function parseCostEnabled(text: string): Map<string, boolean> {
  const devices = new Map<string, boolean>();
  for (const line of text.split('\n')) {
    const [device = '', ...settings] = line.trim().split(' ');
    if (/^\d+:\d+$/.test(device)) devices.set(device, settings.includes('enable=1'));
  }
  return devices;
}
