/** What is typed to see only some channels: "3, 10-20, dead". */

export interface ChannelFilter {
  test: (channel: number) => boolean;
  /** The parts that mean nothing. */
  unknown: string[];
}

/** `silent(channel)` tells which are meant by "dead". An empty text lets all pass. */
export function channelFilter(text: string, silent: (channel: number) => boolean): ChannelFilter {
  const words = text.split(/[,;]/).map((word) => word.trim()).filter(Boolean);
  const tests: ((channel: number) => boolean)[] = [];
  const unknown: string[] = [];
  for (const word of words) {
    const test = /^(dead|silent)$/i.test(word) ? silent : range(word);
    if (test) tests.push(test);
    else unknown.push(word);
  }
  return { unknown, test: (channel) => words.length === 0 || tests.some((test) => test(channel)) };
}

function range(word: string): ((channel: number) => boolean) | null {
  const match = /^(\d+)(?:\s*(?:-|–|to)\s*(\d+))?$/.exec(word);
  if (!match) return null;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])].sort((a, b) => a - b);
  return (channel) => channel >= from && channel <= to;
}
