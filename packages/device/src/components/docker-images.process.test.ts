// No docker engine is needed: the program is one of ours that records how it was called. What it prints are docker's own words.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ids, silentLog } from '@greensward/kit';
import { systemTimers } from '@greensward/kit/node';
import { parseRecipe } from '@greensward/model/recipe';
import { until } from '@greensward/testkit/until';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createComponentFiles } from './component-files.ts';
import { createDockerImages } from './docker-images.ts';
import { onlyFiles } from './testing/only-files.ts';

const never = new AbortController().signal;
const ids: Ids = { uuid: () => 'id', random: (bytes) => new Uint8Array(bytes) };
const privateImage = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/vision:3.1';

let folder: string;
let program: string | undefined;
let waits: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'greensward-docker-'));
  program = join(folder, 'docker');
  waits = [];
  await behave('exit 0');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A `docker` that records its arguments, its standard input and the folder of its configuration, then does `script`. */
async function behave(script: string): Promise<void> {
  const record = join(folder, 'calls');
  const text = `#!/bin/sh
printf '%s|' "$@" >>${record}
if [ "$1" = login ]; then printf 'stdin=%s|' "$(cat)" >>${record}; fi
if [ -n "$DOCKER_CONFIG" ]; then printf 'config=%s' "$(stat -c %a "$DOCKER_CONFIG")" >>${record}; fi
echo >>${record}
${script}
`;
  await writeFile(join(folder, 'docker'), text);
  await chmod(join(folder, 'docker'), 0o755);
}

async function calls(): Promise<string[]> {
  const text = await readFile(join(folder, 'calls'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

function images() {
  return createDockerImages({
    findProgram: () => program,
    environment: { PATH: process.env['PATH'] ?? '' },
    registryLogin: async (registry) => ({ username: 'AWS', password: `password of ${registry}` }),
    loginFolder: join(folder, 'login'),
    log: silentLog,
    timers: {
      monotonic: systemTimers.monotonic,
      after: (ms, task) => {
        // Pauses of the retries are passed over, time limits are not.
        if (ms < 60_000) waits.push(ms);
        return systemTimers.after(ms < 60_000 ? 0 : ms, task);
      },
    },
    ids,
    retryLimitMs: 600_000,
  });
}

describe('an image', () => {
  test('that is there is not pulled again, by tag or digest', async () => {
    await images().provide('acme/beacon:1.0', never);
    await images().provide(`acme/beacon@sha256:${'0'.repeat(64)}`, never);
    expect(await calls()).toEqual([
      'image|inspect|--format|{{.Id}}|acme/beacon:1.0|',
      `image|inspect|--format|{{.Id}}|acme/beacon@sha256:${'0'.repeat(64)}|`,
    ]);
  });

  test('that is not there is pulled', async () => {
    await behave('if [ "$1" = image ]; then echo "Error: No such image: $5" >&2; exit 1; fi');
    await images().provide('localhost:5000/acme/beacon:1.0', never);
    expect((await calls()).at(-1)).toBe('pull|--quiet|localhost:5000/acme/beacon:1.0|');
  });

  test.each(['alpine', 'alpine:latest', 'localhost:5000/alpine'])(
    '%s may have moved: it is pulled each time',
    async (name) => {
      await images().provide(name, never);
      expect(await calls()).toEqual([`pull|--quiet|${name}|`]);
    },
  );

  test('of a private registry is pulled with a login of its own, whose password is in no argument and stays nowhere', async () => {
    await behave('if [ "$1" = image ]; then echo "Error: No such image" >&2; exit 1; fi');
    await images().provide(privateImage, never);
    const registry = privateImage.split('/')[0];
    expect((await calls()).slice(1)).toEqual([
      `login|--username|AWS|--password-stdin|${registry}|stdin=password of ${registry}|config=700`,
      `pull|--quiet|${privateImage}|config=700`,
    ]);
    expect(await readdir(join(folder, 'login'))).toEqual([]);
  });
});

describe('what docker says becomes', () => {
  const failing = (words: string) => `if [ "$1" = pull ]; then echo '${words}' >&2; exit 1; fi`;
  test.each([
    ['Error response from daemon: manifest for acme/x:latest not found: manifest unknown', 'DOCKER_IMAGE_NOT_VALID'],
    [
      'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      'USER_NOT_AUTHORIZED_FOR_DOCKER',
    ],
    ['Error response from daemon: something else', 'DOCKER_PULL_ERROR'],
  ])('%s: %s, at once', async (words, code) => {
    await behave(failing(words));
    await expect(images().provide('acme/x', never)).rejects.toMatchObject({
      code,
      message: `docker: acme/x: ${words}`,
    });
    expect(waits).toEqual([]);
  });

  test('another try where an engine or a network may come back', async () => {
    const words = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?';
    const back = join(folder, 'back');
    await behave(`if [ ! -e ${back} ]; then touch ${back}; echo '${words}' >&2; exit 1; fi`);
    await images().provide('acme/x', never);
    expect((await calls()).length).toBe(2);
    expect(waits.length).toBe(1);
  });

  test('a failed login', async () => {
    await behave(
      'case "$1" in image) echo "No such image" >&2; exit 1;; login) echo "unauthorized" >&2; exit 1;; esac',
    );
    const failed = images().provide(privateImage, never);
    await expect(failed).rejects.toMatchObject({ code: 'DOCKER_LOGIN_ERROR' });
    await expect(failed).rejects.not.toThrow('password of');
    expect(await readdir(join(folder, 'login'))).toEqual([]);
  });
});

test('a device without docker says so', async () => {
  program = undefined;
  await expect(images().provide('acme/x', never)).rejects.toMatchObject({ code: 'DOCKER_ERROR' });
});

test('an abort ends the program and rejects with the reason', async () => {
  await behave('exec sleep 600');
  const abort = new AbortController();
  const pulled = images().provide('acme/x', abort.signal);
  pulled.catch(() => {});
  await until('docker runs', async () => (await calls()).length > 0);
  abort.abort(new Error('cancelled'));
  await expect(pulled).rejects.toThrow('cancelled');
});

test('component files pull the images of a recipe, and remove those that no kept version uses', async () => {
  const platform = {
    attributes: () => ({ os: 'linux' }),
    setPermission: async () => {},
    freeSpace: async () => 1e12,
    findExecutable: (name: string) => (name === 'docker' ? program : undefined),
  };
  const dataPlane = {
    artifactUrl: async () => '',
    size: async () => 0,
    download: async () => (async function* () {})(),
  };
  const environment = { PATH: process.env['PATH'] ?? '' };
  const deps = {
    ...onlyFiles,
    root: folder,
    platform,
    dataPlane,
    environment,
    timers: systemTimers,
    ids,
    log: silentLog,
  };
  const files = createComponentFiles(deps);
  const recipeOf = (version: string, ...uris: string[]) =>
    parseRecipe(
      JSON.stringify({
        RecipeFormatVersion: '2020-01-25',
        ComponentName: 'com.example.A',
        ComponentVersion: version,
        Manifests: [{ Artifacts: uris.map((Uri) => ({ Uri })) }],
      }),
    );
  for (const recipe of [recipeOf('1.0.0', 'docker:a:1', 'docker:b:1'), recipeOf('2.0.0', 'docker:b:1', 'docker:c')]) {
    await files.putRecipe(recipe, 'arn');
    await files.fetchArtifacts([{ recipe, arn: 'arn' }], never);
  }
  expect((await calls()).filter((call) => call.startsWith('pull'))).toEqual(['pull|--quiet|c|']);
  // Resolved, but never loaded: its image may be someone else's.
  await files.putRecipe(recipeOf('3.0.0', 'docker:d:1'), 'arn');
  await files.prune(new Set(['com.example.A@2.0.0']));
  expect((await calls()).filter((call) => call.startsWith('image|rm'))).toEqual(['image|rm|a:1|']);
  expect(await stat(join(folder, 'packages', 'recipes'))).toBeDefined();
});
