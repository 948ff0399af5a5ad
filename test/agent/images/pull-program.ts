// A process that pulls one image and is killed meanwhile: argv is the state directory, the image, registries.conf.
import { openImages } from './fixture.js';

const [state = '', image = '', conf = ''] = process.argv.slice(2);
const { images } = await openImages(state, { registries_conf: conf });
await images.pull(image, { policy: 'missing' });
