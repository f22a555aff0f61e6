/** Name of the IoT policy that provisioned certificates get; the name that the original installer uses. */
export const devicePolicyName = 'GreengrassV2IoTThingPolicy';

/** What a core device may do: connect as its thing, use its own reserved topics, call the Greengrass data plane, and get credentials. */
export const devicePolicyDocument = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['iot:Connect'],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable of AWS IoT
      Resource: ['arn:aws:iot:*:*:client/${iot:Connection.Thing.ThingName}*'],
    },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Subscribe', 'iot:Receive', 'iot:AssumeRoleWithCertificate', 'greengrass:*'],
      Resource: ['*'],
    },
  ],
});
