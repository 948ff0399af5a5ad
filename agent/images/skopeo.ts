// skopeo, which knows registries, credentials, mirrors, signatures and archives. It is run to its end in a process of lower priority
// that dies with the agent; each file that it writes has a bound, whatever a registry says of sizes.
import { codeOf, messageOf } from '../../linux/errors.js';
import { type ProgramEnd, runProgram } from '../../linux/run-program.js';
import { BerthError } from '../../protocol/errors.js';
import { type ImageReference, imageName } from '../model/image-reference.js';
import { MOST_DOCUMENT } from './manifest.js';
import { pullFailed } from './problems.js';

export interface SkopeoOptions {
  readonly which: (binary: string) => string | undefined;
  /** Empty: what the host has. */
  readonly settings: () => {
    readonly policy: string;
    readonly auth_file: string;
    readonly registries_conf: string;
  };
  /** Of proxies. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface RunLimits {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Of each file that it writes. */
  readonly mostBytes: number;
  /** For its temporary files. */
  readonly directory: string;
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What the garbage collector of its language holds to. */
const MEMORY = '256MiB';

export class Skopeo {
  readonly #options: SkopeoOptions;

  constructor(options: SkopeoOptions) {
    this.#options = options;
  }

  /** Throws `binary_missing`. Starts nothing. */
  require(): string {
    const path = this.#options.which('skopeo');
    if (path !== undefined) return path;
    throw new BerthError('binary_missing', 'this host has no program "skopeo", which fetches images', {
      data: { binary: 'skopeo' },
      hint: 'Install the package skopeo.',
    });
  }

  /** The manifest, or the index, byte for byte. Throws `image_pull_failed`, and the reason of the signal. */
  async manifest(image: ImageReference, limits: RunLimits): Promise<string> {
    return (await this.#run(['inspect', '--raw', ...this.#auth(), sourceOf(image)], image, limits)).stdout;
  }

  /** Into an OCI layout of one image at `directory`, its blobs into `blobs`. Whole blobs that are there are not fetched again. */
  async copy(image: ImageReference, directory: string, blobs: string, limits: RunLimits): Promise<void> {
    // In the name of a layout a colon ends the path.
    if (directory.includes(':'))
      throw pullFailed(imageName(image), 'paths.state has a colon, which skopeo does not take');
    const how = ['--quiet', '--dest-shared-blob-dir', blobs, '--dest-oci-accept-uncompressed-layers'];
    await this.#run(['copy', ...how, ...this.#auth(), sourceOf(image), `oci:${directory}:image`], image, limits);
  }

  async #run(args: readonly string[], image: ImageReference, limits: RunLimits): Promise<ProgramEnd> {
    const { policy, registries_conf } = this.#options.settings();
    const { deadlineMs, signal, mostBytes, directory } = limits;
    const name = imageName(image);
    const argv = [
      ...['setpriv', '--pdeathsig', 'KILL', '--', 'prlimit', `--fsize=${mostBytes}`, '--', 'nice', '-n', '10'],
      ...[
        this.require(),
        ...(policy === '' ? [] : ['--policy', policy]),
        ...(registries_conf === '' ? [] : ['--registries-conf', registries_conf]),
        '--tmpdir',
        directory,
        ...args,
      ],
    ];
    const [program = '', ...rest] = argv;
    let end: ProgramEnd;
    try {
      end = await runProgram(program, rest, { deadlineMs, signal, env: this.#env(), outputBytes: MOST_DOCUMENT });
    } catch (error) {
      signal.throwIfAborted();
      if (codeOf(error) === 'EMSGSIZE')
        throw pullFailed(name, `its manifest has more than ${MOST_DOCUMENT} bytes`, error);
      throw pullFailed(name, messageOf(error), error);
    }
    if (end.code === 0) return end;
    throw pullFailed(name, reasonOf(end));
  }

  #auth(): string[] {
    const { auth_file } = this.#options.settings();
    return auth_file === '' ? [] : ['--authfile', auth_file];
  }

  #env(): Record<string, string> {
    const { env } = this.#options;
    return {
      ...{ PATH, HOME: '/root', GOMEMLIMIT: MEMORY, GOMAXPROCS: '2' },
      ...Object.fromEntries(PROXIES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    };
  }
}

/** As skopeo names it. It takes a tag or a digest, not both; a digest of a local image is compared by berth. */
function sourceOf(image: ImageReference): string {
  if (image.transport === 'docker') return imageName(image);
  const { digest: _, ...rest } = image;
  return imageName(rest);
}

/** The message of its last line: `time="..." level=fatal msg="..."`. */
function reasonOf({ code, stderr }: ProgramEnd): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  const said = quoted === undefined ? line : unquoted(quoted);
  return said === '' ? `skopeo ended with ${code === null ? 'a signal' : `code ${code}`}` : said.slice(0, 1024);
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
