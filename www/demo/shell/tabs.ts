// The three panels as tabs, with the keys that tabs have, and a hash for each but the first (whose hash is its view).
import { html } from './dom.ts';

const names = ['explorer', 'photo', 'numbers'] as const;
type Panel = (typeof names)[number];

export function startTabs(): void {
  const tabs = names.map((name) => html(`tab-${name}`));
  let shown: Panel = 'explorer';

  function open(panel: Panel): void {
    if (panel === shown) return;
    shown = panel;
    names.forEach((name, index) => {
      const selected = name === panel;
      tabs[index]!.setAttribute('aria-selected', String(selected));
      tabs[index]!.tabIndex = selected ? 0 : -1;
      html(`panel-${name}`).hidden = !selected;
    });
  }

  const fromHash = () => open(names.find((name) => location.hash === `#${name}`) ?? 'explorer');
  tabs.forEach((tab, index) => {
    tab.addEventListener('click', () => {
      const panel = names[index]!;
      open(panel);
      if (panel !== 'explorer') history.replaceState(null, '', `#${panel}`);
    });
    tab.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: names.length - 1 - index }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = tabs[(index + step + names.length) % names.length]!;
      next.focus();
      next.click();
    });
  });
  addEventListener('hashchange', fromHash);
  fromHash();
}
