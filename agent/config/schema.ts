// Every key of /etc/berth/berth.toml, with its default and its meaning. Flags, environment names, `config default`,
// the JSON Schema and docs/configuration.md are all made from this one object.
import * as z from 'zod';
import { LOG_FORMATS } from '../base/log-lines.js';
import { duration, sizeText } from '../base/values/amounts.js';
import { cronExpression } from '../base/values/cron.js';
import { labelName, labelValue, MOST_LABELS } from '../base/values/labels.js';
import { absolutePath, cgroupPath, headerText, hostName, listenAddress } from '../base/values/places.js';
import { tenantName } from '../model/spec.js';
import { cgroupsSchema } from './cgroups.js';
import { controlSchema } from './control.js';
import { densitySchema, licenceSchema, tenantId, tenantSchema } from './density.js';
import { driversSchema } from './drivers.js';
import { enginesSchema } from './engines.js';
import { governorSchema } from './governor.js';
import { imagesSchema } from './images.js';
import { networkSchema } from './network.js';
import { placementSchema } from './placement.js';
import { pressureSchema } from './pressure.js';

export const configSchema = z.strictObject({
  version: z.literal(1).default(1).meta({ description: 'of this file format' }),
  node: z
    .strictObject({
      name: headerText.default('').meta({ description: 'name of this node; empty: the host name' }),
      labels: z
        .record(labelName, labelValue)
        .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must have at most ${MOST_LABELS} entries`)
        .default({})
        .meta({ description: 'told to schedulers' }),
    })
    .prefault({}),
  paths: z
    .strictObject({
      state: absolutePath.default('/var/lib/berth').meta({
        description:
          'journal, events, logs, images and volumes; survives a boot. berth deletes what it does not know in its directories: while no agent runs, `images`, `volumes` and `logs` may be moved to another disk, with a symbolic link in their place; no other link is followed',
      }),
      runtime: absolutePath.default('/run/berth').meta({ description: 'sockets and run files; dies with the boot' }),
      cgroup_root: cgroupPath.default('').meta({
        description:
          'cgroup directory to work below, from the mount or with it; empty: the one of berth-workloads.service, or /berth without systemd',
      }),
    })
    .prefault({}),
  web: z
    .strictObject({
      listen: listenAddress
        .default('127.0.0.1:9464')
        .meta({ description: 'address of /metrics and health; empty: none' }),
      hosts: z.array(hostName).default([]).meta({
        description:
          'names that clients may call this node by, beside its addresses, localhost, its host name and node.name',
      }),
      config_file: absolutePath.or(z.literal('')).default('').meta({
        description: "TLS and basic authentication, as in the web-config.yml of Prometheus' exporters; empty: none",
      }),
    })
    .prefault({}),
  control: controlSchema.prefault({}),
  density: densitySchema,
  governor: governorSchema.prefault({}),
  tenant: z.record(tenantName, tenantSchema).default({}).meta({ description: 'quotas and limits, one table a tenant' }),
  licence: z.record(tenantId, licenceSchema).default({}).meta({ description: 'pools of licences, one table each' }),
  cgroups: cgroupsSchema.prefault({}),
  placement: placementSchema.prefault({}),
  pressure: pressureSchema.prefault({}),
  network: networkSchema.prefault({}),
  drivers: driversSchema.prefault({}),
  images: imagesSchema.prefault({}),
  engines: enginesSchema.prefault({}),
  secrets: z
    .strictObject({
      directory: absolutePath.default('/etc/berth/secrets').meta({
        description: 'directory of the secrets: DIRECTORY/TENANT/NAME is secret NAME of tenant TENANT',
      }),
    })
    .prefault({}),
  lifecycle: z
    .strictObject({
      stop_grace: duration().default('10s').meta({ description: 'between SIGTERM and the kill' }),
      start_deadline: duration({ least: '10ms' })
        .default('120s')
        .meta({ description: 'a start that takes longer has failed' }),
      reap_schedule: cronExpression.default('* * * * *').meta({ description: 'cron expression of the orphan sweep' }),
      reap_age: duration().default('5m').meta({ description: 'an orphan younger than this is left alone' }),
      log_max: sizeText(4096).default('16Mi').meta({
        description:
          'size of one output file of a workload; berth keeps two, and at most a quarter more for the times of lines',
      }),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      interval: duration({ least: '100ms', most: '1h' })
        .default('5s')
        .meta({ description: 'between samples; a scrape serves the last one' }),
      max_series: z.number().int().min(1000).max(10_000_000).default(100_000).meta({ description: 'series at most' }),
      cadvisor: z.boolean().default(false).meta({
        description:
          'true: /metrics/cadvisor serves the figures by the names of cAdvisor (docs/coming-from-cadvisor.md)',
      }),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .meta({ description: 'the lowest level that is logged' }),
      format: z.enum(LOG_FORMATS).default('auto').meta({
        description:
          'auto: fields of the journal under systemd (`journalctl BERTH_WORKLOAD=ID`), sentences on a terminal, otherwise JSON lines',
      }),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
