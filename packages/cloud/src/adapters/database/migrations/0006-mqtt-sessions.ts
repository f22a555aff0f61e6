import type { Migration } from './migration.ts';

/** Sessions of the device broker, the messages that wait in them, and retained messages. */
export const mqttSessions: Migration = {
  number: 6,
  name: 'mqtt-sessions',
  statements: ({ text, bytes }) => [
    `create table mqtt_session (client_id ${text} primary key, session ${text} not null)`,
    // One row for all sessions that have the message.
    `create table mqtt_message (id bigint primary key, topic ${text} not null, payload ${bytes} not null,
      qos integer not null, properties ${bytes} not null, expires_at bigint)`,
    `create table mqtt_queued (sequence bigint primary key, client_id ${text} not null,
      message_id bigint not null references mqtt_message (id), delivery ${text} not null)`,
    'create index mqtt_queued_by_client on mqtt_queued (client_id)',
    'create index mqtt_queued_by_message on mqtt_queued (message_id)',
    `create table mqtt_retained (topic ${text} primary key, payload ${bytes} not null, qos integer not null,
      properties ${bytes} not null, expires_at bigint)`,
  ],
};
