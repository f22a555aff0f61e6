import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { isJsonObject, type Json, type JsonObject, silentLog } from '@greensward/kit';
import { systemIds, systemTimers } from '@greensward/kit/node';
import { createMqttServer, listenTls, type MqttServer, type Reply, type TlsListener } from '@greensward/mqtt/server';
import { jobExecutionAnswer, jobRejection, jobsNotification, jobUpdateAnswer } from '@greensward/protocol/jobs';
import { DEPLOYMENT_NAMESPACE, jobsNotifyTopic, parseReservedTopic } from '@greensward/protocol/topics';
import type { DeviceJobStatus, JobExecutionStatus } from '@greensward/protocol/vocabulary';

const namespace = DEPLOYMENT_NAMESPACE;
export const group = 'line';

/** A deployment as the cloud has it for one device. */
export interface Job {
  readonly jobId: string;
  readonly document: JsonObject;
  status: JobExecutionStatus;
}

/** A device told how a deployment ended, or goes on. */
export interface Told {
  readonly status: DeviceJobStatus;
  readonly detailedStatus: string;
  readonly accepted: boolean;
}

/** A component version that devices can be given; artifacts by their name. */
export interface Published {
  readonly recipe: JsonObject;
  readonly artifacts: ReadonlyMap<string, Buffer>;
}

/** What a device presents, PEM. */
export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * A cloud that speaks the device protocols for many devices, each with one job whose state can be set at any time: what a real
 * cloud does not let itself be told. Each device has a certificate with its name.
 */
export class ScriptedCloud {
  readonly jobs = new Map<string, Job>();
  readonly credentials = new Map<string, Credentials>();
  /** Called with each status that a device reports. */
  onTold: (thing: string, told: Told) => void = () => {};
  /** Called when a device begins to load an artifact. */
  onDownload: (thing: string) => 'serve' | 'hold' = () => 'serve';
  #published = new Map<string, Published>();
  #mqtt: MqttServer<undefined> | undefined;
  #listener: TlsListener | undefined;
  #dataPlane: Server | undefined;
  #files: PlainServer | undefined;

  static async start(
    folder: string,
    things: readonly string[],
    published: readonly Published[],
  ): Promise<ScriptedCloud> {
    const cloud = new ScriptedCloud();
    for (const one of published) {
      const { ComponentName, ComponentVersion } = one.recipe;
      cloud.#published.set(`${String(ComponentName)}@${String(ComponentVersion)}`, one);
    }
    const authority = makeAuthority(folder);
    for (const thing of things) cloud.credentials.set(thing, authority.issue(thing, 'keyUsage=digitalSignature'));
    await cloud.#listen(authority.issue('localhost', 'subjectAltName=DNS:localhost'));
    return cloud;
  }

  get mqttPort(): number {
    return this.#listener?.port ?? 0;
  }

  get dataPlanePort(): number {
    return portOf(this.#dataPlane);
  }

  /** Takes the job of a device back, and tells the device. */
  cancel(thing: string): void {
    const job = this.jobs.get(thing);
    if (job !== undefined) job.status = 'CANCELED';
    const payload = JSON.stringify(jobsNotification(Date.now(), [], []));
    this.#mqtt?.publish(jobsNotifyTopic(thing, 'notify', namespace), payload, { qos: 1 });
  }

  async stop(): Promise<void> {
    await this.#listener?.close();
    await this.#mqtt?.close();
    for (const server of [this.#dataPlane, this.#files]) {
      server?.closeAllConnections();
      server?.close();
    }
  }

  async #listen({ ca, cert, key }: Credentials): Promise<void> {
    const mqtt = createMqttServer<undefined>({
      log: silentLog,
      timers: systemTimers,
      ids: systemIds,
      authenticate: async () => ({ allow: true, principal: undefined }),
      authorizePublish: () => true,
      authorizeSubscribe: () => true,
      isRequest: (topic) => topic.startsWith('$aws/'),
      onRequest: async (_client, { topic, payload }) => this.#answer(topic, JSON.parse(payload.toString())),
    });
    this.#mqtt = mqtt;
    this.#listener = await listenTls(mqtt, { cert, key, ca, host: '127.0.0.1', port: 0, log: silentLog });
    const dataPlane = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
    dataPlane.on('request', async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { socket } = request;
      const name = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.subject : undefined;
      const answer = this.#call(name?.replace(/^CN=/, '') ?? '', decodeURIComponent(request.url ?? ''), body);
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? {}));
    });
    this.#dataPlane = dataPlane;
    const files = createPlainServer((request, response) => {
      const [, thing = '', component = '', name = ''] = (request.url ?? '').split('/').map(decodeURIComponent);
      const bytes = this.#published.get(component)?.artifacts.get(name);
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
      const isQuestion = request.headers.range === 'bytes=0-0';
      if (bytes === undefined) response.writeHead(404).end();
      else if (isQuestion)
        response.writeHead(206, { 'content-range': `bytes 0-0/${bytes.length}` }).end(bytes.subarray(0, 1));
      else if (this.onDownload(thing) === 'hold') return;
      else if (Number.isNaN(start)) response.writeHead(200).end(bytes);
      else {
        const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
        response.writeHead(206, { 'content-range': range }).end(bytes.subarray(start));
      }
    });
    this.#files = files;
    for (const server of [dataPlane, files]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
  }

  #answer(topic: string, body: Json): Reply[] {
    const request = parseReservedTopic(topic);
    if (!isJsonObject(body) || (request?.kind !== 'job-get' && request?.kind !== 'job-update')) return [];
    const { thing } = request;
    const to = { now: Date.now(), clientToken: String(body['clientToken']) };
    const job = this.jobs.get(thing);
    const isOpen = job !== undefined && (job.status === 'QUEUED' || job.status === 'IN_PROGRESS');
    const reply = (verdict: string, payload: JsonObject): Reply[] => [
      { topic: `${topic}/${verdict}`, payload: JSON.stringify(payload) },
    ];
    if (request.kind === 'job-get') {
      if (!isOpen) return reply('accepted', jobExecutionAnswer(to, undefined));
      const { jobId, status, document: jobDocument } = job;
      const times = { queuedAt: 1_000_000, lastUpdatedAt: 1_000_000, versionNumber: 1, executionNumber: 1 };
      const execution = { jobId, thingName: thing, status, statusDetails: {}, jobDocument, ...times };
      return reply('accepted', jobExecutionAnswer(to, execution));
    }
    const status = statusOf(body['status']);
    const details = body['statusDetails'];
    const detailedStatus = isJsonObject(details) ? String(details['detailed-deployment-status'] ?? '') : '';
    this.onTold(thing, { status, detailedStatus, accepted: isOpen });
    if (!isOpen) return reply('rejected', jobRejection(to, 'InvalidStateTransition', 'the execution has ended'));
    job.status = status;
    return reply('accepted', jobUpdateAnswer(to));
  }

  #call(thing: string, path: string, body: string): JsonObject | undefined {
    if (path.endsWith('/thingGroups') || path.includes('/thingGroups?')) {
      const thingGroupArn = `arn:aws:iot:us-east-1:000000000000:thinggroup/${group}`;
      return { thingGroups: [{ thingGroupName: group, thingGroupArn, rootToParentThingGroups: [] }] };
    }
    if (path === '/greengrass/v2/resolveComponentCandidates') {
      const asked: { componentCandidates: { componentName: string; versionRequirements: Record<string, string> }[] } =
        JSON.parse(body);
      return { resolvedComponentVersions: asked.componentCandidates.map((one) => this.#resolve(one)) };
    }
    const [, arn = '', name = ''] = /^\/greengrass\/v2\/components\/([^/]+)\/artifacts\/([^?]+)/.exec(path) ?? [];
    const component = /:components:([^:]+):versions:(.+)$/.exec(arn);
    if (component === null) return undefined;
    const address = [thing, `${component[1]}@${component[2]}`, name].map(encodeURIComponent).join('/');
    return { preSignedUrl: `http://localhost:${portOf(this.#files)}/${address}` };
  }

  #resolve(asked: { componentName: string; versionRequirements: Record<string, string> }): JsonObject {
    const { componentName, versionRequirements } = asked;
    const [version = ''] = Object.values(versionRequirements).map((text) => text.replace(/^[=v ]+/, ''));
    const found = this.#published.get(`${componentName}@${version}`);
    if (found === undefined)
      throw new Error(`${componentName} ${JSON.stringify(versionRequirements)} is not published`);
    const arn = `arn:aws:greengrass:us-east-1:000000000000:components:${componentName}:versions:${version}`;
    const recipe = Buffer.from(JSON.stringify(found.recipe)).toString('base64');
    return { arn, componentName, componentVersion: version, recipe };
  }
}

function statusOf(status: Json | undefined): DeviceJobStatus {
  if (status === 'IN_PROGRESS' || status === 'SUCCEEDED' || status === 'FAILED' || status === 'REJECTED') return status;
  throw new Error(`a device reports the status ${String(status)}`);
}

function portOf(server: PlainServer | Server | undefined): number {
  const address = server?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** An authority made by openssl, its files in `folder`. */
function makeAuthority(folder: string) {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=authority'];
  openssl('req', '-x509', ...newKey, ...authority);
  const ca = read('ca.pem');
  return {
    issue(name: string, extension: string): Credentials {
      openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      writeFileSync(join(folder, `${name}.ext`), `${extension}\n`);
      const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`];
      openssl('x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.pem`);
      return { ca, cert: read(`${name}.pem`), key: read(`${name}.key`) };
    },
  };
}
