import type { Reader } from '../reader.ts';

/** Something to say of one place of a recipe. */
export interface Finding {
  /**
   * `error`: the cloud refuses the recipe, or no device can run it. `warning`: accepted, and probably not what was meant.
   * `extension`: works here, and not on AWS or with the reference runtime.
   */
  readonly severity: 'error' | 'warning' | 'extension';
  /** Where: `Manifests[0].Artifacts[1].Uri`; empty for the recipe as a whole. */
  readonly path: string;
  /** From 1; undefined where the text gives no place. */
  readonly line: number | undefined;
  readonly message: string;
}

/** Told of each finding, with the value it is about. */
export type Report = (severity: Finding['severity'], at: Reader, message: string) => void;
