// The naming rules of prometheus.io/docs/practices/naming and of promtool's linter, over parsed families.
import type { Parsed } from './text.js';

const BASE_UNITS = ['seconds', 'bytes', 'ratio', 'joules', 'meters', 'celsius', 'volts', 'amperes', 'grams'];
const OTHER_UNITS =
  /_(milliseconds|microseconds|nanoseconds|minutes|hours|days|kilobytes|megabytes|kib|mib|gib|bits|percent|ms|us|ns|kb|mb|gb|secs?|mins?)(_|$)/;

/** One sentence a finding; none: all is well. */
export function lintNames({ series, types, helps }: Parsed): string[] {
  const findings: string[] = [];
  for (const [name, type] of types) {
    const say = (problem: string): void => void findings.push(`${name}: ${problem}`);
    if (!name.startsWith('berth_')) say('has no prefix berth_');
    if (!/^[a-z][a-z0-9_]*$/.test(name)) say('is not snake_case');
    if (!helps.has(name)) say('has no HELP');
    else if (!/^[A-Z1].*\.?$/.test(helps.get(name) ?? '')) say('HELP is not a sentence');
    if ((type === 'counter') !== name.endsWith('_total')) say(`is a ${type}: only counters end in _total`);
    if (/_(count|sum|bucket)$/.test(name)) say('ends like a part of a histogram');
    if (/_(counter|gauge|histogram|summary|metric)(_|$)/.test(name)) say('names its own type');
    if (OTHER_UNITS.test(name)) say('has a unit that is not a base unit');
    const unit = BASE_UNITS.find((word) => new RegExp(`_${word}_`).test(name));
    if (unit !== undefined && !new RegExp(`_${unit}(_total)?$`).test(name)) say(`has its unit ${unit} in the middle`);
    if (name.endsWith('_info') && type !== 'gauge') say('is an info metric and no gauge');
  }
  for (const { name, labels } of series.values()) {
    const family = types.has(name) ? name : name.replace(/_(count|sum|bucket)$/, '');
    if (!types.has(family)) findings.push(`${name}: has no TYPE`);
    for (const label of Object.keys(labels)) {
      if (!/^[a-z][a-z0-9_]*$/.test(label)) findings.push(`${name}: label ${label} is not snake_case`);
      if (['job', 'instance', '__name__'].includes(label)) findings.push(`${name}: label ${label} is Prometheus' own`);
    }
  }
  return [...new Set(findings)];
}
