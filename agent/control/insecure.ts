// Schedulers whose connection others can read and change, because the operator allows it.
import { isReadable } from '../base/values/places.js';
import type { Config } from '../config/schema.js';
import type { Condition } from '../model/condition.js';

export function insecureSchedulers(schedulers: Config['control']['scheduler']): Condition[] {
  const ids = schedulers.filter(({ url }) => isReadable(url)).map(({ id }) => id);
  if (ids.length === 0) return [];
  return [
    {
      ...{ code: 'scheduler_insecure', severity: 'warning' },
      title: 'The connection to a scheduler is not encrypted',
      why: `control.scheduler ${ids.join(', ')}: whoever is on the way can read what is sent, and command this node`,
      fix: 'Use wss:// with ca_file, and remove insecure = true.',
    },
  ];
}
