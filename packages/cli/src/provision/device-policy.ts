/** Name of the IoT policy that provisioned certificates get; the name that the original installer uses. */
export const devicePolicyName = 'GreengrassV2IoTThingPolicy';

/** The thing that a connection acts as. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable of AWS IoT
const thing = '${iot:Connection.Thing.ThingName}';
const own = `$aws/things/${thing}`;
const iot = (resource: string) => `arn:aws:iot:*:*:${resource}`;
const of = (kind: 'topic' | 'topicfilter', names: readonly string[]) =>
  names.map((name) => iot(`${kind}/${own}/${name}`));

/**
 * What a core device needs, and no more: it connects as its thing (`{T}`, and `{T}#n` for further connections), uses the jobs and
 * the shadows of its thing, reports its health, calls the Greengrass data plane, and gets credentials by the role alias of `config.yaml`. What components publish and subscribe to
 * is for a further policy to say.
 */
export const devicePolicyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: [iot(`client/${thing}`), iot(`client/${thing}#*`)] },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: of('topic', ['greengrass/health/json', 'greengrassv2/health/json', 'jobs/*', 'shadow/*']),
    },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: of('topicfilter', ['jobs/*', 'shadow/*']) },
    {
      Effect: 'Allow',
      Action: ['iot:GetThingShadow', 'iot:UpdateThingShadow', 'iot:DeleteThingShadow'],
      Resource: [iot(`thing/${thing}`), iot(`thing/${thing}/*`)],
    },
    {
      Effect: 'Allow',
      Action: 'iot:AssumeRoleWithCertificate',
      Resource: iot('rolealias/GreengrassV2TokenExchangeRoleAlias'),
    },
    {
      Effect: 'Allow',
      Action: [
        'greengrass:GetComponentVersionArtifact',
        'greengrass:ResolveComponentCandidates',
        'greengrass:GetDeploymentConfiguration',
        'greengrass:ListThingGroupsForCoreDevice',
      ],
      Resource: '*',
    },
  ],
});
