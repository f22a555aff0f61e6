import { Fault, isRetryable } from '@greensward/kit';
import { parseRecipe } from '@greensward/model/recipe';
import { describe, expect, test } from 'vitest';
import { type ResolveDeps, resolveComponents } from './resolve-components.ts';
import { type Catalogue, fakeDataPlane, type MemoryFiles, memoryFiles } from './testing/fake-cloud.ts';

const catalogue: Catalogue = {
  App: { '1.0.0': { Lib: '^1.0.0' } },
  Lib: { '1.0.0': {}, '1.4.0': {}, '2.0.0': {} },
};
const never = new AbortController().signal;
const root = (component: string, version: string) => ({
  component,
  requirement: `==${version}`,
  requirer: 'thinggroup/line',
});

interface Bench {
  readonly deps: ResolveDeps;
  readonly files: MemoryFiles;
  /** What the cloud was asked, with the version on the device. */
  readonly asked: string[];
  /** Thrown by the next calls, one each. */
  readonly failures: Error[];
  retries: number;
}

function bench(running: Readonly<Record<string, string>> = {}): Bench {
  const files = memoryFiles();
  const plane = fakeDataPlane(catalogue, []);
  const it: Bench = {
    files,
    asked: [],
    failures: [],
    retries: 0,
    deps: {
      files,
      attributes: { os: 'linux' },
      region: 'us-east-1',
      nucleus: { component: 'aws.greengrass.Nucleus', version: '2.18.0' },
      builtins: new Map(),
      running: (name) => running[name],
      dataPlane: {
        resolve: (candidate, ...rest) => {
          it.asked.push([candidate.name, candidate.version].filter((part) => part !== undefined).join('@'));
          const failure = it.failures.shift();
          return failure === undefined ? plane.resolve(candidate, ...rest) : Promise.reject(failure);
        },
      },
      async retrying(work) {
        for (;;) {
          try {
            return await work();
          } catch (error) {
            if (!isRetryable(error)) throw error;
            it.retries += 1;
          }
        }
      },
    },
  };
  return it;
}

async function versions(it: Bench, ...roots: readonly ReturnType<typeof root>[]): Promise<string[]> {
  const resolved = await resolveComponents(roots, it.deps, never);
  return [...resolved].map(([name, { version }]) => `${name}@${version}`);
}

const down = () => new Fault('NETWORK_ERROR', 'down', { retryable: true });

async function stored(it: Bench, name: string, version: string): Promise<void> {
  const { recipe, arn } = await fakeDataPlane({ [name]: { [version]: {} } }, []).resolve(
    { name, requirements: {} },
    {},
    never,
  );
  await it.files.putRecipe(parseRecipe(recipe), arn);
}

describe('components are asked for one by one', () => {
  test('with their dependencies, which come first, and their recipes are kept', async () => {
    const it = bench();
    expect(await versions(it, root('App', '1.0.0'))).toEqual(['Lib@1.4.0', 'App@1.0.0']);
    expect(it.asked).toEqual(['App', 'Lib']);
    expect(it.files.stored()).toEqual(['App@1.0.0', 'Lib@1.4.0']);
  });

  test('case 84: with the version that runs where it fits, else with the highest on disk that does', async () => {
    const it = bench({ Lib: '1.0.0' });
    await stored(it, 'Lib', '1.0.0');
    await stored(it, 'Lib', '1.2.0');
    await versions(it, root('App', '1.0.0'));
    expect(it.asked).toEqual(['App', 'Lib@1.0.0']);
    const other = bench({ Lib: '2.0.0' });
    await stored(other, 'Lib', '1.2.0');
    await stored(other, 'Lib', '2.0.0');
    await versions(other, root('App', '1.0.0'));
    expect(other.asked).toEqual(['App', 'Lib@1.2.0']);
  });
});

describe('when the cloud does not answer', () => {
  test('case 85: it is asked again while nothing on the device fits', async () => {
    const it = bench();
    it.failures.push(down(), down());
    expect(await versions(it, root('Lib', '1.0.0'))).toEqual(['Lib@1.0.0']);
    expect(it.retries).toBe(2);
  });

  test('case 84: a version on the device stands in at once', async () => {
    const it = bench();
    await stored(it, 'Lib', '1.0.0');
    it.failures.push(down());
    expect(await versions(it, root('Lib', '1.0.0'))).toEqual(['Lib@1.0.0']);
    expect(it.retries).toBe(0);
  });

  test('a version whose recipe is damaged does not stand in: the cloud is asked again', async () => {
    const it = bench({ Lib: '1.0.0' });
    await stored(it, 'Lib', '1.0.0');
    it.files.damaged.add('Lib@1.0.0');
    it.failures.push(down());
    expect(await versions(it, root('Lib', '1.0.0'))).toEqual(['Lib@1.0.0']);
    expect(it.retries).toBe(1);
  });

  test('an abort ends it with the reason of the abort, whatever is on the device', async () => {
    const it = bench();
    await stored(it, 'Lib', '1.0.0');
    it.failures.push(down());
    const reason = new Error('cancelled');
    await expect(resolveComponents([root('Lib', '1.0.0')], it.deps, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe('what cannot be resolved', () => {
  test('names the component, who requires what, and why the cloud refused', async () => {
    const it = bench();
    it.failures.push(new Fault('RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED', 'not for you'));
    await expect(versions(it, root('App', '1.0.0'))).rejects.toMatchObject({
      code: 'NO_AVAILABLE_COMPONENT_VERSION',
      message: 'No version of App is available (thinggroup/line requires ==1.0.0)',
      cause: { message: 'not for you' },
    });
  });

  test('is found without asking when the groups disagree', async () => {
    const it = bench();
    const other = { ...root('Lib', '2.0.0'), requirer: 'thinggroup/plant' };
    await expect(versions(it, root('Lib', '1.0.0'), other)).rejects.toMatchObject({
      code: 'COMPONENT_VERSION_REQUIREMENTS_NOT_MET',
      message: expect.stringMatching(/thinggroup\/line.*thinggroup\/plant/),
    });
    expect(it.asked).toEqual([]);
  });

  test('is a recipe that is none', async () => {
    const it = bench();
    it.deps.dataPlane.resolve = async ({ name }) => ({ name, version: '1.0.0', arn: '', recipe: '{"no":1}' });
    await expect(versions(it, root('Lib', '1.0.0'))).rejects.toMatchObject({ code: 'NO_AVAILABLE_COMPONENT_VERSION' });
  });
});

test('the nucleus at the version that runs is not asked for, nor part of the set', async () => {
  const it = bench();
  expect(await versions(it, root('aws.greengrass.Nucleus', '2.18.0'), root('Lib', '1.0.0'))).toEqual(['Lib@1.0.0']);
  expect(it.asked).toEqual(['Lib']);
});
