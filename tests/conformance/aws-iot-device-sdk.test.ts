import { createRequire } from 'node:module';
import { CreateProvisioningTemplateCommand, DescribeJobExecutionCommand } from '@aws-sdk/client-iot';
import { messageOf } from '@greensward/kit';
import { until } from '@greensward/testkit/until';
import type * as DeviceSdk from 'aws-iot-device-sdk-v2';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Identity, type ProtocolCloud, startProtocolCloud } from '../protocol/protocol-cloud.ts';

// The AWS IoT Device SDK as a device that is no Greengrass core: its clients for jobs, shadows and provisioning on its own
// MQTT clients.

type Sdk = typeof DeviceSdk;
type Clients = {
  readonly jobs: DeviceSdk.iotjobs.IotJobsClientv2;
  readonly shadow: DeviceSdk.iotshadow.IotShadowClientv2;
  readonly identity: DeviceSdk.iotidentity.IotIdentityClientv2;
};

/** Its native part is there for some platforms only. */
function loadSdk(): { readonly sdk?: Sdk; readonly missing: string } {
  try {
    return { sdk: createRequire(import.meta.url)('aws-iot-device-sdk-v2'), missing: '' };
  } catch (error) {
    return { missing: messageOf(error) };
  }
}

const { sdk, missing } = loadSdk();
if (process.env['GREENSWARD_REQUIRE_ALL'] === '1') {
  test('the AWS IoT Device SDK runs here, as every test is asked for', () => expect(missing).toBe(''));
}
if (sdk) withSdk(sdk);
else test.skip(`the AWS IoT Device SDK does not run on this platform: ${missing}`, () => {});

function withSdk({ iot, iotidentity, iotjobs, iotshadow, io, mqtt, mqtt5 }: Sdk): void {
  const options = { maxRequestResponseSubscriptions: 10, maxStreamingSubscriptions: 4, operationTimeoutInSeconds: 30 };
  const utf8 = (payload: unknown): string =>
    payload instanceof ArrayBuffer || payload instanceof Uint8Array
      ? new TextDecoder().decode(payload)
      : String(payload);
  const closers: (() => unknown)[] = [];
  let cloud: ProtocolCloud;
  let made = 0;

  beforeAll(async () => {
    cloud = await startProtocolCloud();
    await cloud.group('line');
    const Ref = (name: string) => ({ Ref: name });
    const templateBody = JSON.stringify({
      Parameters: { ThingName: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
      Resources: {
        thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: Ref('ThingName'), ThingGroups: ['line'] } },
        certificate: {
          Type: 'AWS::IoT::Certificate',
          Properties: { CertificateId: Ref('AWS::IoT::Certificate::Id'), Status: 'Active' },
        },
        policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'protocol-tests' } },
      },
      DeviceConfiguration: { color: 'green' },
    });
    const provisioningRoleArn = 'arn:aws:iam::000000000000:role/Fleet';
    const template = { templateName: 'Fleet', templateBody, provisioningRoleArn, enabled: true };
    await cloud.iot.send(new CreateProvisioningTemplateCommand(template));
  });
  afterEach(async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close();
  });
  afterAll(() => cloud.stop());

  /** A connected MQTT 5 client. */
  async function connect5({ thing, cert, key, ca }: Identity): Promise<DeviceSdk.mqtt5.Mqtt5Client> {
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromMemory('localhost', cert, key);
    builder.withCertificateAuthority(ca).withPort(cloud.cloud.mqttPort);
    builder.withConnectProperties({ clientId: thing, keepAliveIntervalSeconds: 60 });
    const client = new mqtt5.Mqtt5Client(builder.build());
    closers.push(async () => {
      const stopped = new Promise((resolve) => client.on('stopped', resolve));
      client.stop();
      await stopped;
      client.close();
    });
    const connected = new Promise<void>((resolve, reject) => {
      client.on('connectionSuccess', () => resolve());
      client.on('connectionFailure', ({ error }) => reject(error));
    });
    client.start();
    await connected;
    return client;
  }

  async function clients5(identity: Identity): Promise<Clients> {
    const client = await connect5(identity);
    return closing({
      jobs: iotjobs.IotJobsClientv2.newFromMqtt5(client, options),
      shadow: iotshadow.IotShadowClientv2.newFromMqtt5(client, options),
      identity: iotidentity.IotIdentityClientv2.newFromMqtt5(client, options),
    });
  }

  async function clients4({ thing, cert, key, ca }: Identity): Promise<Clients> {
    const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder(cert, key);
    builder.with_certificate_authority(ca).with_endpoint('localhost').with_port(cloud.cloud.mqttPort);
    builder.with_client_id(thing).with_clean_session(true);
    const connection = new mqtt.MqttClient(new io.ClientBootstrap()).new_connection(builder.build());
    await connection.connect();
    closers.push(() => connection.disconnect());
    return closing({
      jobs: iotjobs.IotJobsClientv2.newFromMqtt311(connection, options),
      shadow: iotshadow.IotShadowClientv2.newFromMqtt311(connection, options),
      identity: iotidentity.IotIdentityClientv2.newFromMqtt311(connection, options),
    });
  }

  /** They close before the connection that they are on. */
  function closing(clients: Clients): Clients {
    for (const client of [clients.jobs, clients.shadow, clients.identity]) closers.push(() => client.close());
    return clients;
  }

  /** Opens a stream of events, and waits until it is subscribed. */
  async function listen<T>(stream: DeviceSdk.mqtt_request_response.StreamingOperation<T>): Promise<readonly T[]> {
    const events: T[] = [];
    closers.push(() => stream.close());
    stream.on('incomingPublish', ({ message }) => void events.push(message));
    const subscribed = new Promise<void>((resolve, reject) => {
      stream.on('subscriptionStatus', ({ error }) => (error ? reject(error) : resolve()));
    });
    stream.open();
    await subscribed;
    return events;
  }

  describe.each([
    { protocol: 'MQTT 5', clientsOf: clients5 },
    { protocol: 'MQTT 3.1.1', clientsOf: clients4 },
  ])('over $protocol', ({ protocol, clientsOf }) => {
    const newName = () => `sdk-${protocol.replaceAll(/\W/g, '-')}-${++made}`;

    test('the jobs client describes the job of a deployment and runs it to SUCCEEDED', async () => {
      const group = newName();
      const identity = await cloud.core(newName(), [group]);
      const thingName = identity.thing;
      const { jobs } = await clientsOf(identity);
      const { jobId } = await cloud.deploy({ targetArn: await cloud.group(group) });
      const execution = await until('the job is rolled out', () =>
        jobs.describeJobExecution({ thingName, jobId, includeJobDocument: true }).then((answer) => answer.execution),
      );
      expect(execution).toMatchObject({ jobId, thingName, status: 'QUEUED', versionNumber: 1 });
      expect(execution.jobDocument).toMatchObject({ configurationArn: expect.stringContaining(group) });

      // The deployments of a core device are no work for other agents on it: they are in a namespace, which this client
      // does not know, and it finds only what it names.
      const next = await jobs.describeJobExecution({ thingName, jobId: '$next' });
      expect(next).not.toHaveProperty('execution');
      const pending = await jobs.getPendingJobExecutions({ thingName });
      expect(pending).toMatchObject({ inProgressJobs: [], queuedJobs: [] });
      expect((await jobs.startNextPendingJobExecution({ thingName })).execution).toBeUndefined();

      const update = (status: DeviceSdk.iotjobs.model.JobStatus, expectedVersion: number) =>
        jobs.updateJobExecution({ thingName, jobId, status, expectedVersion, includeJobExecutionState: true });
      const { IN_PROGRESS, SUCCEEDED } = iotjobs.model.JobStatus;
      expect(await update(IN_PROGRESS, 1)).toMatchObject({
        executionState: { status: 'IN_PROGRESS', versionNumber: 2 },
      });
      await expect(update(SUCCEEDED, 1)).rejects.toMatchObject({ modeledError: { code: 'VersionMismatch' } });
      expect(await update(SUCCEEDED, 2)).toMatchObject({ executionState: { status: 'SUCCEEDED', versionNumber: 3 } });
      const seen = await cloud.iot.send(new DescribeJobExecutionCommand({ thingName, jobId }));
      expect(seen.execution).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
      const unknown = jobs.describeJobExecution({ thingName, jobId: 'nobody' });
      await expect(unknown).rejects.toMatchObject({ modeledError: { code: 'ResourceNotFound' } });
    });

    test.each(['classic', 'named'] as const)(
      'the shadow client updates and gets the %s shadow, with its delta',
      async (kind) => {
        const identity = await cloud.core(newName());
        const thingName = identity.thing;
        const named = { thingName, shadowName: 'settings' };
        const { shadow } = await clientsOf(identity);
        const [get, update, stream] =
          kind === 'classic'
            ? [
                () => shadow.getShadow({ thingName }),
                (state: DeviceSdk.iotshadow.model.ShadowState) => shadow.updateShadow({ thingName, state }),
                shadow.createShadowDeltaUpdatedStream({ thingName }),
              ]
            : [
                () => shadow.getNamedShadow(named),
                (state: DeviceSdk.iotshadow.model.ShadowState) => shadow.updateNamedShadow({ ...named, state }),
                shadow.createNamedShadowDeltaUpdatedStream(named),
              ];
        await expect(get()).rejects.toMatchObject({ modeledError: { code: 404 } });
        const deltas = await listen(stream);
        expect(await update({ reported: { a: 1, b: 1 } })).toMatchObject({ version: 1 });
        expect(await update({ desired: { a: 2, b: 1 } })).toMatchObject({ version: 2, state: { desired: { a: 2 } } });
        const [delta] = await until('the delta arrives', () => deltas.length > 0 && deltas);
        expect(delta).toMatchObject({ state: { a: 2 }, version: 2 });
        expect(delta?.state).not.toHaveProperty('b');
        const expected = { desired: { a: 2, b: 1 }, reported: { a: 1, b: 1 }, delta: { a: 2 } };
        expect(await get()).toMatchObject({ state: expected, version: 2 });
      },
    );

    test('the identity client gets keys by a claim and registers a thing, which connects with them', async () => {
      const thingName = newName();
      const claim = await cloud.certificate();
      const { identity } = await clientsOf({ ...claim, thing: `claim-of-${thingName}` });
      const keys = await identity.createKeysAndCertificate({});
      const { certificateOwnershipToken = '', certificatePem: cert = '', privateKey: key = '' } = keys;
      const request = { certificateOwnershipToken, parameters: { ThingName: thingName } };
      const refused = identity.registerThing({ ...request, templateName: 'Nobody' });
      await expect(refused).rejects.toMatchObject({ modeledError: { statusCode: expect.any(Number) } });
      const registered = await identity.registerThing({ ...request, templateName: 'Fleet' });
      expect(registered).toEqual({ thingName, deviceConfiguration: { color: 'green' } });
      const { shadow } = await clientsOf({ thing: thingName, cert, key, ca: claim.ca });
      expect(await shadow.updateShadow({ thingName, state: { reported: { here: true } } })).toMatchObject({
        version: 1,
      });
    });
  });

  test('the MQTT 5 client of one device publishes at QoS 1 to that of another', async () => {
    const [near, far] = [await connect5(await cloud.core('sdk-near')), await connect5(await cloud.core('sdk-far'))];
    const received: { readonly topic: string; readonly text: string; readonly type: string | undefined }[] = [];
    far.on('messageReceived', ({ message: { topicName, payload, contentType } }) => {
      received.push({ topic: topicName, text: utf8(payload), type: contentType });
    });
    const qos = mqtt5.QoS.AtLeastOnce;
    const granted = await far.subscribe({ subscriptions: [{ topicFilter: 'plant/+/state', qos }] });
    expect(granted.reasonCodes).toEqual([mqtt5.SubackReasonCode.GrantedQoS1]);
    const message = { topicName: 'plant/7/state', payload: 'grün', contentType: 'text/plain', qos };
    expect(await near.publish(message)).toMatchObject({ reasonCode: mqtt5.PubackReasonCode.Success });
    await until('the message arrives', () => received.length > 0);
    expect(received).toEqual([{ topic: 'plant/7/state', text: 'grün', type: 'text/plain' }]);
    const foreign = await far.subscribe({ subscriptions: [{ topicFilter: '$aws/things/sdk-near/#', qos }] });
    expect(foreign.reasonCodes).toEqual([mqtt5.SubackReasonCode.NotAuthorized]);
  });
}
