import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AttachPolicyCommand, AttachThingPrincipalCommand, CreateKeysAndCertificateCommand } from '@aws-sdk/client-iot';
import { type MqttClient, connect as mqttConnect } from 'mqtt';
import type { ConformanceCloud } from './conformance-cloud.ts';

/** What a device shows of itself, PEM. */
export interface DeviceCredentials {
  readonly cert: string;
  readonly key: string;
}

/** A device's certificate made by the cloud, ACTIVE, with these policies, of this thing. */
export async function makeDevice(
  under: ConformanceCloud,
  thingName: string | undefined,
  policies: readonly string[],
): Promise<DeviceCredentials & { readonly arn: string; readonly id: string }> {
  const made = await under.iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const { certificateArn: arn = '', certificateId: id = '' } = made;
  for (const policyName of policies) await under.iot.send(new AttachPolicyCommand({ policyName, target: arn }));
  if (thingName !== undefined) await under.iot.send(new AttachThingPrincipalCommand({ thingName, principal: arn }));
  return { arn, id, cert: made.certificatePem ?? '', key: made.keyPair?.PrivateKey ?? '' };
}

/** Connects with MQTT.js. Rejects with what the client says, or when the connection ends before the CONNACK. */
export function connectDevice(
  under: ConformanceCloud,
  credentials: Partial<DeviceCredentials>,
  clientId: string,
  protocolVersion: 4 | 5 = 5,
): Promise<MqttClient> {
  const { cert, key } = credentials;
  const client = mqttConnect(`mqtts://localhost:${under.cloud.mqttPort}`, {
    ca: readFileSync(join(under.cloud.folder, 'ca', 'ca.pem')),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    clientId,
    protocolVersion,
    reconnectPeriod: 0,
  });
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.on('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
  });
}

/** The reason code of a refused publish or subscription; 0 and up to 2 for what was granted. */
export async function codeOf(outcome: Promise<unknown>): Promise<number> {
  try {
    const granted = await outcome;
    const [first]: readonly unknown[] = Array.isArray(granted) ? granted : [];
    return typeof first === 'object' && first !== null && 'qos' in first ? Number(first.qos) : 0;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number') {
      return error.code;
    }
    const text = error instanceof Error ? error.message : String(error);
    const code = /\b(13\d|14\d|15\d)\b/.exec(text)?.[1];
    if (code !== undefined) return Number(code);
    if (/not authorized/i.test(text)) return 135;
    throw error;
  }
}
