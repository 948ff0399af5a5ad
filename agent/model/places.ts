// Where a container finds what a spec brings along: no place twice, and none within another.
import { isWithin } from './mounts-spec.js';

interface Placed {
  readonly mounts: readonly { readonly target: string }[];
  readonly files: readonly { readonly path: string }[];
  readonly secrets: readonly { readonly path: string }[];
}

interface Place {
  readonly field: string;
  readonly path: string;
}

/** Each place that is within another one, by the field that names it. */
export function unfitPlaces({
  mounts,
  files,
  secrets,
}: Placed): { readonly field: string; readonly problem: string }[] {
  const places: readonly Place[] = [
    ...mounts.map(({ target }, at) => ({ field: `mounts.${at}.target`, path: target })),
    ...files.map(({ path }, at) => ({ field: `files.${at}.path`, path })),
    ...secrets.map(({ path }, at) => ({ field: `secrets.${at}.path`, path })),
  ];
  return places.flatMap(({ field, path }, at) => {
    // Of two at one place the later one is wrong.
    const other = places.find(
      (one, position) => position !== at && isWithin(path, one.path) && (position < at || path !== one.path),
    );
    return other === undefined ? [] : [{ field, problem: `must not be within ${other.field}, "${other.path}"` }];
  });
}
