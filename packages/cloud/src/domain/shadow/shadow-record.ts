/** A stored shadow. `name` is '' for the classic one. A deleted shadow keeps its row so that its version continues. */
export interface ShadowRecord {
  readonly thing: string;
  readonly name: string;
  /** The document as protocol/shadow keeps it (state and metadata), JSON text; absent once deleted. */
  readonly document?: string;
  readonly version: number;
  readonly updatedAt: number;
}
