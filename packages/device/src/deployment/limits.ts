/** How long the stages of a deployment may wait, in ms. Operators set them: docs/reference/nucleus-parameters.md. */
export interface DeploymentLimits {
  /** Components that defer the update, all their deferrals together. */
  readonly deferralMs: number;
  /** Until every component of the new set, or of the one that is restored, has come up. */
  readonly activationMs: number;
  /** Until the components that go have stopped; then they are killed. */
  readonly removalMs: number;
  /** Until all components have stopped before the runtime starts again; then they are killed. */
  readonly restartMs: number;
}
