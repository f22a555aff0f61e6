/**
 * The numbered normative statements of the two standards, each in a few words of our own. `[v3 3.1.2-24]` in a comment or in
 * a test's title stands for [MQTT-3.1.2-24] of MQTT 3.1.1, `[v5 3.1.2-22]` for [MQTT-3.1.2-22] of MQTT 5.0: the two number
 * differently. One bracket may name several.
 */
export interface Statements {
  readonly version: 'v3' | 'v5';
  /** What a server with QoS 0 and 1 must do: an id and its rule a line. Each is cited by code and by a test. */
  readonly applies: string;
  /** What does not apply, by the reason why not; the ids are separated by spaces. */
  readonly exempt: Readonly<Record<string, string>>;
}

export const mqtt311: Statements = {
  version: 'v3',
  applies: `
    1.4.0-1   text is well-formed UTF-8, or the connection closes
    1.4.0-2   text has no U+0000, or the connection closes
    1.4.0-3   a byte order mark is part of the text
    2.2.2-1   reserved flags are sent as the table has them
    2.2.2-2   other flags close the connection
    2.3.1-1   a packet identifier is not 0
    2.3.1-4   what the server sends again keeps its identifier
    2.3.1-5   QoS 0 has no identifier
    2.3.1-6   PUBACK has the identifier of its PUBLISH
    2.3.1-7   SUBACK and UNSUBACK have that of their request
    3.1.0-1   CONNECT comes first
    3.1.0-2   a second CONNECT ends the connection
    3.1.2-1   another protocol name is not served
    3.1.2-2   another protocol level is answered with 0x01
    3.1.2-3   the reserved connect flag is 0
    3.1.2-4   without clean session: resume or make the session, and keep it
    3.1.2-5   QoS 1 messages are kept for a session while its client is away
    3.1.2-6   with clean session: forget the session before, and this one at its end
    3.1.2-7   retained messages outlive sessions
    3.1.2-8   the will is kept, and published at the end that no DISCONNECT announced
    3.1.2-9   with the will flag there is a topic and a message
    3.1.2-10  the will is gone once it is published, or after DISCONNECT
    3.1.2-11  without the will flag its other flags are 0, and it has no fields
    3.1.2-12  without the will flag nothing is published
    3.1.2-13  without the will flag its QoS is 0
    3.1.2-14  the QoS of a will is not 3
    3.1.2-15  without the will flag its retain flag is 0
    3.1.2-16  a will is published without RETAIN when its flag is 0
    3.1.2-17  and as a retained message when it is 1
    3.1.2-18  no user name without its flag
    3.1.2-19  a user name with its flag
    3.1.2-20  no password without its flag
    3.1.2-21  a password with its flag
    3.1.2-22  no password without a user name
    3.1.2-24  a client that is silent for 1.5 times its keep-alive is disconnected
    3.1.3-1   the fields of CONNECT have their order
    3.1.3-2   the client id names the session
    3.1.3-3   the client id is there, and first
    3.1.3-4   it is UTF-8
    3.1.3-5   1 to 23 letters and digits are accepted
    3.1.3-6   an empty one is replaced by a unique one
    3.1.3-8   an empty one without clean session is refused with 0x02
    3.1.3-9   a client id that is refused is answered with 0x02
    3.1.3-10  the topic of a will is UTF-8
    3.1.3-11  the user name is UTF-8
    3.1.4-1   a CONNECT that is not in order is closed without CONNACK
    3.1.4-2   the older of two connections of a client is closed
    3.1.4-3   clean session is applied
    3.1.4-4   an accepted CONNECT is answered with 0
    3.1.4-5   nothing is processed after a refused one
    3.2.0-1   CONNACK is the first packet of the server
    3.2.2-1   clean session: Session Present 0
    3.2.2-2   a session that is there: Session Present 1
    3.2.2-3   none: Session Present 0
    3.2.2-4   a refusal has Session Present 0
    3.2.2-5   a refusal closes the connection
    3.2.2-6   where no return code fits the connection just closes
    3.3.1-1   DUP is 1 on what is sent again
    3.3.1-2   DUP is 0 with QoS 0
    3.3.1-3   DUP of the publisher is not passed on
    3.3.1-4   QoS 3 closes the connection
    3.3.1-5   RETAIN keeps the message and its QoS
    3.3.1-6   a new subscription gets the retained messages
    3.3.1-7   a QoS 0 one also takes the place of the last
    3.3.1-8   RETAIN is 1 on what is sent for a new subscription
    3.3.1-9   RETAIN is 0 towards those that were there
    3.3.1-10  an empty retained message removes the last
    3.3.1-11  and is not kept
    3.3.1-12  without RETAIN nothing retained changes
    3.3.2-1   the topic is there, first, and UTF-8
    3.3.2-2   the topic has no wildcards
    3.3.2-3   the topic of a delivery matches the subscription
    3.3.4-1   a PUBLISH is answered as its QoS says
    3.3.5-1   overlapping subscriptions deliver with the highest QoS
    3.3.5-2   a publish that is not authorized is acknowledged, or the connection closes
    3.8.1-1   flags of SUBSCRIBE
    3.8.3-1   filters are UTF-8
    3.8.3-3   SUBSCRIBE has a filter
    3.8.3-4   reserved bits and QoS 3 in SUBSCRIBE close the connection
    3.8.4-1   SUBSCRIBE is answered with SUBACK
    3.8.4-2   with the same identifier
    3.8.4-3   the same filter again replaces the subscription; retained messages come again
    3.8.4-4   several filters are as several packets with one answer
    3.8.4-5   each has a code: what is granted, or failure
    3.8.4-6   a delivery has the lower of the two QoS
    3.9.3-1   codes have the order of the filters
    3.9.3-2   codes are 0, 1, 2 or 0x80
    3.10.1-1  flags of UNSUBSCRIBE
    3.10.3-1  its filters are UTF-8
    3.10.3-2  it has a filter
    3.10.4-1  a filter is compared as it is written
    3.10.4-2  nothing new is sent for it
    3.10.4-3  what is on its way is completed
    3.10.4-4  UNSUBACK with the same identifier
    3.10.4-5  even when nothing was removed
    3.10.4-6  several filters have one answer
    3.12.4-1  PINGREQ is answered
    3.14.1-1  flags of DISCONNECT
    3.14.4-3  DISCONNECT discards the will
    4.1.0-1   a session is kept for its whole life
    4.1.0-2   it lives at least as long as its connection
    4.3.1-1   QoS 0 is sent with DUP 0
    4.3.2-1   QoS 1: a free identifier, DUP 0, unacknowledged until PUBACK
    4.3.2-2   QoS 1: PUBACK, and then the identifier is new again
    4.4.0-1   what was not acknowledged comes again on the next connection, with its identifier
    4.5.0-1   a message goes to the sessions of all matching subscriptions
    4.6.0-1   what is sent again keeps its order
    4.6.0-5   topics are ordered
    4.6.0-6   messages of one client arrive in their order
    4.7.1-1   no wildcards in topic names
    4.7.1-2   # is alone or after a slash, and last
    4.7.1-3   + fills its level
    4.7.2-1   a wildcard at the root does not match $
    4.7.3-1   names and filters are not empty
    4.7.3-2   and have no U+0000
    4.7.3-3   and at most 65,535 bytes
    4.7.3-4   nothing is normalized
    4.8.0-1   what breaks the protocol closes the connection
    4.8.0-2   so does an error of the server's own
    7.0.0-2   no extension is needed to be served
    7.1.1-1   a transport that is an ordered, lossless stream
  `,
  exempt: {
    'what a client does': '2.3.1-2 2.3.1-3 3.1.2-23 3.1.3-7 3.14.4-1 3.14.4-2 4.5.0-2 4.6.0-2 7.1.2-1',
    'QoS 2 is refused': '3.6.1-1 4.3.3-1 4.3.3-2 4.6.0-3 4.6.0-4',
    'wildcards are supported': '3.8.3-2',
    'WebSocket is not served': '6.0.0-1 6.0.0-2 6.0.0-3 6.0.0-4',
    'the server opens no connections to other servers': '7.0.0-1',
  },
};

export const mqtt5: Statements = {
  version: 'v5',
  applies: `
    1.5.4-1   text is well-formed UTF-8
    1.5.4-2   text has no U+0000
    1.5.4-3   a byte order mark is part of the text
    1.5.5-1   a variable byte integer has its shortest form
    1.5.7-1   both parts of a pair are such text
    2.1.3-1   reserved flags have their value
    2.2.1-2   QoS 0 has no identifier
    2.2.1-4   the server uses identifiers that are free and not 0
    2.2.1-5   PUBACK has the identifier of its PUBLISH
    2.2.1-6   SUBACK and UNSUBACK have that of their request
    2.2.2-1   no properties are a length of 0
    3.1.0-1   CONNECT comes first
    3.1.0-2   a second CONNECT is a protocol error
    3.1.2-1   another protocol name is not served
    3.1.2-2   another protocol version is not served
    3.1.2-3   the reserved connect flag is 0
    3.1.2-4   Clean Start forgets the session before
    3.1.2-5   without it a session is resumed
    3.1.2-6   or a new one is made
    3.1.2-7   the will is kept
    3.1.2-8   the will is published after the end, its delay or the end of the session, but not after a normal DISCONNECT
    3.1.2-9   with the will flag there are its fields
    3.1.2-10  the will is gone once it is published, or after DISCONNECT
    3.1.2-11  without the will flag its QoS is 0
    3.1.2-12  the QoS of a will is not 3
    3.1.2-13  without the will flag its retain flag is 0
    3.1.2-14  a will is published without RETAIN when its flag is 0
    3.1.2-15  and as a retained message when it is 1
    3.1.2-16  no user name without its flag
    3.1.2-17  a user name with its flag
    3.1.2-18  no password without its flag
    3.1.2-19  a password with its flag
    3.1.2-22  a client that is silent for 1.5 times its keep-alive is disconnected
    3.1.2-23  a session is kept when its expiry is more than 0
    3.1.2-24  nothing larger than the client's Maximum Packet Size is sent
    3.1.2-25  such a message is as if it had been delivered
    3.1.2-26  no topic alias above the client's maximum
    3.1.2-27  and none where it is 0
    3.1.2-28  no Response Information where none is asked for
    3.1.2-29  no Reason String and User Property where they are not wanted
    3.1.3-1   the fields of CONNECT have their order
    3.1.3-2   the client id names the session
    3.1.3-3   the client id is there, and first
    3.1.3-4   it is UTF-8
    3.1.3-5   1 to 23 letters and digits are accepted
    3.1.3-6   an empty one is replaced by a unique one
    3.1.3-7   which the client is told
    3.1.3-8   a client id that is refused closes the connection
    3.1.3-9   no will when its client is back within the delay
    3.1.3-10  user properties of a will keep their order
    3.1.3-11  the topic of a will is UTF-8
    3.1.3-12  the user name is UTF-8
    3.1.4-1   a CONNECT that is not in order closes the connection
    3.1.4-2   so does one that is refused
    3.1.4-3   the older of two connections of a client is told 0x8E and closed
    3.1.4-4   Clean Start is applied
    3.1.4-5   an accepted CONNECT is answered with 0
    3.1.4-6   nothing is processed after a refused one
    3.2.0-1   CONNACK is the first packet of the server
    3.2.0-2   there is one CONNACK
    3.2.2-1   its reserved flags are 0
    3.2.2-2   Clean Start: Session Present 0
    3.2.2-3   else Session Present says what is there
    3.2.2-6   a refusal has Session Present 0
    3.2.2-7   a refusal closes the connection
    3.2.2-8   CONNACK has one of its reason codes
    3.2.2-9   a server without QoS 2 says so
    3.2.2-10  and takes subscriptions of QoS 2 all the same
    3.2.2-12  and refuses a will of QoS 2
    3.2.2-16  an assigned client id is used by nobody else
    3.2.2-19  no Reason String that is too large in CONNACK
    3.2.2-20  no User Property that is too large in CONNACK
    3.2.2-22  without Server Keep Alive that of the client holds
    3.3.1-1   DUP is 1 on what is sent again
    3.3.1-2   DUP is 0 with QoS 0
    3.3.1-3   DUP of the publisher is not passed on
    3.3.1-4   QoS 3 is malformed
    3.3.1-5   RETAIN keeps the message in place of the last
    3.3.1-6   an empty one removes it
    3.3.1-7   and is not kept
    3.3.1-8   without RETAIN nothing retained changes
    3.3.1-9   Retain Handling 0 sends retained messages
    3.3.1-10  1 sends them to new subscriptions
    3.3.1-11  2 sends none
    3.3.1-12  without Retain As Published RETAIN is 0
    3.3.1-13  with it as it was published
    3.3.2-1   the topic is there, first, and UTF-8
    3.3.2-2   the topic has no wildcards
    3.3.2-3   the topic of a delivery matches the subscription
    3.3.2-4   Payload Format Indicator is passed on
    3.3.2-5   an expired message is not delivered
    3.3.2-6   the expiry is passed on, less the wait
    3.3.2-7   topic aliases end with their connection
    3.3.2-8   alias 0 is not sent
    3.3.2-11  no alias above the client's maximum
    3.3.2-12  all aliases up to our maximum are taken
    3.3.2-13  Response Topic is UTF-8
    3.3.2-14  and has no wildcards
    3.3.2-15  Response Topic is passed on
    3.3.2-16  Correlation Data is passed on
    3.3.2-17  User Properties are passed on
    3.3.2-18  in their order
    3.3.2-19  Content Type is UTF-8
    3.3.2-20  Content Type is passed on
    3.3.4-1   a PUBLISH is answered as its QoS says
    3.3.4-2   overlapping subscriptions deliver with the highest QoS
    3.3.4-3   a delivery has the identifier of its subscription
    3.3.4-4   one for several has those of all
    3.3.4-9   not more unacknowledged than the client's Receive Maximum
    3.3.4-10  which delays nothing else
    3.4.2-1   PUBACK has one of its reason codes
    3.4.2-2   no Reason String that is too large in PUBACK
    3.4.2-3   no User Property that is too large in PUBACK
    3.8.1-1   flags of SUBSCRIBE
    3.8.3-1   filters are UTF-8
    3.8.3-2   SUBSCRIBE has a filter
    3.8.3-3   No Local keeps messages from their publisher
    3.8.3-4   and is a protocol error with a shared subscription
    3.8.3-5   reserved bits in SUBSCRIBE are malformed
    3.8.4-1   SUBSCRIBE is answered with SUBACK
    3.8.4-2   with the same identifier
    3.8.4-3   the same filter again replaces the subscription
    3.8.4-4   retained messages come again as Retain Handling says, and no message is lost
    3.8.4-5   several filters are as several packets with one answer
    3.8.4-6   each has a reason code
    3.8.4-7   which is what is granted, or why not
    3.8.4-8   a delivery has the lower of the two QoS
    3.9.2-1   no Reason String that is too large in SUBACK
    3.9.2-2   no User Property that is too large in SUBACK
    3.9.3-1   reason codes have the order of the filters
    3.9.3-2   SUBACK has its reason codes
    3.10.1-1  flags of UNSUBSCRIBE
    3.10.3-1  its filters are UTF-8
    3.10.3-2  it has a filter
    3.10.4-1  a filter is compared as it is written
    3.10.4-2  nothing new is sent for it
    3.10.4-3  what is on its way is completed
    3.10.4-4  it is answered with UNSUBACK
    3.10.4-5  with the same identifier, even when nothing was removed
    3.10.4-6  several filters have one answer
    3.11.2-1  no Reason String that is too large in UNSUBACK
    3.11.2-2  no User Property that is too large in UNSUBACK
    3.11.3-1  reason codes have the order of the filters
    3.11.3-2  UNSUBACK has its reason codes
    3.12.4-1  PINGREQ is answered
    3.14.0-1  no DISCONNECT before an accepting CONNACK
    3.14.1-1  flags of DISCONNECT
    3.14.2-1  DISCONNECT has one of its reason codes
    3.14.2-2  the server's has no Session Expiry Interval
    3.14.2-3  no Reason String that is too large in DISCONNECT
    3.14.2-4  no User Property that is too large in DISCONNECT
    3.14.4-1  nothing is sent after DISCONNECT
    3.14.4-2  the connection closes after DISCONNECT
    3.14.4-3  a normal DISCONNECT discards the will
    3.15.1-1  flags of AUTH
    4.1.0-1   a session is not discarded while it has a connection
    4.1.0-2   it is discarded when its expiry has passed
    4.2.0-1   a transport that is an ordered, lossless stream
    4.3.1-1   QoS 0 is sent with DUP 0
    4.3.2-1   QoS 1: a free identifier
    4.3.2-2   QoS 1: first sent with DUP 0
    4.3.2-3   QoS 1: unacknowledged until PUBACK
    4.3.2-4   QoS 1: a received one is acknowledged once it is ours
    4.3.2-5   QoS 1: then its identifier is new again
    4.4.0-1   what was not acknowledged comes again on the next connection, with its identifier, and at no other time
    4.4.0-2   what was refused does not come again
    4.5.0-1   a message goes to the sessions of all matching subscriptions
    4.6.0-5   messages of one client arrive in their order
    4.6.0-6   topics are ordered
    4.7.0-1   no wildcards in topic names
    4.7.1-1   # is alone or after a slash, and last
    4.7.1-2   + fills its level
    4.7.2-1   a wildcard at the root does not match $
    4.7.3-1   names and filters are not empty
    4.7.3-2   and have no U+0000
    4.7.3-3   and at most 65,535 bytes
    4.7.3-4   nothing is normalized
    4.8.2-1   a share name has a character
    4.8.2-2   and none of / + #, and a filter follows
    4.8.2-3   each member gets its own granted QoS
    4.8.2-6   a message that a member refused goes to no other
    4.9.0-1   the send quota begins at no more than Receive Maximum
    4.9.0-2   at 0 no QoS 1 message is sent
    4.9.0-3   but all else is processed
    4.12.0-1  a method that is not supported ends the connection
    4.12.0-6  without a method none is named, and no AUTH is sent
    4.13.1-1  what is malformed or breaks the protocol closes the connection
    4.13.2-1  so does each reason code of 0x80 and more in CONNACK and DISCONNECT
  `,
  exempt: {
    'what a client does':
      '2.2.1-3 3.1.2-20 3.1.2-21 3.1.2-30 3.2.2-4 3.2.2-5 3.2.2-11 3.2.2-14 3.2.2-15 3.2.2-17 3.2.2-18 3.2.2-21 3.3.2-9 3.3.2-10 3.3.4-6 3.3.4-7 3.3.4-8 4.5.0-2 4.6.0-1 4.6.0-2 4.12.0-7',
    'QoS 2 is refused':
      '3.5.2-1 3.5.2-2 3.5.2-3 3.6.1-1 3.6.2-1 3.6.2-2 3.6.2-3 3.7.2-1 3.7.2-2 3.7.2-3 4.3.3-1 4.3.3-2 4.3.3-3 4.3.3-4 4.3.3-5 4.3.3-6 4.3.3-7 4.3.3-8 4.3.3-9 4.3.3-10 4.3.3-11 4.3.3-12 4.3.3-13 4.6.0-3 4.6.0-4 4.8.2-4 4.8.2-5',
    'enhanced authentication is not supported':
      '3.15.2-1 3.15.2-2 3.15.2-3 4.12.0-2 4.12.0-3 4.12.0-4 4.12.0-5 4.12.1-1 4.12.1-2',
    'retained messages are supported': '3.2.2-13',
    'a session gets one copy of a message': '3.3.4-5',
    'WebSocket is not served': '6.0.0-1 6.0.0-2 6.0.0-3 6.0.0-4',
  },
};
