/** A model without a host: what exported pages, tests and the development harness run a widget on. */

type React = (...values: any[]) => void;

export class PlainModel {
  private readonly reactions = new Map<string, Set<React>>();
  /** Every message the widget sent. */
  readonly sent: { content: any; buffers: unknown[] }[] = [];
  /** Called with the names of the traits that were set since the last call. */
  onsave: (names: string[]) => void = () => {};
  onsend: (content: any, buffers: unknown[]) => void = () => {};
  private unsaved = new Set<string>();

  constructor(private readonly state: Record<string, any>) {}

  get(name: string): any {
    return this.state[name];
  }

  set(name: string, value: unknown): void {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.unsaved.add(name);
    this.emit(`change:${name}`, this, value);
    this.emit("change", this);
  }

  save_changes(): void {
    const names = [...this.unsaved];
    this.unsaved.clear();
    if (names.length) this.onsave(names);
  }

  send(content: unknown, _callbacks?: unknown, buffers: unknown[] = []): void {
    this.sent.push({ content, buffers });
    this.onsend(content, buffers);
  }

  on(event: string, react: React): void {
    if (!this.reactions.has(event)) this.reactions.set(event, new Set());
    this.reactions.get(event)!.add(react);
  }

  off(event?: string | null, react?: React | null): void {
    if (event == null) this.reactions.clear();
    else if (react == null) this.reactions.delete(event);
    else this.reactions.get(event)?.delete(react);
  }

  emit(event: string, ...values: unknown[]): void {
    for (const react of [...(this.reactions.get(event) ?? [])]) react(...values);
  }

  /** How many listeners there are, so that a test can see whether a view left any behind. */
  get listeners(): number {
    return [...this.reactions.values()].reduce((sum, set) => sum + set.size, 0);
  }
}
