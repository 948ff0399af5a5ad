// One life of the soak: creates, updates and removes sandboxes of every kind at random until it is killed. Arguments:
// digit of the names, pid in the names, seed. Prints one letter for each finished operation.
import { removalOf } from '../../netns/defaults.js';
import { openNetworkRoom } from '../../netns/index.js';
import { SOAK_SIZE, soakNetwork, soakSettings } from './soak.js';

const [, , pid = '', seedText = '1'] = process.argv;
const settings = soakSettings(Number(pid));
const room = openNetworkRoom({
  onCrash: (error) => {
    console.error(error);
    process.exit(3);
  },
});
let seed = Number(seedText);
/** A linear congruential generator: the same seed, the same life. */
const random = (below: number): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((seed / 2 ** 31) * below);
};

await room.setup(settings);
process.stdout.write('\n');
const lane = async (of: number): Promise<never> => {
  for (;;) {
    const number = of + 4 * random(SOAK_SIZE / 4);
    const variant = random(8);
    const network = soakNetwork(Number(pid), number, variant);
    await room.create(network);
    process.stdout.write('c');
    if (random(3) === 0) {
      await room.update(network, soakNetwork(Number(pid), number, variant ^ 4));
      process.stdout.write('u');
    }
    if (random(8) !== 0) {
      // Another variant's firewall elements are the audit's to find: here, what was created is what is removed.
      await room.remove(removalOf(network, { recycle: false }));
      process.stdout.write('d');
    }
  }
};
await Promise.all([lane(0), lane(1), lane(2), lane(3)]);
