// Writes the committed dashboards: `node dist/dashboards/build.js`, after a build, from the root of the checkout.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { HOST_DENSITY } from './host-density.js';
import { dashboardText } from './panels.js';
import { STARTS_PRESSURE } from './starts-pressure.js';
import { TENANTS_LICENCES } from './tenants-licences.js';

/** By file name below dashboards/. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  const tables = [HOST_DENSITY, STARTS_PRESSURE, TENANTS_LICENCES];
  return Object.fromEntries(tables.map((table) => [`${table.uid}.json`, dashboardText(table)]));
}

export function writeDashboards(directory: URL): void {
  for (const [name, text] of Object.entries(dashboardFiles())) writeFileSync(new URL(name, directory), text);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeDashboards(new URL('../../dashboards/', import.meta.url));
