// Writes the committed dashboards: `node dist/dashboards/build.js`, after a build, from the root of the checkout.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { HOST_DENSITY } from './host-density.js';
import { dashboardText } from './panels.js';

/** By file name below dashboards/. */
export function dashboardFiles(): Readonly<Record<string, string>> {
  return { 'berth-host.json': dashboardText(HOST_DENSITY) };
}

export function writeDashboards(directory: URL): void {
  for (const [name, text] of Object.entries(dashboardFiles())) writeFileSync(new URL(name, directory), text);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeDashboards(new URL('../../dashboards/', import.meta.url));
