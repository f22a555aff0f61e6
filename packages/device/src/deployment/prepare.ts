import { Fault, type JsonObject } from '@greensward/kit';
import { applyUpdate, emptyConfiguration, formatSource, toJson, withValues } from '@greensward/model/configuration';
import { type DeploymentDocument, type DocumentComponent, groupOf } from '@greensward/model/deployment-document';
import { interpolateConfiguration } from '@greensward/model/interpolate';
import { formatRecipe, type Recipe } from '@greensward/model/recipe';
import type { ComponentFiles } from '../components/components.ts';
import type { ComponentSet, GroupRecord, RunWith, SetEntry } from '../store/records.ts';
import type { DataPlane } from '../uplink/data-plane.ts';
import { requireImageServices } from './image-services.ts';
import { type Resolution, type ResolveDeps, resolveComponents } from './resolve-components.ts';
import { groupsAfter, rootsOf, sourcesOf } from './roots.ts';
import type { RuntimeBuild, RuntimeBuilds } from './runtime-builds.ts';
import { buildOf } from './runtime-update.ts';
import { buildSpecs, type SpecContext } from './specs.ts';

/** What preparing a deployment needs. */
export interface PrepareDeps extends ResolveDeps {
  readonly dataPlane: Pick<DataPlane, 'resolve' | 'thingGroups'>;
  readonly files: Pick<ComponentFiles, 'putRecipe' | 'recipe' | 'versions' | 'fetchArtifacts'>;
  readonly specContext: (recipe: SpecContext['recipe']) => SpecContext;
  /**
   * Looks at what the runtime itself would be configured with, on top of its config.yaml, and tries what it would reach its cloud by.
   *
   * @throws Fault that names the key, the user or the address.
   */
  readonly checkNucleus: (overrides: JsonObject, signal: AbortSignal) => Promise<void>;
  readonly settings: () => MergeSettings;
  readonly builds: Pick<RuntimeBuilds, 'check'>;
}

/** Parameters of the runtime that decide how a deployment's configuration is taken. */
export interface MergeSettings {
  /** The time that merged values are written at, for a document of this creation time; both epoch ms. */
  mergeTime(created: number): number;
  /** `interpolateComponentConfiguration`, where deployments set these parameters of the runtime. @throws Fault that names the key. */
  interpolates(overrides: JsonObject): boolean;
}

/** What a deployment says about a component. */
type Update = Omit<DocumentComponent, 'version'>;

/** The device as a deployment wants it. */
export interface Prepared {
  /** The set over what the device has at the moment of the change: components may write their configuration until then. */
  setOver(current: ComponentSet): readonly SetEntry[];
  readonly groups: Readonly<Record<string, GroupRecord>>;
  /** The build that the runtime is to become. */
  readonly runtime?: RuntimeBuild;
}

const knownCapabilities: ReadonlySet<string> = new Set(['LINUX_RESOURCE_LIMITS', 'SUB_DEPLOYMENTS']);

/**
 * Everything of a deployment that changes nothing: who the device belongs to, which versions, their files, and their
 * configuration. What is wrong with a deployment is found here, while the old components run on.
 *
 * `onResolved` is told the versions (`name@version`) once they are known. Nothing goes on in the background when it has ended.
 *
 * @throws Fault with a `DeploymentErrorCode`; the signal's reason when it aborts.
 */
export async function prepare(
  document: DeploymentDocument,
  current: ComponentSet,
  groups: ReadonlyMap<string, GroupRecord>,
  deps: PrepareDeps,
  signal: AbortSignal,
  onResolved: (versions: readonly string[]) => void,
): Promise<Prepared> {
  requireCapabilities(document);
  const membership = await deps.retrying(() => deps.dataPlane.thingGroups(signal), signal);
  const after = groupsAfter(document, groupOf(document), groups, membership);
  const resolved = await resolveComponents(rootsOf(after), deps, signal);
  refuseUpdatesOfNothing(document, resolved, deps.nucleus);
  onResolved([...resolved].map(([name, { version }]) => `${name}@${version}`));
  requireImageServices(resolved, deps.attributes);
  const loaded = [...resolved].flatMap(([name, resolution]) => (deps.builtins.has(name) ? [] : [resolution]));
  await deps.files.fetchArtifacts(loaded, signal);
  // That of a local deployment is the device's own word for the cloud's time.
  const timestamp =
    document.local === undefined ? deps.settings().mergeTime(document.creationTimestamp) : document.creationTimestamp;
  const setOver = (over: ComponentSet) => componentSet(document, resolved, over, after, deps, timestamp);
  const set = setOver(current);
  const byName = new Map(set.map((entry) => [entry.name, entry]));
  // Only to see that it can be done: a bad variable or a missing manifest must fail before anything changes.
  const { failed } = buildSpecs(
    byName,
    deps.specContext((name) => resolved.get(name)?.recipe),
  );
  for (const error of failed.values()) throw error;
  const ofRuntime = byName.get(deps.nucleus.component)?.configuration ?? emptyConfiguration();
  await deps.checkNucleus(toJson(ofRuntime), signal);
  const nucleus = resolved.get(deps.nucleus.component);
  if (nucleus === undefined) return { setOver, groups: after };
  const { artifacts } = deps.specContext(() => undefined).paths(deps.nucleus.component, nucleus.version);
  const runtime = buildOf(nucleus.recipe, deps.attributes, artifacts);
  await deps.builds.check(runtime, signal);
  return { setOver, groups: after, runtime };
}

function requireCapabilities(document: DeploymentDocument): void {
  const unknown = document.requiredCapabilities.filter((capability) => !knownCapabilities.has(capability));
  if (unknown.length === 0) return;
  throw new Fault(
    'NUCLEUS_MISSING_REQUIRED_CAPABILITIES',
    `This runtime lacks what the deployment requires: ${unknown.join(', ')}`,
  );
}

/** The reference takes an update of a component that is not there, and does nothing: a typing mistake would look done. */
function refuseUpdatesOfNothing(
  document: DeploymentDocument,
  resolved: ReadonlyMap<string, Resolution>,
  nucleus: PrepareDeps['nucleus'],
): void {
  const updated = Object.keys(document.local?.updates ?? {});
  const unknown = updated.filter((name) => !resolved.has(name) && name !== nucleus.component);
  if (unknown.length === 0) return;
  throw new Fault(
    'DEPLOYMENT_DOCUMENT_NOT_VALID',
    `The deployment updates ${unknown.join(', ')}, which this device does not run`,
  );
}

function componentSet(
  document: DeploymentDocument,
  resolved: ReadonlyMap<string, Resolution>,
  current: ComponentSet,
  groups: Readonly<Record<string, GroupRecord>>,
  deps: Pick<PrepareDeps, 'builtins' | 'nucleus' | 'settings' | 'specContext'>,
  timestamp: number,
): readonly SetEntry[] {
  const dependencies = (name: string) => resolved.get(name)?.recipe.dependencies.keys() ?? [];
  const sources = sourcesOf(groups, dependencies);
  const roots = new Set(Object.values(groups).flatMap((group) => Object.keys(group.roots)));
  const updates = new Map<string, Update>(Object.entries(document.components));
  for (const [name, update] of Object.entries(document.local?.updates ?? {})) updates.set(name, update);
  const { deploymentId, configurationArn } = document;
  const source = formatSource(
    document.local === undefined
      ? { kind: 'deployment', id: deploymentId, configurationArn }
      : { kind: 'local', by: `deployment ${deploymentId}` },
  );
  const entryOf = (name: string, { version, arn, defaults, recipe }: Made): SetEntry => {
    const update = updates.get(name);
    const running = current.get(name);
    const { tree, ignored } = applyUpdate({
      running: running?.configuration,
      defaults,
      defaultSource: formatSource({ kind: 'default', version }),
      reset: update?.configurationUpdate?.reset,
      merge: update?.configurationUpdate?.merge,
      timestamp,
      source,
    });
    // A deployment that does not name the component says nothing about it: what the one before could not set stays said.
    const overruled =
      update === undefined
        ? (running?.overruled ?? [])
        : ignored.map((pointer) => ({ pointer, deploymentId: document.deploymentId, timestamp }));
    // A root of this deployment takes its runWith whole; one that it does not name keeps what it has.
    const runWith: RunWith | undefined = update === undefined ? running?.runWith : update.runWith;
    return {
      name,
      version,
      arn,
      configuration: tree,
      isRoot: roots.has(name),
      sources: sources.get(name) ?? [],
      ...(runWith === undefined ? {} : { runWith }),
      // Without an ARN it came from a local deployment: its recipe is part of the set.
      ...(arn === '' && recipe !== undefined ? { recipe: formatRecipe(recipe, 'JSON') } : {}),
      ...(overruled.length === 0 ? {} : { overruled }),
      ...(deps.builtins.has(name) || name === deps.nucleus.component ? { builtin: true as const } : {}),
    };
  };
  const entries = [...resolved].map(([name, { version, recipe, arn }]) =>
    entryOf(name, { version, arn, defaults: recipe.defaultConfiguration, recipe }),
  );
  const { component, version } = deps.nucleus;
  if (!resolved.has(component)) {
    const nucleus = updates.has(component)
      ? entryOf(component, { version, arn: '', defaults: {} })
      : current.get(component);
    // It stays as it was configured when no deployment names it any more: the runtime cannot be removed.
    if (nucleus !== undefined) entries.push({ ...nucleus, version, isRoot: roots.has(component) });
  }
  const nucleus = entries.find(({ name }) => name === component);
  // As this deployment sets it, if it does (recipes, 12.4).
  const interpolates = deps.settings().interpolates(toJson(nucleus?.configuration ?? emptyConfiguration()));
  return interpolates ? interpolated(entries, deps) : entries;
}

/** What an entry is made of, besides the deployment. */
interface Made {
  readonly version: string;
  readonly arn: string;
  readonly defaults: JsonObject;
  readonly recipe?: Recipe;
}

/** Variables of the system in configurations stand for themselves only once they are stored (`interpolateComponentConfiguration`). */
function interpolated(entries: readonly SetEntry[], deps: Pick<PrepareDeps, 'specContext'>): readonly SetEntry[] {
  const context = deps.specContext(() => undefined);
  return entries.map((entry) => {
    if (entry.builtin) return entry;
    const paths = context.paths(entry.name, entry.version);
    const { value } = interpolateConfiguration(toJson(entry.configuration), {
      own: {
        configuration: {},
        artifactsPath: paths.artifacts,
        decompressedPath: paths.decompressed,
        workPath: paths.work,
      },
      dependencies: new Map(),
      kernelRootPath: context.rootPath,
      thingName: context.thingName,
    });
    return { ...entry, configuration: withValues(entry.configuration, value) };
  });
}
