/** What the manual page says about the language of --filter. docs/filters.md says more. */

/** Every term, by its name in a filter. */
export const FILTER_TERMS: readonly (readonly [name: string, values: string, help: string])[] = [
  [
    'host',
    'ADDRESS[/LENGTH]',
    'an address of the flow: source or destination, of the original direction or of the reply',
  ],
  ['port', 'PORT', 'a port of the flow, likewise'],
  ['src, dst', 'ADDRESS[/LENGTH]', 'addresses of the original direction; orig.src and reply.src name the direction'],
  ['sport, dport', 'PORT', 'ports of the original direction; orig.sport and reply.sport name the direction'],
  ['proto', 'PROTOCOL', 'layer 4 protocol of the original direction; tcp, udp and the like are terms of their own'],
  ['icmpType, icmpCode, icmpId', 'NUMBER', 'of the original direction; reply.icmpType and the like of the reply'],
  ['family', 'ipv4|ipv6', 'layer 3 protocol; ipv4 and ipv6 are terms of their own'],
  ['zone', 'ZONE', 'zone of the flow; orig.zone and reply.zone of a direction'],
  ['mark', 'MARK[/MASK]', 'mark'],
  ['status', 'STATUS[+STATUS...][/MASK]', 'status bits that must be set; with a mask those of the mask must be so'],
  ['labels', 'LABEL', 'a label, by name or number'],
  ['tcp.state, sctp.state', 'STATE', 'state of the protocol'],
  ['helper', 'NAME', 'name of the helper'],
  ['nat', 'src|dst|any|none', 'which ends NAT translates'],
  ['timeout', 'SECONDS', 'seconds until the flow expires'],
  [
    'counters.packets, counters.bytes',
    'NUMBER',
    'of both directions together; counters.orig.bytes and the like of one',
  ],
  ['expected', '[true|false]', 'whether a helper expected the flow'],
  ['any', '', 'every flow'],
];

export const FILTER_RULES: readonly string[] = [
  'A filter is a text of terms such as host 10.0.0.0/8, joined with and, or, not and parentheses. && || and ! mean the same, and binds stronger than or.',
  'A term takes a value, or several with commas between, any of which may match: port 53,80,8000-8100. Marks, ports, timeouts and counters take ranges, and < <= > >= before a number: counters.bytes >= 1000000. != before the values means none of them. A value in double quotes may have any character.',
  'A flow that lacks what a term is about does not match it, and matches the term behind not: an ICMP flow has no ports, a DESTROY event no labels. Only a mark, status or zone that is missing is 0.',
  'Other options select as well: what matches all of them is selected, and --filter may be given more than once. -D and -U refuse a filter that excludes nothing.',
];
