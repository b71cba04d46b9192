/** Text that streams printed, that of neighbours of one name joined: on a busy machine it comes in more messages. */
export function joinedStreams(messages: readonly { name: string; text: string }[]): [string, string][] {
  const joined: [name: string, text: string][] = [];
  for (const { name, text } of messages) {
    const last = joined.at(-1);
    if (last?.[0] === name) last[1] += text;
    else joined.push([name, text]);
  }
  return joined;
}
