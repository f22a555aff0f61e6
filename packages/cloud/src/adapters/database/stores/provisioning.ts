import type { ProvisioningTemplate, ProvisioningTemplateVersion } from '../../../domain/provisioning/provisioning.ts';
import type { ProvisioningStore } from '../../../ports/storage.ts';
import { flag, present, toPage } from '../rows.ts';
import type { ProvisioningTemplateRow, Queries, Schema } from '../schema.ts';

const toTemplate = (row: ProvisioningTemplateRow): ProvisioningTemplate => ({
  name: row.name,
  ...present({ description: row.description }),
  enabled: row.enabled === 1,
  roleArn: row.role_arn,
  defaultVersion: row.default_version,
  lastVersion: row.last_version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toRow = (template: ProvisioningTemplate): ProvisioningTemplateRow => ({
  name: template.name,
  description: template.description ?? null,
  enabled: flag(template.enabled),
  role_arn: template.roleArn,
  default_version: template.defaultVersion,
  last_version: template.lastVersion,
  created_at: template.createdAt,
  updated_at: template.updatedAt,
});

const toVersion = (row: Schema['provisioning_template_version']): ProvisioningTemplateVersion => ({
  template: row.template,
  version: row.version,
  body: row.body,
  createdAt: row.created_at,
});

export function provisioningStore(db: Queries): ProvisioningStore {
  const versionsOf = (template: string) =>
    db.selectFrom('provisioning_template_version').selectAll().where('template', '=', template);

  return {
    async get(name) {
      const row = await db.selectFrom('provisioning_template').selectAll().where('name', '=', name).executeTakeFirst();
      return row && toTemplate(row);
    },

    async list(page) {
      let query = db
        .selectFrom('provisioning_template')
        .selectAll()
        .orderBy('name')
        .limit(page.limit + 1);
      if (page.after !== undefined) query = query.where('name', '>', page.after);
      return toPage(await query.execute(), page, toTemplate, (row) => row.name);
    },

    async insert(template) {
      await db.insertInto('provisioning_template').values(toRow(template)).execute();
    },

    async update(template) {
      await db.updateTable('provisioning_template').set(toRow(template)).where('name', '=', template.name).execute();
    },

    async delete(name) {
      await db.deleteFrom('provisioning_template_version').where('template', '=', name).execute();
      await db.deleteFrom('provisioning_template').where('name', '=', name).execute();
    },

    async version(template, version) {
      const row = await versionsOf(template).where('version', '=', version).executeTakeFirst();
      return row && toVersion(row);
    },

    async versions(template) {
      return (await versionsOf(template).orderBy('version').execute()).map(toVersion);
    },

    async insertVersion({ template, version, body, createdAt }) {
      await db
        .insertInto('provisioning_template_version')
        .values({ template, version, body, created_at: createdAt })
        .execute();
    },

    async deleteVersion(template, version) {
      await db
        .deleteFrom('provisioning_template_version')
        .where('template', '=', template)
        .where('version', '=', version)
        .execute();
    },

    async claim(certificateId) {
      const row = await db
        .selectFrom('provisioning_claim')
        .selectAll()
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      return row && { certificateId: row.certificate_id, template: row.template, expiresAt: row.expires_at };
    },

    async insertClaim({ certificateId, template, expiresAt }) {
      await db
        .insertInto('provisioning_claim')
        .values({ certificate_id: certificateId, template, expires_at: expiresAt })
        .execute();
    },

    async expiredClaims(at, limit) {
      const rows = await db
        .selectFrom('provisioning_claim')
        .select('certificate_id')
        .where('expires_at', '<', at)
        .orderBy('expires_at')
        .limit(limit)
        .execute();
      return rows.map((row) => row.certificate_id);
    },
  };
}
