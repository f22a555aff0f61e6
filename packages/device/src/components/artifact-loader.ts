import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '@greensward/kit';
import { ensureFolder, syncFile, syncFolder, syncTree } from '@greensward/kit/node';
import type { Platform } from '../platform/platform.ts';
import { type OpenOrigin, type OriginDeps, openOrigin } from './artifact-origin.ts';
import type { ArtifactPlan, PlannedArtifact } from './artifact-plan.ts';
import type { ComponentPaths } from './components.ts';
import type { DockerImages } from './docker-images.ts';
import { artifactSize, digestOfFile, fetchFile, sizeOnDisk } from './fetch-file.ts';
import { folderSize, isThere, removeFolder } from './folders.ts';
import { asIo } from './io.ts';
import { inParallel, type RetryDeps } from './retrying.ts';
import type { StoreLayout } from './store-layout.ts';
import { unpackTar } from './unpack-tar.ts';
import { unpackZip } from './unpack-zip.ts';

/** Bytes that stay free on the volume (DEFAULT_MIN_DISK_AVAIL_BYTES). */
const reserveBytes = 20 * 1024 * 1024;
const parallelDownloads = 4;
const parallelPulls = 2;
const parallelChecks = 2;

export interface LoaderDeps extends OriginDeps, RetryDeps {
  readonly root: string;
  readonly layout: StoreLayout;
  readonly platform: Pick<Platform, 'attributes' | 'setPermission' | 'freeSpace'>;
  readonly images: DockerImages;
  /** The most bytes of artifacts on the device (`componentStoreMaxSizeBytes`). */
  readonly maxStoreBytes: () => number;
  /** Bounds of one archive. */
  readonly unpackLimits: { readonly entries: number; readonly bytes: number };
}

/** A component version whose artifacts are to be on the device. */
export interface LoadOrder {
  /** `name/version`. */
  readonly version: string;
  readonly arn: string;
  readonly plan: ArtifactPlan;
  readonly at: ComponentPaths;
  /** Folder of what is not complete. */
  readonly unfinished: string;
}

interface Missing {
  readonly artifact: PlannedArtifact;
  readonly order: LoadOrder;
  readonly digest: string;
  readonly origin: OpenOrigin;
  readonly part: string;
  size: number;
}

/** Loads and unpacks what is missing of all orders; see `ComponentFiles.fetchArtifacts`. */
export async function loadArtifacts(
  deps: LoaderDeps,
  orders: readonly LoadOrder[],
  signal: AbortSignal,
): Promise<void> {
  for (const order of orders) await makeFolders(deps, order);
  const missing = await findMissing(deps, orders, signal);
  if (missing.length > 0) await needSpace(deps, missing, signal);
  await inParallel(missing, parallelDownloads, signal, (file, either) => load(deps, file, either));
  const images = [...new Set(orders.flatMap(({ plan }) => plan.images))];
  await inParallel(images, parallelPulls, signal, (image, either) =>
    deps.images.provide(image, either, deps.retryLimitMs),
  );
  await inParallel(orders, parallelChecks, signal, async (order, either) => {
    for (const artifact of order.plan.files) {
      either.throwIfAborted();
      const target = join(order.at.artifacts, artifact.fileName);
      await asIo('SET_PERMISSION_ERROR', target, () => deps.platform.setPermission(target, artifact.permission));
      // Also one that was here before: the runtime that loaded it may have died before it came so far.
      await asIo('IO_WRITE_ERROR', target, () => syncFile(target));
      await unpack(deps, artifact, order, either);
    }
    await removeFolder(order.unfinished);
  });
  await syncNames(deps, orders);
}

/**
 * Makes durable where everything is, in one go: the names of recipes, artifacts, what was unpacked and work folders, and of the folders
 * on the way to them. Until then a power cut may take any of it, and the deployment is prepared again.
 */
async function syncNames({ root, layout }: LoaderDeps, orders: readonly LoadOrder[]): Promise<void> {
  const folders = new Set(orders.length === 0 ? [] : [layout.recipes, layout.work]);
  for (const { at, plan } of orders) {
    if (plan.files.length + plan.images.length > 0) folders.add(at.artifacts);
    if (plan.files.some(({ unpack }) => unpack !== undefined)) folders.add(at.decompressed);
  }
  // What is added is gone through too. The root's own names are made durable at each start.
  for (const folder of folders) if (dirname(folder) !== root) folders.add(dirname(folder));
  for (const folder of folders)
    if (await isThere(folder)) await asIo('IO_WRITE_ERROR', folder, () => syncFolder(folder));
}

async function makeFolders({ root, layout }: LoaderDeps, { at, unfinished }: LoadOrder): Promise<void> {
  await asIo('IO_WRITE_ERROR', root, async () => {
    await ensureFolder(at.artifacts);
    await ensureFolder(layout.work);
    await mkdir(at.work, { recursive: true, mode: 0o700 });
    // An unpacked archive is not continued, unlike a download.
    await rm(join(unfinished, 'unpacked'), { recursive: true, force: true });
  });
}

async function findMissing(deps: LoaderDeps, orders: readonly LoadOrder[], signal: AbortSignal): Promise<Missing[]> {
  const missing: Missing[] = [];
  const all = orders.flatMap((order) => order.plan.files.map((artifact) => ({ order, artifact })));
  await inParallel(all, parallelChecks, signal, async ({ order, artifact }, either) => {
    const present = await digestOfFile(join(order.at.artifacts, artifact.fileName), either);
    if (present !== undefined && (artifact.digest === undefined || artifact.digest === present)) return;
    if (artifact.digest === undefined && artifact.origin.scheme !== 'file') {
      const problem = `artifact ${artifact.uri} has no digest in its recipe and is not on disk`;
      throw new Fault('RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM', problem);
    }
    const origin = openOrigin(deps, artifact, order.arn, `${order.version}/${artifact.fileName}`);
    const part = join(order.unfinished, 'files', artifact.fileName);
    missing.push({ artifact, order, digest: artifact.digest ?? '', origin, part, size: 0 });
  });
  await inParallel(missing, parallelDownloads, signal, async (file, either) => {
    file.size = await artifactSize(deps, file.artifact.uri, file.origin, either);
  });
  return missing;
}

/** For everything together: half a deployment is of no use. */
async function needSpace(deps: LoaderDeps, missing: readonly Missing[], signal: AbortSignal): Promise<void> {
  let bytes = 0;
  for (const file of missing) bytes += Math.max(0, file.size - (await sizeOnDisk(file.part)));
  const free = await deps.platform.freeSpace(deps.root);
  if (free - bytes < reserveBytes) {
    const problem = `Disk space critical: ${bytes} bytes to load, ${free} free, ${reserveBytes} must stay free`;
    throw new Fault('DISK_SPACE_CRITICAL', problem);
  }
  const used = await storeSize(deps, signal);
  if (used + bytes <= deps.maxStoreBytes()) {
    deps.log.info('loading artifacts', { artifacts: missing.length, bytes });
    return;
  }
  const problem = `Component store size limit reached: ${bytes} bytes to load, ${used} there, ${deps.maxStoreBytes()} allowed`;
  throw new Fault('DISK_SPACE_CRITICAL', problem);
}

async function storeSize({ layout }: LoaderDeps, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  for (const folder of [layout.artifacts, layout.decompressed, layout.unfinished]) {
    bytes += await folderSize(folder, signal);
  }
  return bytes;
}

async function load(deps: LoaderDeps, { artifact, order, digest, origin, part, size }: Missing, signal: AbortSignal) {
  const target = join(order.at.artifacts, artifact.fileName);
  // What was unpacked from another archive of this name goes first: its folder is the sign that it is complete.
  if (artifact.unpack !== undefined) await removeFolder(join(order.at.decompressed, artifact.unpack.folder));
  await fetchFile(deps, { name: artifact.uri, origin, digest, size, part, target }, signal);
  deps.log.info('artifact loaded', { artifact: artifact.uri, bytes: size });
}

async function unpack(deps: LoaderDeps, artifact: PlannedArtifact, order: LoadOrder, signal: AbortSignal) {
  if (artifact.unpack === undefined) return;
  const { platform } = deps;
  const archive = join(order.at.artifacts, artifact.fileName);
  const target = join(order.at.decompressed, artifact.unpack.folder);
  if (await isThere(target)) {
    await asIo('SET_PERMISSION_ERROR', target, () => platform.setPermission(target, artifact.permission));
    return;
  }
  const temporary = join(order.unfinished, 'unpacked', artifact.unpack.folder);
  const free = (await platform.freeSpace(deps.root)) - reserveBytes;
  const room = deps.maxStoreBytes() - (await storeSize(deps, signal));
  const bytes = Math.max(0, Math.min(deps.unpackLimits.bytes, free, room));
  const limits = { ...deps.unpackLimits, bytes, windows: platform.attributes()['os'] === 'windows' };
  await (artifact.unpack.format === 'ZIP' ? unpackZip : unpackTar)(archive, temporary, limits, signal);
  await asIo('SET_PERMISSION_ERROR', temporary, () => platform.setPermission(temporary, artifact.permission));
  await asIo('IO_WRITE_ERROR', target, async () => {
    await ensureFolder(dirname(target));
    // First: that it is there is the sign that it is complete.
    await syncTree(temporary);
    await rename(temporary, target);
  });
}
