import type { KeptDelivery, KeptMessage, MqttSessions } from '../../../ports/mqtt-sessions.ts';
import { chunks, lookups, pairLookups } from '../rows.ts';
import type { MqttMessageRow, Queries } from '../schema.ts';

/** The largest message has 256 KiB: so many fit one statement. */
const messageRows = 100;

export function mqttSessionStore(db: Queries): MqttSessions {
  return {
    async load() {
      const sessions = await db.selectFrom('mqtt_session').selectAll().execute();
      const messages = new Map<number, KeptMessage>();
      for (const row of await db.selectFrom('mqtt_message').selectAll().execute()) messages.set(row.id, toMessage(row));
      const queued: KeptDelivery[] = [];
      for (const row of await db.selectFrom('mqtt_queued').selectAll().execute()) {
        const { client_id: clientId, sequence, message_id: messageId, delivery } = row;
        const message = messages.get(messageId);
        if (message) queued.push({ clientId, sequence, messageId, message, delivery });
      }
      const retained = await db.selectFrom('mqtt_retained').selectAll().execute();
      return {
        sessions: sessions.map((row) => ({ clientId: row.client_id, session: row.session })),
        queued,
        retained: retained.map(toMessage),
      };
    },

    async apply({ ended, unqueued, sessions, queued, retained }) {
      await remove([...ended], [...unqueued]);
      const sessionRows = sessions.map(({ clientId, session }) => ({ client_id: clientId, session }));
      for (const chunk of chunks(sessionRows)) {
        await db
          .insertInto('mqtt_session')
          .values(chunk)
          .onConflict((conflict) =>
            conflict.column('client_id').doUpdateSet((eb) => ({ session: eb.ref('excluded.session') })),
          )
          .execute();
      }
      await enqueue(queued);
      await retain(retained);
    },
  };

  async function remove(clients: readonly string[], sequences: readonly number[]): Promise<void> {
    const messages = new Set<number>();
    for (const chunk of lookups(clients)) {
      await db.deleteFrom('mqtt_session').where('client_id', 'in', chunk).execute();
      const gone = db.deleteFrom('mqtt_queued').where('client_id', 'in', chunk).returning('message_id');
      for (const row of await gone.execute()) messages.add(row.message_id);
    }
    for (const chunk of pairLookups(sequences)) {
      const gone = db.deleteFrom('mqtt_queued').where('sequence', 'in', chunk).returning('message_id');
      for (const row of await gone.execute()) messages.add(row.message_id);
    }
    // Gone from its last session.
    for (const chunk of pairLookups([...messages])) {
      await db
        .deleteFrom('mqtt_message')
        .where('id', 'in', chunk)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('mqtt_queued').select('sequence').whereRef('message_id', '=', 'mqtt_message.id'))),
        )
        .execute();
    }
  }

  async function enqueue(queued: readonly KeptDelivery[]): Promise<void> {
    const messages = new Map<number, MqttMessageRow & { id: number }>();
    const rows = queued.map(({ clientId, sequence, messageId, message, delivery }) => {
      if (!messages.has(messageId)) messages.set(messageId, { id: messageId, ...fromMessage(message) });
      return { sequence, client_id: clientId, message_id: messageId, delivery };
    });
    for (const chunk of chunks([...messages.values()], messageRows)) {
      await db
        .insertInto('mqtt_message')
        .values(chunk)
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
    }
    for (const chunk of chunks(rows)) {
      await db
        .insertInto('mqtt_queued')
        .values(chunk)
        .onConflict((conflict) => conflict.column('sequence').doNothing())
        .execute();
    }
  }

  async function retain(retained: ReadonlyMap<string, KeptMessage | undefined>): Promise<void> {
    const removed = [...retained].flatMap(([topic, message]) => (message ? [] : [topic]));
    for (const chunk of lookups(removed)) await db.deleteFrom('mqtt_retained').where('topic', 'in', chunk).execute();
    const rows = [...retained.values()].flatMap((message) => (message ? [fromMessage(message)] : []));
    for (const chunk of chunks(rows, messageRows)) {
      await db
        .insertInto('mqtt_retained')
        .values(chunk)
        .onConflict((conflict) =>
          conflict.column('topic').doUpdateSet((eb) => ({
            payload: eb.ref('excluded.payload'),
            qos: eb.ref('excluded.qos'),
            properties: eb.ref('excluded.properties'),
            expires_at: eb.ref('excluded.expires_at'),
          })),
        )
        .execute();
    }
  }
}

const toMessage = (row: MqttMessageRow): KeptMessage => ({
  topic: row.topic,
  payload: row.payload,
  qos: row.qos === 0 ? 0 : 1,
  properties: row.properties,
  expiresAt: row.expires_at ?? undefined,
});

const fromMessage = ({ topic, payload, qos, properties, expiresAt }: KeptMessage): MqttMessageRow => ({
  topic,
  payload,
  qos,
  properties,
  // The broker's clocks have fractions of a millisecond.
  expires_at: expiresAt === undefined ? null : Math.ceil(expiresAt),
});
