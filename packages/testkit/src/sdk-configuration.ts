import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The configuration of an AWS SDK client for a cloud: what its profile says, and no retries of its own. */
export function sdkConfiguration(folder: string) {
  const config = readFileSync(join(folder, 'aws', 'config'), 'utf8');
  const credentials = readFileSync(join(folder, 'aws', 'credentials'), 'utf8');
  const value = (text: string, key: string) => text.match(new RegExp(`^${key}\\s*=\\s*(.+)$`, 'm'))?.[1]?.trim() ?? '';
  return {
    endpoint: value(config, 'endpoint_url'),
    region: value(config, 'region'),
    credentials: {
      accessKeyId: value(credentials, 'aws_access_key_id'),
      secretAccessKey: value(credentials, 'aws_secret_access_key'),
    },
    maxAttempts: 1,
  };
}
