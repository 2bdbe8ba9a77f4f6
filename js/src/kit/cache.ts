/** A cache that forgets what was used longest ago once the costs exceed its limit. */

export class Cache<Value> {
  private readonly entries = new Map<string, { value: Value; cost: number }>();
  private total = 0;

  constructor(private readonly limit: number) {}

  has(key: string): boolean {
    return this.entries.has(key);
  }

  get(key: string): Value | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value, cost = 1): void {
    this.drop(key);
    this.entries.set(key, { value, cost });
    this.total += cost;
    for (const oldest of this.entries.keys()) {
      if (this.total <= this.limit || oldest === key) break;
      this.drop(oldest);
    }
  }

  clear(): void {
    this.entries.clear();
    this.total = 0;
  }

  private drop(key: string): void {
    this.total -= this.entries.get(key)?.cost ?? 0;
    this.entries.delete(key);
  }
}
