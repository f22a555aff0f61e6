// The pure entry of mqtt: topic names, topic filters, matching, and an index of subscriptions by filter.
export { topicMatches } from './match.ts';
export { isTopicFilter, isTopicName } from './names.ts';
export { TopicTrie } from './trie.ts';
