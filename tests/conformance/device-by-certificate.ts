import { request } from 'node:https';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
} from '@aws-sdk/client-iot';
import { connectAsync, type MqttClient } from 'mqtt';
import type { ConformanceCloud } from './conformance-cloud.ts';

/** A thing with a certificate of its own, acting on the ports for devices. */
export interface CertifiedDevice {
  readonly certificateId: string;
  /** Sends a request to the device port. */
  ask(
    path: string,
    options?: { method?: string; body?: unknown; headers?: Readonly<Record<string, string>> },
  ): Promise<{ status: number; json: Readonly<Record<string, unknown>> }>;
  connect(): Promise<MqttClient>;
}

const policyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
});

/** Makes a thing with a certificate whose policy allows everything. */
export async function certifiedDevice(under: ConformanceCloud, thingName: string): Promise<CertifiedDevice> {
  await under.thing(thingName);
  const made = await under.iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  await under.iot.send(new AttachThingPrincipalCommand({ thingName, principal: made.certificateArn ?? '' }));
  const policyName = `all-${thingName}`;
  await under.iot.send(new CreatePolicyCommand({ policyName, policyDocument }));
  await under.iot.send(new AttachPolicyCommand({ policyName, target: made.certificateArn ?? '' }));
  const endpoints = await under.raw({ method: 'GET', path: '/greensward/v1/device-endpoints', service: 'greensward' });
  const tls = {
    ca: String(endpoints.json['rootCaPem']),
    key: made.keyPair?.PrivateKey ?? '',
    cert: made.certificatePem ?? '',
  };
  return {
    certificateId: made.certificateId ?? '',
    ask: (path, { method = 'GET', body, headers = {} } = {}) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const sent = { ...headers, 'content-length': String(Buffer.byteLength(text)) };
      const target = { host: 'localhost', port: under.cloud.devicePort, path, method, headers: sent, agent: false };
      return new Promise((resolve, reject) => {
        const call = request({ ...target, ...tls }, (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const received = Buffer.concat(parts).toString('utf8');
            resolve({ status: response.statusCode ?? 0, json: received === '' ? {} : JSON.parse(received) });
          });
        });
        call.on('error', reject);
        call.end(text);
      });
    },
    connect: () =>
      connectAsync(`mqtts://localhost:${under.cloud.mqttPort}`, {
        ...tls,
        clientId: thingName,
        protocolVersion: 5,
        reconnectPeriod: 0,
      }),
  };
}

/** The message by which a thing becomes a core device. */
export function firstFleetStatus(thing: string): string {
  return JSON.stringify({
    ggcVersion: '2.12.0',
    platform: 'linux',
    architecture: 'amd64',
    runtime: 'aws_nucleus_classic',
    thing,
    sequenceNumber: 0,
    timestamp: 1_700_000_000_000,
    messageType: 'COMPLETE',
    trigger: 'NUCLEUS_LAUNCH',
    overallDeviceStatus: 'HEALTHY',
    components: [],
  });
}
