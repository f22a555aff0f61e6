import { initial } from './0001-initial.ts';
import { rolloutCursor } from './0002-rollout-cursor.ts';
import { deviceServices } from './0004-device-services.ts';
import { provisioning } from './0005-provisioning.ts';
import { mqttSessions } from './0006-mqtt-sessions.ts';

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

/** Every step, in the order of their numbers. */
export const migrations: readonly Migration[] = [initial, rolloutCursor, deviceServices, provisioning, mqttSessions];
