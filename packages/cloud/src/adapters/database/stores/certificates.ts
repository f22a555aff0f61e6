import { type SqlBool, sql } from 'kysely';
import type { CaCertificate, Certificate } from '../../../domain/registry/registry.ts';
import type { CaCertificateStore, CertificateStore } from '../../../ports/storage.ts';
import { parseTimeKey, present, timeKey, toPage } from '../rows.ts';
import type { CaCertificateRow, CertificateRow, Queries } from '../schema.ts';

export const toCertificate = (row: CertificateRow): Certificate => ({
  id: row.id,
  pem: row.pem,
  status: row.status,
  ...present({ caId: row.ca_id, mode: row.mode === 'DEFAULT' ? null : row.mode }),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export function certificateStore(db: Queries): CertificateStore {
  return {
    async get(id) {
      const row = await db.selectFrom('certificate').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toCertificate(row);
    },

    async list(page, { caId } = {}) {
      let query = db
        .selectFrom('certificate')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .limit(page.limit + 1);
      if (caId !== undefined) query = query.where('ca_id', '=', caId);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toCertificate, (row) => timeKey(row.created_at, row.id));
    },

    async insert(certificate) {
      await db
        .insertInto('certificate')
        .values({
          id: certificate.id,
          pem: certificate.pem,
          status: certificate.status,
          ca_id: certificate.caId ?? null,
          mode: certificate.mode ?? 'DEFAULT',
          created_at: certificate.createdAt,
          updated_at: certificate.updatedAt,
        })
        .execute();
    },

    async update(certificate) {
      await db
        .updateTable('certificate')
        .set({ status: certificate.status, updated_at: certificate.updatedAt })
        .where('id', '=', certificate.id)
        .execute();
    },

    async delete(id) {
      await db.deleteFrom('thing_principal').where('certificate_id', '=', id).execute();
      await db.deleteFrom('provisioning_claim').where('certificate_id', '=', id).execute();
      await db.deleteFrom('certificate').where('id', '=', id).execute();
    },

    async pendingBefore(at, limit) {
      const rows = await db
        .selectFrom('certificate')
        .select('id')
        // Written out, so that the partial index serves it.
        .where(sql<SqlBool>`status = 'PENDING_ACTIVATION'`)
        .where('created_at', '<', at)
        .orderBy('created_at')
        .limit(limit)
        .execute();
      return rows.map((row) => row.id);
    },
  };
}

const toCaCertificate = (row: CaCertificateRow): CaCertificate => ({
  id: row.id,
  pem: row.pem,
  subject: row.subject,
  status: row.status,
  mode: row.mode,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export function caCertificateStore(db: Queries): CaCertificateStore {
  return {
    async get(id) {
      const row = await db.selectFrom('ca_certificate').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toCaCertificate(row);
    },

    async list(page) {
      let query = db
        .selectFrom('ca_certificate')
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .limit(page.limit + 1);
      if (page.after !== undefined) {
        const { at, id } = parseTimeKey(page.after, 'InvalidRequestException');
        query = query.where((eb) => eb(eb.refTuple('created_at', 'id'), '>', eb.tuple(at, id)));
      }
      return toPage(await query.execute(), page, toCaCertificate, (row) => timeKey(row.created_at, row.id));
    },

    async withSubject(subject) {
      const rows = await db
        .selectFrom('ca_certificate')
        .selectAll()
        .where('subject', '=', subject)
        .orderBy('id')
        .execute();
      return rows.map(toCaCertificate);
    },

    async insert({ id, pem, subject, status, mode, createdAt, updatedAt }) {
      const values = { id, pem, subject, status, mode, created_at: createdAt, updated_at: updatedAt };
      await db.insertInto('ca_certificate').values(values).execute();
    },

    async update({ id, status, updatedAt }) {
      await db.updateTable('ca_certificate').set({ status, updated_at: updatedAt }).where('id', '=', id).execute();
    },

    async delete(id) {
      await db.deleteFrom('ca_certificate').where('id', '=', id).execute();
    },
  };
}
