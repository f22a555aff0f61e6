import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startCloud, startDevice, swardBin, type TestCloud } from '@greensward/testkit/cloud';
import type { TestProcess } from '@greensward/testkit/processes';
import { findAwsCli } from '@greensward/testkit/programs';
import { temporaryFolder } from '@greensward/testkit/temporary-folder';
import { until } from '@greensward/testkit/until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canMakeNetworks, makeTwoNetworks, type TwoNetworks } from './two-networks.ts';

const execute = promisify(execFile);
const ports = { apiPort: 17_400, devicePort: 18_443, mqttPort: 18_883 };
const component = 'com.example.Remote';
const repository = join(import.meta.dirname, '..', '..');

describe.skipIf(!canMakeNetworks())('cloud and device on two machines (needs root and ip)', () => {
  const temporary = temporaryFolder();
  const data = join(temporary.path, 'cloud');
  const root = join(temporary.path, 'device');
  let networks: TwoNetworks;
  let cloud: TestCloud;
  let device: TestProcess;

  beforeAll(async () => {
    networks = makeTwoNetworks(['cloud.test', 'other.test']);
    cloud = await start('--name', 'cloud.test');
  });

  afterAll(async () => {
    try {
      await Promise.all([device?.stop(), cloud?.process.stop()]);
    } finally {
      networks.remove();
      temporary.remove();
    }
  });

  const start = (...names: readonly string[]) =>
    startCloud(data, { ports, args: ['--host', '0.0.0.0', ...names], through: networks.cloud });

  /** Runs a program on the machine of the device. */
  async function onDevice(
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const [ip = '', ...exec] = networks.device;
    // A machine's own choice of authorities would go before the profile's.
    const { AWS_CA_BUNDLE: _, REQUESTS_CA_BUNDLE: __, ...inherited } = process.env;
    const { stdout } = await execute(ip, [...exec, program, ...args], {
      cwd: repository,
      env: { ...inherited, ...environment },
      timeout: 40_000,
    });
    return stdout;
  }

  const swardOnDevice = (...args: readonly string[]) => onDevice(process.execPath, [swardBin, ...args, '--data', data]);

  /** Runs a module on the machine of the device; what it prints. */
  const script = (text: string, environment: Readonly<Record<string, string>> = {}) =>
    onDevice(process.execPath, ['--input-type=module', '--eval', text], environment);

  const certificateAuthority = join(data, 'ca', 'ca.pem');

  /** Names and fingerprint of the certificate that a port shows for a name. */
  async function certificateOf(name: string, port: number): Promise<{ names: string; fingerprint: string }> {
    const text = await script(`
      import { readFileSync } from 'node:fs';
      import { connect } from 'node:tls';
      const socket = connect({ host: '${name}', port: ${port}, servername: '${name}', ca: readFileSync('${certificateAuthority}') });
      socket.once('secureConnect', () => {
        const { subjectaltname: names, fingerprint256: fingerprint } = socket.getPeerCertificate();
        console.log(JSON.stringify({ names, fingerprint }));
        socket.destroy();
      });
    `);
    return JSON.parse(text);
  }

  test('a device is provisioned over there, and its configuration names this machine', async () => {
    await swardOnDevice('provision', '--thing', 'remote', '--group', 'far', '--out', root);
    const config = readFileSync(join(root, 'config.yaml'), 'utf8');
    expect(config).toContain('iotDataEndpoint: cloud.test');
    expect(config).not.toContain('localhost');
    device = startDevice(root, networks.device);
  });

  test('a deployment with an artifact reaches it', async () => {
    const recipe = join(temporary.path, 'recipe.json');
    const artifact = join(temporary.path, 'remote.sh');
    const request = join(temporary.path, 'deployment.json');
    writeFileSync(artifact, 'echo "from afar"\nexec sleep 3600\n');
    writeFileSync(
      recipe,
      JSON.stringify({
        RecipeFormatVersion: '2020-01-25',
        ComponentName: component,
        ComponentVersion: '1.0.0',
        Manifests: [
          { Artifacts: [{ Uri: 's3://far/remote.sh' }], Lifecycle: { Run: 'exec sh {artifacts:path}/remote.sh' } },
        ],
      }),
    );
    const targetArn = 'arn:aws:iot:us-east-1:000000000000:thinggroup/far';
    writeFileSync(request, JSON.stringify({ targetArn, components: { [component]: { componentVersion: '1.0.0' } } }));
    await swardOnDevice('component', 'publish', recipe, artifact);
    expect(await swardOnDevice('deploy', request, '--wait')).toMatch(/remote {2}SUCCEEDED/);
    await until('the component logs', () =>
      readFileSync(join(root, 'logs', `${component}.log`), 'utf8').includes('from afar'),
    );
  });

  test('the AWS SDK works from there with the certificate authority of the profile, over TLS', async () => {
    expect(readFileSync(join(data, 'aws', 'config'), 'utf8')).toContain(`ca_bundle = ${certificateAuthority}`);
    const text = await script(
      `
      import { GreengrassV2Client, ListCoreDevicesCommand } from '@aws-sdk/client-greengrassv2';
      const client = new GreengrassV2Client({});
      const { coreDevices } = await client.send(new ListCoreDevicesCommand({}));
      console.log(JSON.stringify(coreDevices.map((device) => device.coreDeviceThingName)));
      `,
      { ...cloud.environment, NODE_EXTRA_CA_CERTS: certificateAuthority },
    );
    expect(JSON.parse(text)).toEqual(['remote']);
    expect(readFileSync(join(data, 'aws', 'config'), 'utf8')).toContain('endpoint_url = https://cloud.test:17400');
  });

  test.skipIf(findAwsCli() === undefined)('the stock AWS CLI works from there with the profile alone', async () => {
    const text = await onDevice(findAwsCli() ?? '', ['greengrassv2', 'list-core-devices'], cloud.environment);
    expect(JSON.parse(text).coreDevices).toMatchObject([{ coreDeviceThingName: 'remote' }]);
    const endpoint = await onDevice(findAwsCli() ?? '', ['iot', 'describe-endpoint'], cloud.environment);
    expect(JSON.parse(endpoint)).toEqual({ endpointAddress: 'cloud.test' });
  });

  test('the API port speaks neither plain HTTP nor with who does not know the authority', async () => {
    const text = await script(`
      const tried = await Promise.allSettled([fetch('http://cloud.test:${ports.apiPort}/'), fetch('https://cloud.test:${ports.apiPort}/')]);
      console.log(JSON.stringify(tried.map(({ status }) => status)));
    `);
    expect(JSON.parse(text)).toEqual(['rejected', 'rejected']);
  });

  test('a restart with the same name keeps the certificate, another name renews it, and the device comes back', async () => {
    const before = await certificateOf('cloud.test', ports.devicePort);
    expect(before.names).toContain('DNS:cloud.test');
    await cloud.process.stop();
    cloud = await start('--name', 'cloud.test');
    expect(await certificateOf('cloud.test', ports.devicePort)).toEqual(before);
    await cloud.process.stop();
    cloud = await start('--name', 'other.test', '--name', 'cloud.test');
    for (const port of Object.values(ports)) {
      const after = await certificateOf('other.test', port);
      expect(after.names).toContain('DNS:other.test');
      expect(after.names).toContain('DNS:cloud.test');
      expect(after.fingerprint).not.toBe(before.fingerprint);
    }
    const request = join(temporary.path, 'deployment.json');
    expect(await swardOnDevice('deploy', request, '--wait')).toMatch(/remote {2}SUCCEEDED/);
  });
});
