import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, type Log, messageOf, type Timers } from '@greensward/kit';
import { isPrivateImage } from '@greensward/model/recipe';
import type { RegistryLogin } from '../uplink/data-plane.ts';
import { type RetryDeps, retrying } from './retrying.ts';

export interface DockerDeps extends RetryDeps {
  /** The docker program; undefined when the device has none. */
  readonly findProgram: () => string | undefined;
  /** The environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  /** What opens a private registry. */
  readonly registryLogin: (registry: string, signal: AbortSignal) => Promise<RegistryLogin>;
  /** A folder of our own for logins, each there only while its image is pulled. */
  readonly loginFolder: string;
  readonly log: Log;
  readonly timers: Timers;
}

/** Container images, by the docker program: no engine is spoken to in any other way. */
export interface DockerImages {
  /** The image is on the device when it resolves. One of a tag or digest that is there is not pulled again, `latest` always is. `patienceMs`: how long failures are tried again, instead of the limit. */
  provide(image: string, signal: AbortSignal, patienceMs?: number): Promise<void>;
  /** Removes an image. That it is in use, or gone, is only told to the log. */
  remove(image: string): Promise<void>;
}

/** One pull may take so long; an engine that answers nothing is given up then. */
const pullMs = 3_600_000;
const queryMs = 60_000;
const maxOutput = 64 * 1024;

export function createDockerImages(deps: DockerDeps): DockerImages {
  let logins = 0;

  async function docker(args: readonly string[], limitMs: number, signal: AbortSignal, more: DockerCall = {}) {
    const program = deps.findProgram();
    if (program === undefined) throw new Fault('DOCKER_ERROR', 'The docker program is not on the PATH of this device');
    return run(program, args, { ...deps.environment, ...more.environment }, more.input, limitMs, deps.timers, signal);
  }

  async function isPresent(image: string, signal: AbortSignal): Promise<boolean> {
    const result = await docker(['image', 'inspect', '--format', '{{.Id}}', image], queryMs, signal);
    if (result.code === 0) return true;
    if (/no such (image|object)/i.test(result.errors)) return false;
    throw faultOf('DOCKER_IMAGE_QUERY_ERROR', image, result);
  }

  async function pull(image: string, signal: AbortSignal, environment: Readonly<Record<string, string>> = {}) {
    const result = await docker(['pull', '--quiet', image], pullMs, signal, { environment });
    if (result.code !== 0) throw faultOf('DOCKER_PULL_ERROR', image, result);
  }

  async function pullPrivate(image: string, signal: AbortSignal): Promise<void> {
    const registry = image.slice(0, image.indexOf('/'));
    const { username, password } = await deps.registryLogin(registry, signal);
    // What a runtime left here that was killed.
    if (logins === 0) await rm(deps.loginFolder, { recursive: true, force: true });
    logins += 1;
    const folder = join(deps.loginFolder, String(logins));
    // Not the operator's own: a login is written to this folder in the clear, and goes with it.
    const environment = { DOCKER_CONFIG: folder };
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const login = ['login', '--username', username, '--password-stdin', registry];
      const result = await docker(login, queryMs, signal, { environment, input: password });
      if (result.code !== 0) throw faultOf('DOCKER_LOGIN_ERROR', registry, result);
      await pull(image, signal, environment);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  return {
    async provide(image, signal, patienceMs = deps.retryLimitMs) {
      await retrying({ ...deps, retryLimitMs: patienceMs }, `pull of the image ${image}`, signal, async () => {
        if (!isMoving(image) && (await isPresent(image, signal))) return;
        if (isPrivateImage(image)) await pullPrivate(image, signal);
        else await pull(image, signal);
        deps.log.info('image pulled', { image });
      });
    },
    async remove(image) {
      try {
        const result = await docker(['image', 'rm', image], queryMs, new AbortController().signal);
        if (result.code !== 0) throw faultOf('DOCKER_ERROR', image, result);
        deps.log.info('image removed', { image });
      } catch (error) {
        deps.log.warn('an image that no component needs stays', { image, reason: messageOf(error) });
      }
    },
  };
}

interface DockerCall {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** True for an image without a digest that has the tag `latest`, or none. */
function isMoving(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

interface Result {
  readonly code: number | undefined;
  /** The end of standard error. */
  readonly errors: string;
}

function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  input: string | undefined,
  limitMs: number,
  timers: Timers,
  signal: AbortSignal,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, args, { env: environment, stdio: ['pipe', 'ignore', 'pipe'] });
    let errors = '';
    let ended: unknown;
    const end = (reason: unknown) => {
      ended = reason;
      child.kill('SIGKILL');
    };
    const onAbort = () => end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const tooLong = `docker ${args[0]} did not end within ${limitMs} ms`;
    const cancel = timers.after(limitMs, () => end(new Fault('DOCKER_ERROR', tooLong, { retryable: true })));
    const done = () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    child.stderr.on('data', (part) => {
      errors = `${errors}${part}`.slice(-maxOutput);
    });
    child.once('error', (cause) => {
      done();
      reject(ended ?? new Fault('DOCKER_ERROR', `${program} cannot be started: ${messageOf(cause)}`, { cause }));
    });
    child.once('close', (code) => {
      done();
      if (ended !== undefined) reject(ended);
      else resolve({ code: code ?? undefined, errors });
    });
    child.stdin.on('error', () => {}); // It ended without reading.
    child.stdin.end(input ?? '');
  });
}

/** What the words of the program mean. Those of an engine that is away, or of a network, may be other ones later. */
function faultOf(code: string, subject: string, { code: exit, errors }: Result): Fault {
  const said = errors.trim().split('\n').at(-1) ?? '';
  const message = `docker: ${subject}: ${said === '' ? `exit code ${exit}` : said}`;
  if (/cannot connect to the docker daemon|is the docker daemon running/i.test(errors)) {
    return new Fault('DOCKER_SERVICE_UNAVAILABLE', message, { retryable: true });
  }
  if (/permission denied/i.test(errors) && /docker\.sock|daemon socket/i.test(errors)) {
    return new Fault('USER_NOT_AUTHORIZED_FOR_DOCKER', message);
  }
  if (code === 'DOCKER_PULL_ERROR' && /manifest unknown|not found|does not exist|invalid reference/i.test(errors)) {
    return new Fault('DOCKER_IMAGE_NOT_VALID', message);
  }
  const passing =
    /timeout|timed out|connection (refused|reset)|no such host|temporary failure|EOF|TLS handshake|toomanyrequests|50\d /i;
  return new Fault(code, message, { retryable: passing.test(errors) });
}
