// The elements of the page, by the ids that index.html gives them.

/** @throws Error when the page has no such element: page and script do not belong together */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

export const button = (id: string) => byId(id, HTMLButtonElement);
export const canvas = (id: string) => byId(id, HTMLCanvasElement);
export const form = (id: string) => byId(id, HTMLFormElement);
export const html = (id: string) => byId(id, HTMLElement);
export const input = (id: string) => byId(id, HTMLInputElement);
export const select = (id: string) => byId(id, HTMLSelectElement);

/** Elements with text, made without ever parsing HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Pairs of a name and a value, as the rows of a `<dl>`. */
export function facts(pairs: readonly (readonly [name: string, value: string])[]): HTMLElement[] {
  return pairs.map(([name, value]) => make('div', '', make('dt', '', name), make('dd', '', value)));
}

/** Shows a value without touching the page when nothing has changed. */
export function show(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
