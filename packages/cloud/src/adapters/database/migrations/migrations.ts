import { initial } from './0001-initial.ts';
import { rolloutCursor } from './0002-rollout-cursor.ts';
import { policiesAndAuthorities } from './0003-policies-and-authorities.ts';
import { deviceServices } from './0004-device-services.ts';
import { provisioning } from './0005-provisioning.ts';
import { mqttSessions } from './0006-mqtt-sessions.ts';
import { jobEnds } from './0007-job-ends.ts';
import { history } from './0008-history.ts';
import { fleetIndex } from './0009-fleet-index.ts';
import type { Migration } from './migration.ts';

/** Every step, in the order of their numbers. */
export const migrations: readonly Migration[] = [
  initial,
  rolloutCursor,
  policiesAndAuthorities,
  deviceServices,
  provisioning,
  mqttSessions,
  jobEnds,
  history,
  fleetIndex,
];
