import { type Log, messageOf } from '@greensward/kit';
import { parseRecipe, type Recipe } from '@greensward/model/recipe';
import type { ComponentFiles } from '../components/components.ts';
import type { ComponentStatus } from '../lifecycle/lifecycle.ts';
import type { ComponentSet, SetEntry } from '../store/records.ts';
import { type BuiltSpecs, buildSpecs, type SpecContext } from './specs.ts';

interface LoaderDeps {
  readonly files: Pick<ComponentFiles, 'recipe'>;
  readonly specContext: (recipe: SpecContext['recipe']) => SpecContext;
  readonly log: Log;
}

/** Makes what can run of a component set, from the recipes on disk, and remembers what cannot of the set that runs. */
export class SetLoader {
  private readonly deps: LoaderDeps;
  private unable: readonly ComponentStatus[] = [];

  constructor(deps: LoaderDeps) {
    this.deps = deps;
  }

  /** Components of the set loaded last that cannot even be given to the lifecycle, because their recipe is lost: BROKEN. */
  unloadable(): readonly ComponentStatus[] {
    return this.unable;
  }

  /** Only to look at. */
  async read(set: ComponentSet): Promise<BuiltSpecs> {
    const recipes = new Map<string, () => Recipe | undefined>();
    const read = async ({ name, version, recipe: own }: SetEntry) => {
      try {
        // That of a local deployment is part of the set, which may not be the one that is stored now.
        const found = own === undefined ? (await this.deps.files.recipe(name, version))?.recipe : parseOwn(own);
        recipes.set(name, () => found);
      } catch (error) {
        recipes.set(name, () => {
          throw error;
        });
      }
    };
    await Promise.all([...set.values()].map(read));
    return buildSpecs(
      set,
      this.deps.specContext((name) => recipes.get(name)?.()),
    );
  }

  /** To run it. */
  async load(set: ComponentSet): Promise<BuiltSpecs> {
    const built = await this.read(set);
    this.unable = [...built.failed].map(([name, error]) => {
      const version = set.get(name)?.version ?? '';
      const reason = messageOf(error);
      this.deps.log.error('a component cannot start', { component: name, version, reason });
      return { name, version, state: 'BROKEN', statusCodes: ['INSTALL_IO_ERROR'], reason, changedAt: 0 };
    });
    return built;
  }
}

function parseOwn(text: string): Recipe {
  return parseRecipe(text, { localFiles: true });
}
