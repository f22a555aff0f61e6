/** A build of the runtime on this device: one file. */
export interface RuntimeBuild {
  readonly version: string;
  readonly file: string;
}

/** The builds of the runtime, and which of them runs at the next start. Synchronous calls are durable when they return. */
export interface RuntimeBuilds {
  /**
   * Starts the build beside this runtime, as far as it can without touching anything, and sees that it is what it is deployed as.
   *
   * @throws Fault `COMPONENT_LOAD_FAILURE`; the signal's reason when it aborts.
   */
  check(build: RuntimeBuild, signal: AbortSignal): Promise<void>;
  /** True when the last build that was tried was given up and is of this version. */
  hasFailed(version: string): boolean;
  /** The next start is of this build, until `confirm`; after three starts that failed, of the one before it again. */
  tryNext(build: RuntimeBuild): void;
  /** The next start is of the build before the one that is tried, or that was given up, which is forgotten. */
  goBack(): void;
  /** The build that runs, of this version, stays; what was tried before is forgotten. */
  confirm(version: string): void;
}
