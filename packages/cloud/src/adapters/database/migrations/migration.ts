/** One step of the schema. Steps are only ever appended: a released one never changes. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  statements(types: ColumnTypes): readonly string[];
}

/** How a database spells the column types that differ. */
export interface ColumnTypes {
  /** Text that compares and sorts by its UTF-8 bytes. */
  readonly text: string;
  readonly bytes: string;
}
