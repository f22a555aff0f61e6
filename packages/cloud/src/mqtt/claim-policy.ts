// The floor of claim certificates, which are attached to no thing: of what is reserved they may use what provisioning is done with.

/** True for topics and filters that a connection of a claim certificate may publish or subscribe to if its policies allow. */
export function mayClaim(topicOrFilter: string): boolean {
  return ['$aws/certificates/create', '$aws/provisioning-templates/'].some((start) => topicOrFilter.startsWith(start));
}
