// The images of this node.
import { which } from '../../host/which.js';
import { Images } from '../../images/images.js';
import type { RunApart } from '../../images/unpacker.js';
import { type Ground, tellDamaged } from './ground.js';

export async function openImages(
  { config, events, late, log }: Omit<Ground, 'images'>,
  run: RunApart,
): Promise<Images> {
  const images = new Images({
    ...{ state: config.paths.state, which, events, env: process.env, run },
    settings: () => config.images,
    users: () => late.images(),
  });
  await images.open(tellDamaged({ events, log }));
  return images;
}
